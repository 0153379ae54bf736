"""Semantics to pictures: G_l at full size, or an instant preview."""

from __future__ import annotations

import numpy as np
from PIL import Image

from hsc.architecture import DETAIL_LEVEL, SIZE
from hsc.errors import BitstreamError
from hsc.imaging import images
from hsc.inference.engine import Engine
from hsc.semantics import Semantics, to_array

SIZES = (1024, 512, 256)
"""Sides in pixels that pictures can be rendered to."""


class Renderer:
    """Runs the generator's upper half.

    Args:
        engine: that computes it.
        level: generator level of the finest F.
    """

    def __init__(self, engine: Engine, level: int) -> None:
        self._engine, self._level = engine, level

    def render(self, semantics: Semantics, size: int = SIZE) -> Image.Image:
        """A picture of side 1024, 512 or 256 pixels; smaller ones are averaged down from 1024.

        Raises:
            ValueError: the size is another.
            BitstreamError: the numbers overflow, as those of a file or an edit that no face has can.
        """
        if size not in SIZES:
            raise ValueError(f"The size must be one of {SIZES}, not {size}.")
        picture = _drawable(self._engine.image(self.features(semantics), to_array(semantics.codes)))
        if size < SIZE:
            step = SIZE // size
            np.clip(picture, -1, 1, out=picture)
            picture = picture.reshape(1, 3, size, step, size, step).mean((3, 5))
        return images.to_pil(picture)

    def render_preview(self, semantics: Semantics) -> Image.Image:
        """An approximate picture of 256 pixels a side, for a fraction of the time of :meth:`render`.

        Raises:
            BitstreamError: see :meth:`render`.
        """
        return images.to_pil(_drawable(self._engine.preview(self.features(semantics), to_array(semantics.codes))))

    def features(self, semantics: Semantics) -> np.ndarray:
        """The generator's features ``(1, 512, 64, 64)`` above F^, detail included: what both pictures are made of."""
        codes, finest = to_array(semantics.codes), to_array(semantics.features[-1])
        features = self._engine.features(codes, DETAIL_LEVEL, finest, self._level)
        return features if semantics.detail is None else features + to_array(semantics.detail)


def _drawable(picture: np.ndarray) -> np.ndarray:
    """The picture itself.

    Raises:
        BitstreamError: it holds values that are no numbers.
    """
    if not np.isfinite(picture).all():
        raise BitstreamError("This is no face that can be drawn: its numbers are out of all range.")
    return picture
