"""Random faces with their scores: rendered once, scored once, kept in a cache.

A pool of latents is drawn, which costs next to nothing. Of these a budget is rendered and scored: all of
them if the budget allows. If not, a third of the budget is random, and the rest goes to the extremes:
linear predictions from what is scored so far say which latents of the pool are likely to have most or least
of an attribute.

Results are kept in batches of 100. Which latents a batch holds depends on the seed and on the batches
before it, and a batch's file appears complete or not at all, so an interrupted run goes on where it stopped.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image

from directions.scorers.panel import COLUMNS
from hsc.errors import DirectionError

if TYPE_CHECKING:
    from directions.render import PreviewRenderer
    from directions.scorers import ScorerPanel
    from hsc.generator import Generator

BATCH = 100
"""Samples in one file."""
EXTREME = 0.02
"""Share of the pool at each end of an attribute's prediction that counts as likely extremes."""
# Part of the folder's name: raise it when a scorer changes.
_SCORING = 1


@dataclass(frozen=True)
class Samples:
    """Scored faces.

    Attributes:
        w: latents ``(N, 512)`` float32.
        scores: ``(N, len(COLUMNS))`` float32.
        drawn: size of the pool they were chosen from.
    """

    w: np.ndarray
    scores: np.ndarray
    drawn: int

    def column(self, name: str) -> np.ndarray:
        """Scores of one attribute ``(N,)``."""
        return self.scores[:, COLUMNS.index(name)]

    def __len__(self) -> int:
        return len(self.w)


def ridge(w: np.ndarray, scores: np.ndarray, strength: float = 0.3) -> np.ndarray:
    """Linear predictor ``(512,)`` or ``(512, K)`` of scores ``(N,)`` or ``(N, K)`` from centred latents.

    Args:
        strength: of the penalty, in units of the latents' mean variance times N.
    """
    x = (w - w.mean(0)).astype(np.float64)
    gram = x.T @ x
    penalty = strength * np.trace(gram) / len(gram)
    return np.linalg.solve(gram + penalty * np.eye(len(gram)), x.T @ (scores - scores.mean(0)))


class SampleStore:
    """The cached samples of one generator, one seed, and one size of the pool."""

    def __init__(self, folder: Path, generator_id: str, pool: int = 20000, seed: int = 0) -> None:
        self.folder = folder / f"samples-{generator_id}-{pool}-{seed}-v{_SCORING}"
        self.pool, self.seed = pool, seed

    def latents(self, generator: Generator) -> np.ndarray:
        """W of the pool ``(pool, 512)``: the mapping of standard normal z, not truncated."""
        z = np.random.default_rng(self.seed).standard_normal((self.pool, 512), dtype=np.float32)
        with torch.inference_mode():
            return torch.cat(
                [
                    generator.mapping(part.to(generator.input)).float().cpu()
                    for part in torch.from_numpy(z).split(2000)
                ]
            ).numpy()

    def fill(
        self,
        budget: int,
        columns: Sequence[str],
        generator: Generator,
        render: PreviewRenderer,
        panel: ScorerPanel,
        progress: Callable[[int], object] = lambda _: None,
    ) -> None:
        """Render and score until there are ``budget`` samples (in whole batches, at most the pool).

        Args:
            columns: attributes whose extremes are looked for.
            progress: called with the number of samples that a batch adds.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        w = self.latents(generator)
        batches = -(-min(budget, self.pool) // BATCH)
        indexes, scores = self._load()
        progress(len(indexes))
        for batch in range(len(indexes) // BATCH, batches):
            chosen = self._choose(batch, batches, columns, w, indexes, scores)
            pixels = render(np.repeat(w[chosen][:, None], 16, axis=1))
            images = [Image.fromarray(picture) for picture in pixels]
            new = np.concatenate([panel(images[start : start + 20]) for start in range(0, len(images), 20)])
            self._save(batch, chosen, new, images)
            indexes, scores = np.concatenate([indexes, chosen]), np.concatenate([scores, new])
            progress(len(chosen))

    def read(self, generator: Generator) -> Samples:
        """All samples that are scored."""
        indexes, scores = self._load()
        return Samples(self.latents(generator)[indexes], scores, self.pool)

    def pictures(self, batch: int) -> list[Image.Image]:
        """The rendered pictures of a batch."""
        with np.load(self._path(batch), allow_pickle=False) as archive:
            data, ends = archive["jpegs"].tobytes(), archive["ends"].tolist()
        return [
            Image.open(io.BytesIO(data[start:end])).convert("RGB")
            for start, end in zip([0, *ends[:-1]], ends)
        ]

    def _choose(
        self,
        batch: int,
        batches: int,
        columns: Sequence[str],
        w: np.ndarray,
        indexes: np.ndarray,
        scores: np.ndarray,
    ) -> np.ndarray:
        """Which latents of the pool the next batch holds."""
        random = np.random.default_rng((self.seed, batch))
        free = np.setdiff1d(np.arange(self.pool), indexes)
        if batch < -(-batches // 3) or batches * BATCH >= self.pool or len(free) <= BATCH:
            return random.choice(free, min(BATCH, len(free)), replace=False)
        targets = scores[:, [COLUMNS.index(name) for name in columns]]
        predicted = (w - w[indexes].mean(0)) @ ridge(w[indexes], targets)
        taken: list[int] = []
        for turn in range(BATCH):
            column, top = turn // 2 % len(columns), turn % 2
            order = np.argsort(predicted[:, column])
            ends = order[-int(EXTREME * self.pool) :] if top else order[: int(EXTREME * self.pool)]
            left = np.setdiff1d(np.setdiff1d(ends, indexes), taken)
            taken.append(int(random.choice(left if len(left) else np.setdiff1d(free, taken))))
        return np.array(taken)

    def _path(self, batch: int) -> Path:
        return self.folder / f"{batch:05d}.npz"

    def _load(self) -> tuple[np.ndarray, np.ndarray]:
        indexes, scores = [np.zeros(0, np.int64)], [np.zeros((0, len(COLUMNS)), np.float32)]
        while self._path(len(indexes) - 1).is_file():
            path = self._path(len(indexes) - 1)
            try:
                with np.load(path, allow_pickle=False) as archive:
                    indexes.append(archive["indexes"])
                    scores.append(archive["scores"])
            except (OSError, ValueError, KeyError, EOFError) as error:
                raise DirectionError(f"The cached samples {path} are damaged; delete the file.") from error
        return np.concatenate(indexes), np.concatenate(scores)

    def _save(self, batch: int, indexes: np.ndarray, scores: np.ndarray, images: list[Image.Image]) -> None:
        payloads = []
        for image in images:
            buffer = io.BytesIO()
            image.save(buffer, "JPEG", quality=95, subsampling=0)
            payloads.append(buffer.getvalue())
        ends = np.cumsum([len(payload) for payload in payloads])
        jpegs = np.frombuffer(b"".join(payloads), np.uint8)
        partial = self._path(batch).with_suffix(".part")
        with partial.open("wb") as file:
            np.savez(file, indexes=indexes, scores=scores, jpegs=jpegs, ends=ends)
        os.replace(partial, self._path(batch))
