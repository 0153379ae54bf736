from __future__ import annotations

import sys

import numpy as np
import pytest

from app import memory


def resident() -> int:
    """Bytes of this process that lie in memory and are no file's."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("RssAnon"))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="measures memory as Linux does")
def test_what_was_freed_goes_back() -> None:
    # Small pieces come from the heap, which keeps them; a last one pins its end, as small objects do.
    pieces = [np.ones(8192, np.uint8) for _ in range(10_000)]
    pin = np.ones(8192, np.uint8)
    full = resident()
    pieces.clear()
    memory.release()
    assert full - resident() > 50_000_000
    assert pin.all()
