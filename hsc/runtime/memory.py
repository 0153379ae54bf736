"""Keep memory that large tensors leave, instead of returning it to the system at once.

By default glibc maps every large block anew and unmaps it when it is freed, so that each pass through the generator
pays for page faults on hundreds of megabytes: up to three quarters of its time on a CPU.
"""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3  # mallopt(3)


def keep_memory() -> None:
    """Set the thresholds of glibc's malloc for this process; does nothing where there is no glibc."""
    if not sys.platform.startswith("linux"):
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):  # another C library
        return
    mallopt(_MMAP_THRESHOLD, 1 << 30)
    mallopt(_TRIM_THRESHOLD, 1 << 30)
    mallopt(_TOP_PAD, 1 << 26)
