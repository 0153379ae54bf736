"""Ballé 2017, Ballé 2018, ELIC and MS-ILLM in a comparison: a user's weights of the published models, else the reduced
ones."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from hsc.baselines import learned
from hsc.baselines.hific import GainedCodec, LatentCoder
from hsc.baselines.protocol import RateSearch
from hsc.errors import WeightsError


class ReducedCodec(GainedCodec):
    """A reduced model, which steps back where its user has weights of the published one.

    Args:
        path: weights of a reduced model; by default see `GainedCodec`.

    Attributes:
        published: the codec that takes weights of the published model.
    """

    published: type[learned.LearnedCodec]
    smallest, growth = 500.0, 1.05

    def __init__(self, path: Path | None = None):
        super().__init__(path)
        self._published = self.published()

    @property
    def program(self) -> str:  # type: ignore[override]
        """See `GainedCodec`."""
        return f"hsc.train.baselines {self.key}"

    @property
    def name(self) -> str:  # type: ignore[override]
        """As `GainedCodec.name`, or that of the published model."""
        other = self._instead()
        return other.name if other else super().name

    def available(self) -> str | None:
        from hsc.runtime import packages

        other = self._instead()
        return other.available() if other else packages.missing("compressai") or super().available()

    def description(self) -> str:
        other = self._instead()
        return other.description() if other else super().description()

    def rate_search(self, image: Image.Image) -> RateSearch:
        other = self._instead()
        return other.rate_search(image) if other else super().rate_search(image)

    def decode(self, data: bytes) -> Image.Image:
        other = self._instead()
        return other.decode(data) if other else super().decode(data)

    def load_coder(self, path: Path) -> LatentCoder:
        from hsc.baselines.reduced_files import load

        return load(path, self.key)

    def _instead(self) -> learned.LearnedCodec | None:
        """The published model, where its user has weights of it."""
        try:
            return self._published if self._path is None and self._published.files() else None
        except WeightsError:  # there is no place for them
            return None


class Balle2017(ReducedCodec):
    """Ballé, Laparra, Simoncelli 2017, arXiv:1611.01704: a factorised prior."""

    key, title, paper = "factorized", "Ballé 2017", "Ballé et al. 2017"
    published = learned.Factorized


class Balle2018(ReducedCodec):
    """Ballé et al. 2018, arXiv:1802.01436: a hyperprior, here with means and scales."""

    key, title, paper = "hyperprior", "Ballé 2018", "Ballé et al. 2018"
    published = learned.Hyperprior


class ELIC(ReducedCodec):
    """He et al. 2022, arXiv:2203.10886: uneven groups of channels with space-channel context."""

    key, title, paper = "elic", "ELIC", "He et al. 2022"
    published = learned.ELIC


class MSILLM(ReducedCodec):
    """Muckley et al. 2023, arXiv:2301.11189: HiFiC's networks, whose decoder is trained to make each place likely."""

    key, title, paper = "ms-illm", "MS-ILLM", "Muckley et al. 2023"
    published = learned.MSILLM
