"""What stands behind the symbols: networks in floating point, whoever computes them."""

from __future__ import annotations

from typing import Protocol

import numpy as np


class Engine(Protocol):
    """Coefficients to style codes, features and pictures. Everything is one face, as float32 arrays.

    No symbol depends on what an engine returns: two may differ as rounding does.
    """

    def codes(self, coefficients: np.ndarray) -> np.ndarray:
        """SCN's synthesis: dequantised coefficients ``(1, 768)`` to S^ ``(1, 16, 512)``."""
        ...

    def mean_codes(self) -> np.ndarray:
        """The mean latent as style codes ``(1, 16, 512)``, which is S^ where a file holds none."""
        ...

    def features(self, codes: np.ndarray, level: int, features: np.ndarray | None = None, start: int = 0) -> np.ndarray:
        """G_s: style codes, or those and features at level ``start``, to features at ``level``."""
        ...

    def feature_change(self, index: int, coefficients: np.ndarray, base: np.ndarray) -> np.ndarray:
        """What dequantised coefficients of a level ``(1, C, h/2, w/2)`` add to features ``(1, 512, h, w)``.

        Args:
            index: of a level of F, or, after those, of detail.
            coefficients: of that level.
            base: what the generator makes of everything before it.
        """
        ...

    def sampled(self, features: np.ndarray, where: np.ndarray) -> np.ndarray:
        """Features ``(1, C, h, h)`` at places ``(1, h, h, 2)``, from -1 to 1: bicubic, edges repeated."""
        ...

    def preview(self, features: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """Features ``(1, 512, 64, 64)`` to an approximate picture ``(1, 3, 256, 256)``, nominally in [-1, 1]."""
        ...

    def image(self, features: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """G_l: features ``(1, 512, 64, 64)`` to the picture ``(1, 3, 1024, 1024)``, nominally in [-1, 1]."""
        ...

    def prepare(self) -> None:
        """Begin what takes time before the first picture, in the background; returns at once."""
        ...
