"""Layer by layer: what encoder and decoder both know while a file arrives.

Exact arithmetic throughout (float64 on a grid), as FORMAT.md specifies, except for style codes and features, on which
no symbol of a decoder depends, and which are computed only when they are asked for.
"""

from __future__ import annotations

import numpy as np

from hsc.architecture import SEMANTIC_CHANNELS
from hsc.coding.entropy_tables import QUALITIES, detail_quality, scale_indexes
from hsc.inference.engine import Engine
from hsc.inference.exact import to_grid
from hsc.inference.model import DecoderModel


class LayerState:
    """Coefficients received so far, and what they predict of the next layer.

    Take S first, then for each slice, level by level, detail last: :meth:`predict`, then :meth:`take`.

    Args:
        model: exact networks and tables.
        engine: makes style codes and features.
        quality: quality byte of the file.

    Attributes:
        semantic_step: quantisation steps of S, ``(1, 768)`` exact.
        semantic_tables: the frequency table of each symbol of S, ``(768,)``.
        mean: prediction of the slice at hand, ``(1, C, h / 2, w / 2)`` exact.
        step: its quantisation steps, ``(1, C, 1, 1)`` exact.
        detail: change ``(1, 512, 64, 64)`` of the generator's features, where some of it was received; set by
            :meth:`features`.
    """

    mean: np.ndarray
    step: np.ndarray
    detail: np.ndarray | None = None

    def __init__(self, model: DecoderModel, engine: Engine, quality: int) -> None:
        self._model, self._engine = model, engine
        coarse = quality / QUALITIES
        self._qualities = [coarse] * len(model.feature_levels)
        self._qualities += [detail_quality(quality) / QUALITIES] * (len(model.levels) - len(model.feature_levels))
        self.semantic_step = model.semantic_step(coarse)[None]
        self.semantic_tables = model.tables.semantic_indexes(
            quality, SEMANTIC_CHANNELS, self.semantic_step.size // SEMANTIC_CHANNELS
        )
        self._semantics: np.ndarray | None = None
        self._codes: np.ndarray | None = None
        self._level = 0  # index of the level at hand
        self._slices: list[np.ndarray] = []
        self._received: list[np.ndarray | None] = []  # coefficients of the levels before; None where none were sent
        self._features: list[np.ndarray] = []
        self._bases: dict[int, np.ndarray] = {}

    def take_semantics(self, symbols: np.ndarray) -> None:
        """Symbols of S ``(768,)``."""
        self._semantics = to_grid(symbols.astype(np.float64) * self.semantic_step[0])
        self._codes = None
        self._open()

    @property
    def codes(self) -> np.ndarray:
        """S^ ``(1, 16, 512)``; the mean latent before S is taken."""
        if self._codes is None:
            s = self._semantics
            self._codes = self._engine.mean_codes() if s is None else self._engine.codes(s.astype(np.float32)[None])
        return self._codes

    @property
    def base(self) -> np.ndarray:
        """What the generator makes of everything before the level at hand, ``(1, 512, h, w)``."""
        return self._base(self._level)

    @property
    def level_complete(self) -> bool:
        """Whether the level at hand has all its slices."""
        return len(self._slices) == self._model.levels[self._level].slices

    def next_level(self) -> None:
        """Go on to the next level; slices that the level at hand lacks are their predicted means."""
        received, coarser = bool(self._slices), self._coefficients()
        self._close(coarser if received else None)
        self._open(coarser)

    def predict(self) -> np.ndarray:
        """Predict the next slice of the level at hand: sets ``mean`` and ``step``, gives the table of each symbol."""
        level, index = self._model.levels[self._level], len(self._slices)
        own = slice(index * level.slice_channels, (index + 1) * level.slice_channels)
        mean, log2_scale = self._model.context(self._level).predict(index, self._context)
        self.mean, self.step = mean[None], self._steps[None, own, None, None]
        return scale_indexes(log2_scale - self._log2_steps[own, None, None]).ravel()

    def take(self, symbols: np.ndarray) -> None:
        """Symbols of the slice that was predicted last."""
        self._append(to_grid(symbols.astype(np.float64).reshape(self.mean.shape) * self.step + self.mean))

    def features(self) -> tuple[np.ndarray, ...]:
        """F^ at every level, coarse to fine; to be called last. Sets :attr:`detail`.

        A slice that is missing is its predicted mean; a level without any slice is what the generator makes of the
        levels before it.
        """
        levels = len(self._model.feature_levels)
        if self._semantics is not None and self._level < len(self._model.levels):
            self._close(self._coefficients() if self._slices else None)
        self._received += [None] * (len(self._model.levels) - len(self._received))
        features = tuple(self._feature(index) for index in range(levels))
        of_detail = self._received[levels] if len(self._received) > levels else None
        if of_detail is not None and self.detail is None:
            self.detail = self._engine.feature_change(levels, of_detail, self._base(levels))
        return features

    def _feature(self, index: int) -> np.ndarray:
        """F^ at a level whose slices are all known."""
        if len(self._features) == index:
            base, coefficients = self._base(index), self._received[index]
            change = None if coefficients is None else self._engine.feature_change(index, coefficients, base)
            self._features.append(base if change is None else base + change)
            del self._bases[index]
        return self._features[index]

    def _base(self, index: int) -> np.ndarray:
        """What the generator makes of everything before a level."""
        if index not in self._bases:
            level = self._model.levels[index].generator_level
            if index:
                before = self._feature(index - 1), self._model.levels[index - 1].generator_level
                self._bases[index] = self._engine.features(self.codes, level, *before)
            else:
                self._bases[index] = self._engine.features(self.codes, level)
        return self._bases[index]

    def _open(self, coarser: np.ndarray | None = None) -> None:
        self._slices = []
        quality = self._qualities[self._level]
        assert self._semantics is not None  # S comes first
        steps = self._model.steps[self._level]
        self._steps, self._log2_steps = steps(quality), steps.log2(quality)
        self._context = self._model.context(self._level).start(self._semantics, quality, coarser)

    def _close(self, coefficients: np.ndarray | None) -> None:
        """Keep what the level at hand received, as the engine takes it, and leave it."""
        self._received.append(None if coefficients is None else coefficients.astype(np.float32)[None])
        self._level += 1

    def _coefficients(self) -> np.ndarray:
        """All slices of the level at hand ``(C, h, w)`` exact, missing ones as their predicted means."""
        while not self.level_complete:
            self.predict()
            self._append(self.mean)
        return np.concatenate(self._slices)

    def _append(self, values: np.ndarray) -> None:
        self._slices.append(values[0])
        self._context.append(values[0].transpose(1, 2, 0))
