"""Random faces with their scores: rendered once, scored once for all attributes, kept in a cache.

Samples are kept in batches of 100. Seed and number of a batch say which latents it holds, so batches can be made
in any order and by several processes; a batch's file appears complete or not at all, so an interrupted run goes on
where it stopped, and a longer one adds to a shorter.
"""

from __future__ import annotations

import functools
import io
import os
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image

from directions.parallel import each
from directions.scorers import COLUMNS
from hsc.errors import DirectionError
from hsc.metrics.identity import network_name

if TYPE_CHECKING:
    from directions.render import PreviewRenderer
    from directions.scorers import ScorerPanel
    from hsc.generator import Generator
    from hsc.metrics.identity import IdentityNetwork

BATCH = 100
"""Samples in one file."""
SCORING = 4
"""Part of every cache's name: raise it when a scorer, the preview or what is kept changes."""


@dataclass(frozen=True)
class Samples:
    """Scored faces, all in float32.

    Attributes:
        w: latents ``(N, 512)``.
        scores: ``(N, len(COLUMNS))``.
        embeddings: who they are, ``(N, 128)``, see :mod:`hsc.metrics.identity`.
    """

    w: np.ndarray
    scores: np.ndarray
    embeddings: np.ndarray

    def column(self, name: str) -> np.ndarray:
        """One score of every sample ``(N,)``."""
        return self.scores[:, COLUMNS.index(name)]

    def __len__(self) -> int:
        return len(self.w)


@dataclass(frozen=True)
class SampleStore:
    """The cached samples of one generator and one seed.

    Attributes:
        parent: folder in which the store has one of its own.
        generator_id: as in :data:`directions.direction.GENERATOR`.
        seed: of the latents.
    """

    parent: Path
    generator_id: str
    seed: int = 0

    @property
    def folder(self) -> Path:
        """Where the batches are."""
        return self.parent / f"samples-{self.generator_id}-{self.seed}-v{SCORING}-{network_name()}"

    def path(self, batch: int) -> Path:
        """File of a batch."""
        return self.folder / f"{batch:05d}.npz"

    def missing(self, count: int) -> list[int]:
        """Batches that are still to be made for ``count`` samples."""
        return [batch for batch in range(-(-count // BATCH)) if not self.path(batch).is_file()]

    def make(
        self,
        batch: int,
        generator: Generator,
        render: PreviewRenderer,
        panel: ScorerPanel,
        identity: Callable[[torch.Tensor], torch.Tensor],
    ) -> None:
        """Draw, render and score a batch.

        Args:
            identity: embeddings of pictures ``(B, 3, H, W)`` from -1 to 1.
        """
        z = np.random.default_rng((self.seed, batch)).standard_normal((BATCH, 512), dtype=np.float32)
        with torch.inference_mode():
            w = generator.mapping(torch.from_numpy(z).to(generator.input)).float().cpu().numpy()
        pictures = render(np.repeat(w[:, None], 16, axis=1))
        with torch.inference_mode():
            embeddings = identity(torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1).numpy()
        images = [Image.fromarray(picture) for picture in pictures]
        payloads = []
        for image in images:
            buffer = io.BytesIO()
            image.save(buffer, "JPEG", quality=92)
            payloads.append(buffer.getvalue())
        self.folder.mkdir(parents=True, exist_ok=True)
        partial_path = self.path(batch).with_suffix(f".{os.getpid()}")
        with partial_path.open("wb") as file:
            np.savez(
                file, w=w, scores=panel(images), embeddings=embeddings,
                jpegs=np.frombuffer(b"".join(payloads), np.uint8),
                ends=np.cumsum([len(payload) for payload in payloads]),
            )  # fmt: skip
        os.replace(partial_path, self.path(batch))

    def read(self, count: int) -> Samples:
        """The first ``count`` samples, in whole batches.

        Raises:
            DirectionError: some are missing or damaged.
        """
        parts = [self._load(batch, ("w", "scores", "embeddings")) for batch in range(-(-count // BATCH))]
        return Samples(*(np.concatenate(arrays) for arrays in zip(*parts)))

    def pictures(self, batch: int) -> list[Image.Image]:
        """The rendered pictures of a batch, 256 x 256."""
        jpegs, ends = self._load(batch, ("jpegs", "ends"))
        data, ends = jpegs.tobytes(), ends.tolist()
        return [Image.open(io.BytesIO(data[start:end])).convert("RGB") for start, end in zip([0, *ends[:-1]], ends)]

    def _load(self, batch: int, names: tuple[str, ...]) -> list[np.ndarray]:
        path = self.path(batch)
        try:
            with np.load(path, allow_pickle=False) as archive:
                return [archive[name] for name in names]
        except FileNotFoundError as error:
            raise DirectionError(f"The samples are not complete: {path} is not there.") from error
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise DirectionError(f"The cached samples {path} are damaged; delete the file.") from error


def fill(store: SampleStore, count: int, workers: int = 1) -> Iterator[int]:
    """Make the batches that ``count`` samples still lack; yields each one's number when it is done.

    Raises:
        WeightsError: the generator or the scorers' networks are missing.
    """
    yield from each(partial(_make, store), store.missing(count), workers)


def _make(store: SampleStore, batch: int) -> int:
    store.make(batch, *_instruments())
    return batch


@functools.lru_cache(maxsize=1)
def _instruments() -> tuple[Generator, PreviewRenderer, ScorerPanel, IdentityNetwork]:
    """Made once in each process."""
    from directions.render import PreviewRenderer
    from directions.scorers import ScorerPanel
    from hsc.generator import Generator
    from hsc.generator.preview_head import PreviewHead
    from hsc.metrics.identity import IdentityNetwork

    generator = Generator.load()
    render = PreviewRenderer(generator, PreviewHead.load(), batch=4)
    return generator, render, ScorerPanel(), IdentityNetwork.load()
