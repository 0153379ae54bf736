"""The edits of :mod:`hsc.editing.editor` for arrays, where PyTorch is not to be loaded.

The formula, and why it is as it is, stands in :mod:`hsc.editing.feature_edit`; a test holds the two together.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from hsc.architecture import DETAIL_LEVEL
from hsc.editing import array_local
from hsc.editing.movement import Movement, largest, mask
from hsc.inference.openvino_engine import OpenVINOEngine
from hsc.semantics import Semantics

TRUNCATION, SETS_IN, ALL_NEW = 0.5, 0.2, 0.8
"""As in :mod:`hsc.editing.feature_edit`, like what follows."""
_PEAK = 0.95
GAINS = 0.5, 8.0
_TINY = float(np.finfo(np.float32).tiny)


class ArrayEditor:
    """Moves semantics whose numbers are arrays.

    Args:
        engine: computes features of style codes.
        levels: generator levels of F.
    """

    def __init__(self, engine: OpenVINOEngine, levels: Sequence[int]) -> None:
        self._engine, self._levels = engine, levels
        self._bases: weakref.WeakKeyDictionary[Semantics, list[np.ndarray]] = weakref.WeakKeyDictionary()

    def apply(self, semantics: Semantics, movements: Iterable[Movement]) -> Semantics:
        """Semantics after edits, whose order does not matter; see :meth:`hsc.editing.editor.Editor.apply`."""
        movements = list(movements)
        acting = [one for one in movements if one.changes_features]
        placed, everywhere = ([one for one in acting if bool(one.place) == known] for known in (True, False))
        edited = semantics
        if placed:
            *features, anchor, coarsest = self._bases_of(semantics)
            edited = self._edit_locally(semantics, anchor, (coarsest, *features[1:]), placed)
        if everywhere:
            edited = self.move(edited, np.sum([one.shift for one in everywhere], axis=0))
        if any(one.paints for one in movements):
            edited = self._paint(edited, movements)
        return array_local.warp(self._engine, edited, movements)

    def _edit_locally(
        self, semantics: Semantics, anchor: np.ndarray, bases: Sequence[np.ndarray], movements: Sequence[Movement]
    ) -> Semantics:
        """See :func:`hsc.editing.local_edit.edit_locally`."""
        presence = [one.presence for one in movements]
        release = [one.presence * one.release for one in movements]
        tone = [one.presence * one.release * one.tone for one in movements]
        edited: list[np.ndarray] = []
        start: tuple = ()
        codes = anchor
        for level, feature, base in zip(self._levels, semantics.features, bases):
            side = feature.shape[-1]
            moved = array_local.synthesize(self._engine, codes, movements, level, *start)
            gain = channel_gain(feature, base)
            residual = feature - gain * base
            gone = largest(movements, side, release) * residual
            if any(tone):
                gone = gone - largest(movements, side, tone) * array_local.blur(residual)
            edited.append(feature + largest(movements, side, presence) * gain * (moved - base) - gone)
            start, codes = (edited[-1], level), semantics.codes
        detail = semantics.detail
        if detail is not None:
            detail = detail * (1 - largest(movements, detail.shape[-1], release))
        fine = [one for one in movements if one.shift[2 * self._levels[-1] + 1 :].any()]
        if fine:
            change = array_local.fine_change(self._engine, semantics.codes, edited[-1], self._levels[-1], fine)
            detail = change if detail is None else detail + change
        return replace(semantics, features=tuple(edited), detail=detail)

    def _paint(self, semantics: Semantics, movements: Sequence[Movement]) -> Semantics:
        """See :func:`hsc.editing.local_edit.paint`."""
        detail, finest = semantics.detail, semantics.features[-1]
        features = self._engine.features(semantics.codes, DETAIL_LEVEL, finest, self._levels[-1])
        regions = self._regions(features if detail is None else features + detail)
        for movement in movements:
            for one in movement.paints:
                where = regions[one.region]
                where = where * mask(one.place, where.shape[-1]) * np.float32(movement.presence)
                change = where * one.tint.astype(np.float32)[None, :, None, None]
                detail = change if detail is None else detail + change
        return replace(semantics, detail=detail)

    @cached_property
    def _regions(self) -> array_local.Regions:
        return array_local.Regions.load()

    def move(self, semantics: Semantics, shift: np.ndarray) -> Semantics:
        """Add a shift ``(16, 512)`` to the style codes and carry F and detail along."""
        if not shift.any():
            return semantics
        codes, shift = semantics.codes + shift.astype(np.float32), shift.astype(np.float32)
        *bases, truncated, truncated_base = self._bases_of(semantics)
        bases[0] = truncated_base
        features: list[np.ndarray] = []
        start: tuple = ()
        mask = None
        for level, feature, base in zip(self._levels, semantics.features, bases):
            moved = self._engine.features(codes if start else truncated + shift, level, *start)
            mask = edit_mask(base, moved) if mask is None else mask
            features.append(edit_feature(feature, base, moved, mask))
            start = features[-1], level
        detail = semantics.detail
        if detail is not None:
            detail = detail * (1 - np.sqrt(enlarge_mask(mask, detail.shape[-1])))
        return replace(semantics, codes=codes, features=tuple(features), detail=detail)

    def _bases_of(self, semantics: Semantics) -> list[np.ndarray]:
        """What the generator makes, at each level, of all before it; then S^ truncated, and what is made of that.

        Kept for the next edit of the same semantics, and no longer than these.
        """
        if semantics not in self._bases:
            bases, start = [], ()
            for level, feature in zip(self._levels, semantics.features):
                bases.append(self._engine.features(semantics.codes, level, *start))
                start = feature, level
            mean, share = self._engine.mean_codes(), truncation(semantics.features[0], bases[0])
            bases.append((mean + np.float32(share) * (semantics.codes - mean)).astype(np.float32))
            bases.append(self._engine.features(bases[-1], self._levels[0]))
            self._bases[semantics] = bases
        return self._bases[semantics]


def channel_gain(feature: np.ndarray, base: np.ndarray) -> np.ndarray:
    """How much larger each channel of F^ is than the generator's own: ``(1, C, 1, 1)``."""
    sizes = [np.sqrt(np.square(x).mean((2, 3), keepdims=True)) for x in (feature, base)]
    return np.clip(sizes[0] / np.maximum(sizes[1], _TINY), *GAINS)


def truncation(feature: np.ndarray, base: np.ndarray) -> float:
    """How far from the mean latent S^ is taken for the movement: 1 where it makes F^ by itself."""
    sizes = [float(np.square(x).mean()) for x in (feature - channel_gain(feature, base) * base, feature)]
    return 1 - (1 - TRUNCATION) * min(sizes[0] / max(sizes[1], _TINY), 1)


def edit_mask(base: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """Where an edit acts: 0 to 1, ``(1, 1, H, W)``."""
    movement = np.square(moved - base).mean(1, keepdims=True)
    size = float(np.square(base).mean())
    peak = max(float(np.quantile(movement, _PEAK)), _TINY)
    amount = min(peak / (SETS_IN**2 * size), 1)
    centre = amount * np.square(np.minimum(movement / peak, 1))
    drastic = np.square(np.minimum(movement / (ALL_NEW**2 * size), 1))
    return _blur(np.maximum(centre, drastic)).astype(np.float32)


def edit_feature(feature: np.ndarray, base: np.ndarray, moved: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """F' = F^ + g (G_s(S') - G_s(S^)) - m (F^ - g G_s(S^))."""
    gain = channel_gain(feature, base)
    return feature + gain * (moved - base) - enlarge_mask(mask, feature.shape[-1]) * (feature - gain * base)


def enlarge_mask(mask: np.ndarray, side: int) -> np.ndarray:
    """A mask ``(1, 1, h, h)`` at another side, bilinear, edges repeated."""
    own = mask.shape[-1]
    if own == side:
        return mask
    at = np.clip((np.arange(side) + 0.5) * own / side - 0.5, 0, own - 1)
    low = np.minimum(np.floor(at).astype(int), own - 2)
    weights = np.zeros((side, own), np.float32)
    weights[np.arange(side), low] = 1 - (at - low)
    weights[np.arange(side), low + 1] = at - low
    return np.einsum("yi,abij,xj->abyx", weights, mask, weights)


def _blur(mask: np.ndarray) -> np.ndarray:
    """Mean of each place and the neighbours that it has."""
    side = mask.shape[-1]
    padded, places = np.pad(mask[0, 0], 1), np.pad(np.ones((side, side)), 1)
    total, count = (
        sum(each[row : row + side, column : column + side] for row in range(3) for column in range(3))
        for each in (padded, places)
    )
    return (total / count)[None, None]
