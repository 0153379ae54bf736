"""What a shift of S does to faces, measured on rendered pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image

from directions.attributes import SCALES
from directions.scorers.panel import COLUMNS

if TYPE_CHECKING:
    from directions.render import PreviewRenderer
    from directions.scorers import ScorerPanel
    from hsc.identity import IdentityNetwork


@dataclass(frozen=True)
class Effect:
    """Of one shift on N faces.

    Attributes:
        before, after: scores ``(N, len(COLUMNS))``.
        identity: cosine of the embeddings before and after ``(N,)``.
    """

    before: np.ndarray
    after: np.ndarray
    identity: np.ndarray

    def change(self, column: str) -> np.ndarray:
        """Changes of one score ``(N,)``."""
        index = COLUMNS.index(column)
        return self.after[:, index] - self.before[:, index]

    def side_effect(self, columns: tuple[str, ...]) -> float:
        """Root mean square, over columns, of mean changes in noticeable units (:data:`SCALES`)."""
        return float(np.sqrt(np.mean([(self.change(name).mean() / SCALES[name]) ** 2 for name in columns])))


class Bench:
    """A fixed set of faces to try shifts on.

    Args:
        codes: ``(N, 16, 512)`` float32.
    """

    def __init__(
        self, codes: np.ndarray, renderer: PreviewRenderer, panel: ScorerPanel, identity: IdentityNetwork
    ) -> None:
        self.codes, self._render, self._panel, self._identity = codes, renderer, panel, identity
        self.before, self._embeddings, self.pictures = self._measure(codes)

    def try_shift(self, shift: np.ndarray, faces: slice = slice(None)) -> Effect:
        """Add a shift ``(16, 512)`` to the codes of some faces."""
        after, embeddings, _ = self._measure(self.codes[faces] + shift[None].astype(np.float32))
        return Effect(self.before[faces], after, (self._embeddings[faces] * embeddings).sum(1))

    def picture(self, shift: np.ndarray, faces: slice = slice(None)) -> np.ndarray:
        """Pictures ``(N, 256, 256, 3)`` uint8 after a shift."""
        return self._render(self.codes[faces] + shift[None].astype(np.float32))

    def _measure(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        pictures = self._render(codes)
        scores = self._panel([Image.fromarray(picture) for picture in pictures])
        with torch.inference_mode():
            tensor = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1
            embeddings = self._identity(tensor).numpy()
        return scores, embeddings, pictures


def spread(direction: np.ndarray, layers: range) -> np.ndarray:
    """A direction of W ``(512,)`` on some layers: ``(16, 512)`` float32."""
    shift = np.zeros((16, 512), np.float32)
    shift[list(layers)] = direction
    return shift
