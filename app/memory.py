"""Keeping the server's memory flat: what large pictures leave behind goes back to the system.

glibc gives every thread a heap of its own and keeps what was freed in it; with a pool of threads that render
megapixels in turn, that is gigabytes. Elsewhere than on glibc these functions do nothing.
"""

from __future__ import annotations

import ctypes
import sys

_M_ARENA_MAX = -8
_ARENAS = 2


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
