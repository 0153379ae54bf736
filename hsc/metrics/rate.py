"""What a file costs."""

from __future__ import annotations

from hsc.architecture import SIZE


def bpp(num_bytes: float, width: int = SIZE, height: int = SIZE) -> float:
    """Bits per pixel of a file of ``num_bytes`` for a picture of ``width`` x ``height`` pixels."""
    return num_bytes * 8 / (width * height)
