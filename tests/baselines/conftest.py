"""Pictures that are coded quickly: small, with smooth parts, edges, texture and colour."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image


def draw(width: int, height: int) -> Image.Image:
    """A shaded, coloured, slightly grainy scene with one hard edge; deterministic."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    red = 128 + 90 * np.sin(x / 17) * np.cos(y / 23)
    green = 255 * x / max(width - 1, 1)
    blue = np.where(x + y > (width + height) / 2, 200.0, 40.0)
    grain = np.random.default_rng(0).normal(0.0, 6.0, (height, width, 1))
    return Image.fromarray(np.clip(np.stack([red, green, blue], -1) + grain, 0, 255).astype(np.uint8))


@pytest.fixture
def picture() -> Callable[[int, int], Image.Image]:
    """Draws a scene of any width and height."""
    return draw


@pytest.fixture
def scene() -> Image.Image:
    return draw(192, 128)
