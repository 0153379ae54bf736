from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import pytest
from gradio_client import Client, handle_file

import directions
from app import memory

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="measures memory as Linux does")


def resident() -> int:
    """Bytes of this process that lie in memory and are no file's."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("RssAnon"))


@linux
def test_what_was_freed_goes_back() -> None:
    # Small pieces come from the heap, which keeps them; a last one pins its end, as small objects do.
    pieces = [np.ones(8192, np.uint8) for _ in range(10_000)]
    pin = np.ones(8192, np.uint8)
    full = resident()
    pieces.clear()
    memory.release()
    assert full - resident() > 50_000_000
    assert pin.all()


def test_it_goes_back_once_for_all_who_ask(monkeypatch) -> None:
    released = []
    monkeypatch.setattr(memory, "release", lambda: released.append(time.monotonic()))
    begun = time.monotonic()
    for _ in range(50):
        memory.release_soon()
    assert not released
    time.sleep(1.5)
    assert len(released) == 1 and released[0] - begun < 1.5
    memory.release_soon()
    time.sleep(1.5)
    assert len(released) == 2


@linux
@pytest.mark.slow
def test_many_edits_take_no_more_memory(studio, serve, photo: Path, tmp_path: Path) -> None:
    if not directions.names():
        pytest.skip("no directions are shipped yet")
    server = serve(["-m", "app"])
    client = Client(server.url, verbose=False, download_files=tmp_path)
    file, _ = client.predict(handle_file(str(photo)), 800, 0, api_name="/compress")
    used = {0: settled(server.pid)}
    for index in range(1, 91):
        strengths = {name: ((7 * index) % 20 - 10) / 10 for name in directions.names()[:3]}
        client.predict(handle_file(file), strengths, 1024, api_name="/edit")
        if index in (15, 30, 60, 90):
            used[index] = settled(server.pid)
    peak = status(server.pid, "VmHWM")
    print("\nMB after so many edits:", used, "peak:", peak)
    assert used[90] - used[15] < 25
    assert peak < 2000


def settled(pid: int) -> int:
    """Memory of a process in MB, once what its last work freed has gone back, which waits for a pause."""
    time.sleep(2.5 * memory._PAUSE)
    return status(pid, "VmRSS")


def status(pid: int, name: str) -> int:
    """A line of a process's status, in MB."""
    with open(f"/proc/{pid}/status") as lines:
        return next(int(line.split()[1]) * 1024 // 10**6 for line in lines if line.startswith(name))
