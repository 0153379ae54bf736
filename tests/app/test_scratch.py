"""Nothing of a visitor outlives the server, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.scratch import Scratch, sweep

ROOT = Path(__file__).resolve().parents[2]
_PROGRAM = """
import sys, tempfile, time
from pathlib import Path
from app.scratch import Scratch
scratch = Scratch(Path(sys.argv[1]))
scratch.use()
Path(tempfile.mkdtemp(), "face.png").write_bytes(b"face")
print(scratch.path, flush=True)
if sys.argv[2] != "end":
    time.sleep(60)
"""


def start(base: Path, how: str) -> tuple[subprocess.Popen, Path]:
    command = [sys.executable, "-c", _PROGRAM, str(base), how]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    return process, Path(process.stdout.readline().strip())


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("how", ["end", signal.SIGTERM, signal.SIGKILL, signal.SIGINT], ids=str)
def test_the_folder_goes_with_its_process(tmp_path: Path, how) -> None:
    process, folder = start(tmp_path, str(how))
    assert folder.parent == tmp_path
    if how != "end":
        assert list(folder.rglob("face.png"))
        process.send_signal(how)
    process.wait(30)
    deadline = time.monotonic() + 20
    while folder.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not folder.exists()


def test_the_next_start_deletes_what_was_left_and_nothing_else(tmp_path: Path, monkeypatch) -> None:
    dead, other = tmp_path / "hsc-dead", tmp_path / "hsc-of-somebody"
    for folder in (dead, other):
        folder.mkdir()
        (folder / "face.png").write_bytes(b"face")
    (dead / ".lock").touch()
    living, its_folder = start(tmp_path, "wait")
    sweep(tmp_path)
    assert not dead.exists() and other.exists() and its_folder.exists()
    living.kill()
    living.wait()


def test_a_folder_is_for_its_owner_alone(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    assert scratch.path.stat().st_mode & 0o077 == 0 or os.name != "posix"
    scratch.close()
    assert not scratch.path.exists()
