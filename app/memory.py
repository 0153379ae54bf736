"""Keeping the server's memory flat: what large pictures leave behind goes back to the system.

glibc gives every thread a heap of its own and keeps what was freed in it; with a pool of threads that render
megapixels in turn, that is gigabytes. Elsewhere than on glibc these functions do nothing.
"""

from __future__ import annotations

import ctypes
import sys
import threading

_M_ARENA_MAX = -8
_ARENAS = 2
_PAUSE = 1.0
"""Seconds between two releases: while memory is given back, nobody can have any, and the next to need some waits."""


def _libc() -> ctypes.CDLL | None:
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "mallopt") and hasattr(libc, "malloc_trim") else None


def share_heaps() -> None:
    """Let all threads share two heaps; to be called before there are many."""
    libc = _libc()
    if libc is not None:
        libc.mallopt(_M_ARENA_MAX, _ARENAS)


def release() -> None:
    """Give free memory back to the system, a few milliseconds' work."""
    libc = _libc()
    if libc is not None:
        libc.malloc_trim(0)


class _Soon:
    """Releases memory in a while, once for all who ask for it meanwhile."""

    def __init__(self) -> None:
        self._asked, self._lock = False, threading.Lock()

    def __call__(self) -> None:
        with self._lock:
            if self._asked:
                return
            self._asked = True
        timer = threading.Timer(_PAUSE, self._release)
        timer.daemon = True
        timer.start()

    def _release(self) -> None:
        with self._lock:
            self._asked = False
        release()


release_soon = _Soon()
"""Give free memory back to the system within a second; however many ask for it, it is done once."""
