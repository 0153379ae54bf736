"""Layer by layer: what encoder and decoder both know while a file arrives.

Exact arithmetic throughout (float64 on a grid), as FORMAT.md specifies, except for the features themselves, on which no
symbol of a decoder depends.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from hsc import entropy
from hsc.entropy import EntropyTables
from hsc.generator import LAYERS, Generator
from hsc.model import DETAIL_LEVEL, HSCNetworks
from hsc.networks import FeatureCompressionNetwork
from hsc.networks.exact import to_grid


class LayerState:
    """Coefficients received so far, and what they predict of the next layer.

    Take S first, then for each slice, level by level, detail last: :meth:`predict`, then :meth:`take`.

    Attributes:
        codes: S^ ``(1, 16, 512)``; the mean latent before S is taken.
        detail: change ``(1, 512, 64, 64)`` of the generator's features, where some of it was received; set by
            :meth:`features`.
        mean: prediction of the slice at hand, ``(1, C, h / 2, w / 2)`` exact.
        step: its quantisation steps, ``(1, C, 1, 1)`` exact.
    """

    mean: Tensor
    step: Tensor
    detail: Tensor | None = None

    def __init__(self, generator: Generator, networks: HSCNetworks, tables: EntropyTables, quality: int) -> None:
        self._generator, self._networks = generator, networks
        device = generator.input.device
        self._quality = entropy.quality_value(quality).to(device)
        self._qualities = [self._quality] * len(networks.levels)
        self._fcn: list[FeatureCompressionNetwork] = list(networks.fcn)
        self._sce, self._levels = list(networks.sce), list(networks.levels)
        if networks.detail is not None:
            self._fcn.append(networks.detail)
            self._sce.append(networks.detail_context)
            self._levels.append(DETAIL_LEVEL)
            self._qualities.append(entropy.quality_value(entropy.detail_quality(quality)).to(device))
        scn = networks.scn
        self.semantic_step = scn.step(self._quality)
        self.semantic_tables = tables.semantic_indexes(quality, scn.CHANNELS, scn.SIZE**2)
        self.codes = scn.mean.expand(1, LAYERS, -1)
        self._semantics: Tensor | None = None
        self._features: list[Tensor] = []
        self._base: Tensor | None = None
        self._slices: list[Tensor] = []

    def take_semantics(self, symbols: np.ndarray) -> None:
        """Symbols of S ``(768,)``."""
        self._semantics = to_grid(self._tensor(symbols)[None] * self.semantic_step)
        self.codes = self._networks.scn.decode(self._semantics.float())
        self._open()

    @property
    def base(self) -> Tensor:
        """What the generator makes of everything before the level at hand, ``(1, 512, h, w)``; S is to be there."""
        if self._base is None:  # which nobody asks for until detail is decoded
            self._base = self._generate()
        return self._base

    @property
    def level_complete(self) -> bool:
        """Whether the level at hand has all its slices."""
        return len(self._slices) == self._fcn[self._level].slices

    def next_level(self) -> None:
        """Go on to the next level; slices that the level at hand lacks are their predicted means."""
        coarser = self._coefficients()
        self._close()
        self._open(coarser)

    def predict(self) -> np.ndarray:
        """Predict the next slice of the level at hand: sets ``mean`` and ``step``, gives the table of each symbol."""
        fcn, quality, index = self._fcn[self._level], self._qualities[self._level], len(self._slices)
        own = slice(index * fcn.slice_channels, (index + 1) * fcn.slice_channels)
        self.mean, log2_scale = self._sce[self._level](index, self._context)
        self.step = fcn.step(quality)[:, own, None, None]
        log2_step = fcn.step.log2(quality)[:, own, None, None]
        return entropy.scale_indexes(log2_scale - log2_step).cpu().numpy().ravel()

    def take(self, symbols: np.ndarray) -> None:
        """Symbols of the slice that was predicted last."""
        self._append(to_grid(self._tensor(symbols).reshape(self.mean.shape) * self.step + self.mean))

    def features(self) -> tuple[Tensor, ...]:
        """F^ at every level, coarse to fine; to be called last. Sets :attr:`detail`.

        A slice that is missing is its predicted mean; a level without any slice is what the generator makes of the
        levels before it.
        """
        if self._semantics is not None:
            self._close()
        while self._level < len(self._networks.levels):
            self._features.append(self._generate())
        return tuple(self._features)

    @property
    def _level(self) -> int:
        """Index of the level at hand."""
        return len(self._features)

    def _generate(self) -> Tensor:
        """What the generator makes of everything before the level at hand."""
        levels, index = self._levels, self._level
        if index == 0:
            return self._generator.prefix(self.codes, levels[0])
        return self._generator.prefix(self.codes, levels[index], self._features[-1], levels[index - 1])

    def _open(self, coarser: Tensor | None = None) -> None:
        self._slices, self._base = [], None
        self._context = self._sce[self._level].start(self._semantics, self._qualities[self._level], coarser)

    def _close(self) -> None:
        fcn, received = self._fcn[self._level], bool(self._slices)
        coefficients = self._coefficients().float() if received else None
        if self._level < len(self._networks.levels):
            self._features.append(fcn.decode(coefficients, self.base) if received else self.base)
        elif received:
            self.detail = self._networks.detail.change(coefficients, self.base)

    def _coefficients(self) -> Tensor:
        """All slices of the level at hand ``(1, C, h, w)`` exact, missing ones as their predicted means."""
        while not self.level_complete:
            self.predict()
            self._append(self.mean)
        return torch.cat(self._slices, 1)

    def _append(self, values: Tensor) -> None:
        self._slices.append(values)
        self._context = torch.cat((self._context, values), 1)

    def _tensor(self, symbols: np.ndarray) -> Tensor:
        return torch.from_numpy(symbols.astype(np.float64)).to(self._quality.device)
