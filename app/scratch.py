"""A folder of this process for everything that visitors send and get, which does not outlive it, however it ends.

A process that is killed cannot clean up, so a small second one waits for its end and deletes the folder; and the next
start deletes what both may have left.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from filelock import FileLock, Timeout

_PREFIX = "hsc-"
_LOCK = ".lock"
# Waits until its input ends, which is when the process at the other end does, however that comes about.
_CLEANER = """
import shutil, sys, time
sys.stdin.buffer.read()
for _ in range(20):
    shutil.rmtree(sys.argv[1], ignore_errors=True)
    time.sleep(0.25)
"""


class Scratch:
    """A folder that goes when this process does.

    Args:
        base: where it is made; by default in ``GRADIO_TEMP_DIR``, or the system's folder for temporary files.

    Attributes:
        path: the folder.
    """

    def __init__(self, base: Path | None = None) -> None:
        if base is None:
            given = os.environ.get("GRADIO_TEMP_DIR")
            base = Path(given) if given else Path(tempfile.gettempdir())
        base.mkdir(parents=True, exist_ok=True)
        sweep(base)
        self.path = base.resolve() / f"{_PREFIX}{secrets.token_hex(8)}"
        self.path.mkdir(mode=0o700)
        self._lock = FileLock(self.path / _LOCK)
        self._lock.acquire()
        self._cleaner = subprocess.Popen(
            [sys.executable, "-S", "-E", "-c", _CLEANER, str(self.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=os.path.sep,
            start_new_session=True,  # Ctrl-C in a terminal, and signals to the group, are not for it
        )
        atexit.register(self.close)

    def use(self) -> None:
        """Let Gradio keep its uploads here, and everything else its temporary files."""
        for name in ("uploads", "work"):
            (self.path / name).mkdir(exist_ok=True)
        os.environ["GRADIO_TEMP_DIR"] = str(self.path / "uploads")
        os.environ["TMPDIR"] = tempfile.tempdir = str(self.path / "work")  # of programs that are started, too

    def close(self) -> None:
        """Delete the folder; done at the end of the process in any case."""
        atexit.unregister(self.close)
        self._lock.release()
        shutil.rmtree(self.path, ignore_errors=True)
        with contextlib.suppress(OSError):
            self._cleaner.stdin.close()


def sweep(base: Path) -> None:
    """Delete the folders of processes that are no more."""
    for path in base.glob(f"{_PREFIX}*"):
        if path.is_symlink() or not path.is_dir() or not (path / _LOCK).exists():
            continue
        lock = FileLock(path / _LOCK)
        try:
            lock.acquire(timeout=0)
        except (Timeout, OSError):  # somebody's who is there, or not ours to touch
            continue
        lock.release()
        shutil.rmtree(path, ignore_errors=True)
