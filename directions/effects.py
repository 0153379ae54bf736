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
        pictures: after the shift ``(N, 256, 256, 3)`` uint8.
    """

    before: np.ndarray
    after: np.ndarray
    identity: np.ndarray
    pictures: np.ndarray

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
        residuals: ``(N, 512, 16, 16)`` float32 for decoded photos, see
        :class:`directions.render.PreviewRenderer`. source: what these faces are, in words.
    """

    def __init__(
        self,
        codes: np.ndarray,
        render: PreviewRenderer,
        panel: ScorerPanel,
        identity: IdentityNetwork,
        residuals: np.ndarray | None = None,
        source: str = "random faces",
    ) -> None:
        self._codes, self._residuals, self.source = codes, residuals, source
        self._render, self._panel, self._identity = render, panel, identity
        self.before, self._embeddings, self.pictures = self._measure(
            np.arange(len(codes)), np.zeros((16, 512))
        )

    def __len__(self) -> int:
        return len(self._codes)

    def try_shift(self, shift: np.ndarray, faces: np.ndarray | None = None) -> Effect:
        """Add a shift ``(16, 512)`` to the codes of some faces, given by index; of all by default."""
        faces = np.arange(len(self)) if faces is None else faces
        after, embeddings, pictures = self._measure(faces, shift)
        return Effect(self.before[faces], after, (self._embeddings[faces] * embeddings).sum(1), pictures)

    def choose(self, count: int, column: str, low: bool) -> np.ndarray:
        """Indexes of ``count`` faces, those with least of an attribute if ``low``, else evenly spread."""
        order = np.argsort(self.before[:, COLUMNS.index(column)], kind="stable")
        if low:
            return order[:count]
        return order[np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(int)]

    def _measure(self, faces: np.ndarray, shift: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        residuals = None if self._residuals is None else self._residuals[faces]
        pictures = self._render(self._codes[faces] + shift[None].astype(np.float32), residuals)
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
