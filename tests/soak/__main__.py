"""``python -m tests.soak``: many visitors at once; half of them slide, a quarter encode, the others come and go.

Starts the app in a process of its own and measures what its visitors would: how long previews take, how many photos are
compressed, who is refused and with which words, whether a face is lost; and the server's memory. With ``--attackers``
some of them mean ill. With ``--kills`` the server is killed so many times in between, and started again.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import platform
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import click
import numpy as np

from tests.soak.visitors import Record, attacker, person

ROOT = Path(__file__).resolve().parents[2]
ATTACKS = ("scans", "sessions", "uploads", "calls", "tile")


class Server:
    """The app, in a process of its own.

    Args:
        folder: for its temporary files and its log.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        self.start()

    def start(self) -> float:
        """Start it, and wait until it serves; seconds."""
        begun = time.monotonic()
        settings = {"GRADIO_TEMP_DIR": str(self.folder / "files"), "NO_PROXY": "127.0.0.1,localhost"}
        with open(self.folder / "log", "ab") as log:
            command = [sys.executable, "-m", "app", "--host", "127.0.0.1", "--port", str(self.port)]
            self.process = subprocess.Popen(command, cwd=ROOT, env=os.environ | settings, stdout=log, stderr=log)
        while True:
            try:
                urllib.request.urlopen(self.url, timeout=10).close()
                return time.monotonic() - begun
            except (urllib.error.URLError, OSError):
                if self.process.poll() is not None or time.monotonic() - begun > 300:
                    raise SystemExit((self.folder / "log").read_text()[-3000:]) from None
                time.sleep(0.25)

    def kill(self) -> None:
        """End it as no process can prepare for."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(60)

    def memory(self) -> int:
        """Bytes in memory, of the server and of the processes that it started."""
        pids = {str(self.process.pid)}
        for path in Path(f"/proc/{self.process.pid}/task").glob("*/children"):  # each belongs to a thread
            with contextlib.suppress(OSError):
                pids.update(path.read_text().split())
        return sum(map(_resident, pids))

    def files(self) -> list[Path]:
        """Files of visitors on disk."""
        return [path for path in (self.folder / "files").rglob("*") if path.is_file() and path.name != ".lock"]


def _resident(pid: str) -> int:
    try:
        with open(f"/proc/{pid}/status") as status:
            return next((int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS")), 0)
    except OSError:
        return 0


async def crowd(url: str, record: Record, visitors: int, attackers: int, seconds: float, seed: int) -> None:
    """All of them at once."""
    until = time.monotonic() + seconds
    kinds = ["slides", "slides", "encodes", "leaves"]
    tasks = [
        person(url, record, kinds[index % 4], seed + index, until, f"127.0.1.{1 + index % 250}")
        for index in range(visitors)
    ]
    tasks += [
        attacker(url, record, ATTACKS[index % 5], seed - 1 - index, until, f"127.0.2.{1 + index % 250}")
        for index in range(attackers)
    ]
    await asyncio.wait([asyncio.create_task(task) for task in tasks], timeout=seconds + 60)


async def watched(server: Server, samples: list[int], seconds: float) -> None:
    """Note the memory every few seconds."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        samples.append(server.memory())
        await asyncio.sleep(5)


async def _soak(server: Server, record: Record, samples: list[int], **how: Any) -> None:
    await asyncio.gather(crowd(server.url, record, **how), watched(server, samples, how["seconds"]))


def figures(record: Record, samples: list[int], seconds: float) -> dict[str, Any]:
    """What is told of a run."""
    times = {
        what: {
            "count": len(found), "median_s": round(float(np.median(found)), 2),
            "p95_s": round(float(np.percentile(found, 95)), 2), "most_s": round(max(found), 2),
        }
        for what, found in sorted(record.seconds.items())
    }  # fmt: skip
    third = max(1, len(samples) // 3)
    refused = Counter({said: count for said, count in record.refused.items() if count})
    return {
        "times": times,
        "encodes_a_minute": round(60 * len(record.seconds.get("encode", [])) / seconds, 1),
        "refused": dict(refused.most_common(12)),
        "failed": dict(record.failed.most_common(12)),
        "lost_sessions": record.lost,
        "memory_MB": {
            "first_third": round(float(np.mean(samples[:third])) / 1e6), "last_third":
            round(float(np.mean(samples[-third:])) / 1e6), "most": round(max(samples) / 1e6),
        },
    }  # fmt: skip


def killed(server: Server, times: int, visitors: int, seed: int) -> list[dict[str, Any]]:
    """Kill the server at moments of a crowd's visit; how soon the next serves, and what is left of the visitors."""
    found = []
    rng = np.random.default_rng(seed)
    for index in range(times):
        seconds = float(rng.uniform(5, 25))
        asyncio.run(crowd_until_killed(server, visitors, seconds, seed + 1000 * index))
        before = len(server.files())
        serves = server.start()
        deadline = time.monotonic() + 60
        while server.files() and time.monotonic() < deadline:
            time.sleep(0.1)
        found.append(
            {
                "after_s": round(seconds, 1),
                "files_then": before,
                "serves_in_s": round(serves, 1),
                "files_left": len(server.files()),
            }
        )
        click.echo(json.dumps(found[-1]), err=True)
    return found


async def crowd_until_killed(server: Server, visitors: int, seconds: float, seed: int) -> None:
    """Visitors, until the server is no more."""
    tasks = asyncio.create_task(crowd(server.url, Record(), visitors, 0, seconds + 30, seed))
    await asyncio.sleep(seconds)
    server.kill()
    tasks.cancel()
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    await asyncio.sleep(0.5)


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--minutes", default=10.0)
@click.option("--visitors", default=50)
@click.option("--attackers", default=0, help="Of those kinds: " + ", ".join(ATTACKS))
@click.option("--kills", default=0, help="Instead, kill the server so many times.")
@click.option("--seed", default=0)
@click.option("--out", type=click.Path(path_type=Path), help="Write the figures here, as JSON.")
def main(minutes: float, visitors: int, attackers: int, kills: int, seed: int, out: Path | None) -> None:
    """Visit the app with many people at once."""
    record, samples = Record(), []
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder))
        told: dict[str, Any] = {
            "date": time.strftime("%Y-%m-%d"), "machine": f"{platform.machine()}, {os.cpu_count()} CPUs",
            "load_of_others": round(os.getloadavg()[0], 1), "visitors": visitors, "attackers": attackers,
        }  # fmt: skip
        try:
            if kills:
                told["kills"] = killed(server, kills, visitors, seed)
            else:
                how = {"visitors": visitors, "attackers": attackers, "seconds": 60 * minutes, "seed": seed}
                asyncio.run(_soak(server, record, samples, **how))
                told |= {"minutes": minutes, **figures(record, samples, 60 * minutes)}
        finally:
            server.stop()
        told["tracebacks"] = (Path(folder) / "log").read_text(errors="replace").count("Traceback")
        log = (Path(folder) / "log").read_text(errors="replace")
    text = json.dumps(told, indent=2)
    click.echo(text)
    if told["tracebacks"]:
        click.echo(log[-4000:], err=True)
    if out is not None:
        out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
