"""What a shift of S does to decoded faces, measured on rendered pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image

from directions.attributes import SCALES
from directions.scorers import COLUMNS
from hsc.networks.hsc_networks import DETAIL_LEVEL

if TYPE_CHECKING:
    from directions.scorers import ScorerPanel
    from hsc.codec import Codec
    from hsc.metrics.identity import IdentityNetwork
    from hsc.semantics import Semantics

SIDE = 256
"""Side in pixels of the pictures that are scored; no scorer sees more."""


@dataclass(frozen=True)
class Effect:
    """Of one shift on N faces.

    Attributes:
        before, after: scores ``(N, len(COLUMNS))``.
        identity: cosine of the embeddings before and after ``(N,)``.
        pictures: after the shift, 256 x 256.
    """

    before: np.ndarray
    after: np.ndarray
    identity: np.ndarray
    pictures: list[Image.Image]

    def change(self, column: str) -> np.ndarray:
        """Changes of one score ``(N,)``."""
        index = COLUMNS.index(column)
        return self.after[:, index] - self.before[:, index]

    def means(self) -> dict[str, float]:
        """Mean change of every score."""
        return dict(zip(COLUMNS, (self.after - self.before).mean(0).tolist()))


def side_effect(means: Mapping[str, float], columns: Sequence[str]) -> float:
    """Root mean square, over columns, of mean changes in noticeable units (:data:`SCALES`)."""
    return float(np.sqrt(np.mean([(means[name] / SCALES[name]) ** 2 for name in columns])))


def preview(codec: Codec) -> Callable[[Semantics], Image.Image]:
    """The codec's 256 px preview, in bfloat16 where the processor has it."""
    from directions.render import PreviewRenderer

    render = PreviewRenderer(codec.generator, codec.preview, DETAIL_LEVEL)

    def picture(semantics: Semantics) -> Image.Image:
        codes, features = (value.cpu().numpy() for value in (semantics.codes, codec.finest(semantics)))
        return Image.fromarray(render(codes, features)[0])

    return picture


class Bench:
    """A fixed set of decoded faces to try shifts on, edited as :meth:`hsc.codec.Codec.edit` does.

    Args:
        render: semantics to a picture of side 256.
        source: what these faces are, in words.
    """

    def __init__(
        self,
        codec: Codec,
        semantics: Sequence[Semantics],
        panel: ScorerPanel,
        identity: IdentityNetwork,
        render: Callable[[Semantics], Image.Image],
        source: str = "",
    ) -> None:
        self.source = source
        self._codec, self._semantics, self._render = codec, semantics, render
        self._panel, self._identity = panel, identity
        self.pictures = [render(one) for one in semantics]
        self.before, self._embeddings = self._measure(self.pictures)

    def __len__(self) -> int:
        return len(self._semantics)

    def try_shift(self, shift: np.ndarray, faces: np.ndarray | None = None, carry: Callable | None = None) -> Effect:
        """Add ``(16, 512)`` to the codes of some faces, given by index; of all by default.

        ``carry`` is that of :meth:`hsc.codec.Codec.move`.
        """
        offset = torch.from_numpy(np.asarray(shift, np.float32))
        return self._try(lambda semantics: self._codec.move(semantics, offset, carry), faces)

    def try_edit(self, strengths: Mapping[str, float], faces: np.ndarray | None = None) -> Effect:
        """Edit some faces, given by index, as :meth:`hsc.codec.Codec.edit` does; all of them by default."""
        return self._try(lambda semantics: self._codec.edit(semantics, strengths), faces)

    def _try(self, edit: Callable[[Semantics], Semantics], faces: np.ndarray | None) -> Effect:
        faces = np.arange(len(self)) if faces is None else faces
        pictures = [self._render(edit(self._semantics[face])) for face in faces.tolist()]
        after, embeddings = self._measure(pictures)
        return Effect(self.before[faces], after, (self._embeddings[faces] * embeddings).sum(1), pictures)

    def choose(self, count: int, column: str, low: bool) -> np.ndarray:
        """Indexes of ``count`` faces, those with least of an attribute if ``low``, else evenly spread."""
        order = np.argsort(self.before[:, COLUMNS.index(column)], kind="stable")
        if low:
            return order[:count]
        return order[np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(int)]

    def _measure(self, pictures: list[Image.Image]) -> tuple[np.ndarray, np.ndarray]:
        pixels = np.stack([np.asarray(picture) for picture in pictures])
        with torch.inference_mode():
            tensor = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1
            embeddings = self._identity(tensor).numpy()
        return self._panel(pictures), embeddings


def spread(direction: np.ndarray, layers: range) -> np.ndarray:
    """A direction of W ``(512,)`` on some layers: ``(16, 512)`` float32."""
    shift = np.zeros((16, 512), np.float32)
    shift[list(layers)] = direction
    return shift
