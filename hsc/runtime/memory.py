"""Keep memory that large tensors leave, instead of returning it to the system at once.

By default glibc maps every large block anew and unmaps it when it is freed, so that each pass through the generator
pays for page faults on hundreds of megabytes: up to three quarters of its time on a CPU.
"""

from __future__ import annotations

import atexit
import ctypes
import sys
import threading
import time
from collections.abc import Callable

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -2, -3, -8  # mallopt(3)
_kept = False


def keeps_memory() -> bool:
    """Whether this process does, after :func:`keep_memory`: what is freed there is had again for nothing."""
    return _kept


def keep_memory() -> None:
    """Set the thresholds of glibc's malloc for this process; does nothing where there is no glibc."""
    global _kept
    if not sys.platform.startswith("linux"):
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):  # another C library
        return
    mallopt(_MMAP_THRESHOLD, 1 << 30)
    mallopt(_TRIM_THRESHOLD, 1 << 30)
    mallopt(_TOP_PAD, 1 << 26)
    mallopt(_ARENA_MAX, 2)  # threads of branches would keep what they freed, each in a heap of its own
    _kept = True


_acting = threading.Lock()
# A thread that is in a library when the interpreter goes would end the process with an error.
atexit.register(_acting.acquire)


class WhenIdle:
    """Does something in the background, once nobody has put it off for a while.

    Args:
        action: what to do; errors are its own matter.
        pause: seconds that nobody must have put it off for.
    """

    def __init__(self, action: Callable[[], None], pause: float = 1.0) -> None:
        self._action, self._pause = action, pause
        self._lock, self._due, self._waiting = threading.Lock(), 0.0, False

    def put_off(self) -> None:
        """Do it, but not before the pause has passed from now on; returns at once."""
        with self._lock:
            self._due = time.monotonic() + self._pause
            if self._waiting:
                return
            self._waiting = True
        threading.Thread(target=self._wait, name="hsc-when-idle", daemon=True).start()

    def _wait(self) -> None:
        while True:
            with self._lock:
                rest = self._due - time.monotonic()
                self._waiting = rest > 0
            if rest <= 0:
                break
            time.sleep(rest)
        with _acting:
            self._action()
