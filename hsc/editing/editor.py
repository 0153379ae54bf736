"""Edits of decoded semantics: S moves by a shift, and F and detail follow."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from hsc.editing.feature_edit import edit_feature, edit_mask, enlarge_mask, truncation
from hsc.editing.local_edit import Bases, edit_locally, paint
from hsc.editing.movement import Movement
from hsc.editing.regions import RegionProbe
from hsc.editing.warp import warp
from hsc.generator import Generator
from hsc.networks.hsc_networks import DETAIL_LEVEL, HSCNetworks
from hsc.semantics import Semantics


class Editor:
    """Moves semantics. What it computes of a face is kept for the next edit of the same, as sliders ask for it."""

    def __init__(self, generator: Generator, networks: HSCNetworks) -> None:
        self._generator, self._networks = generator, networks
        self._last_bases: tuple[Callable[[], Semantics | None], list[Tensor]] = _nothing, []
        self._last_regions: tuple[Callable[[], Semantics | None], dict[str, Tensor]] = _nothing, {}

    @torch.no_grad()
    def apply(self, semantics: Semantics, movements: Iterable[Movement]) -> Semantics:
        """Semantics after edits, whose order does not matter; without any, the very same object.

        Those that have a place act there, see :mod:`hsc.editing.local_edit`; those of which nobody knows where they act
        move the style codes as :meth:`move` does; turns of head and eyes come last, see :mod:`hsc.editing.warp`.
        """
        movements = list(movements)
        acting = [one for one in movements if one.changes_features]
        placed, everywhere = ([one for one in acting if bool(one.place) == known] for known in (True, False))
        edited = semantics
        if placed:
            *features, anchor, coarsest = self._bases(semantics)
            bases = Bases(anchor, (coarsest, *features[1:]))
            edited = edit_locally(self._generator, self._networks.levels, semantics, bases, placed)
        if everywhere:
            edited = self.move(edited, torch.from_numpy(np.sum([one.shift for one in everywhere], axis=0)))
        if any(one.paints for one in movements):
            edited = paint(edited, movements, self._regions_of(edited))
        return warp(edited, movements)

    @torch.no_grad()
    def move(self, semantics: Semantics, shift: Tensor, carry: Callable[..., Tensor] | None = None) -> Semantics:
        """Add a shift ``(16, 512)`` to the style codes and carry F along.

        HSC's F' = F^ + G_s(S') - G_s(S^) with three changes, see :mod:`hsc.editing.feature_edit`.

        Args:
            carry: takes F^, G_s(S^) and G_s(S') of a level, and where the edit acts at the coarsest, and returns F'; by
                default :func:`hsc.editing.feature_edit.edit_feature`, of an S^ as far from the mean as
                :func:`hsc.editing.feature_edit.truncation` says.
        """
        if not shift.any():
            return semantics
        synthesize = self._generator.synthesize_features
        shift, own = shift.to(semantics.codes), semantics.codes
        codes = own + shift
        *bases, truncated, truncated_base = self._bases(semantics)
        if carry is None:
            carry, own, bases[0] = edit_feature, truncated, truncated_base
        features: list[Tensor] = []
        start: tuple[Tensor, int] | tuple[()] = ()
        mask: Tensor | None = None
        for level, feature, base in zip(self._networks.levels, semantics.features, bases):
            moved = synthesize(codes if start else own + shift, level, *start)
            mask = edit_mask(base, moved) if mask is None else mask
            features.append(carry(feature, base, moved, mask))
            start = features[-1], level
        detail = semantics.detail
        if detail is not None and mask is not None and carry is edit_feature:
            detail = detail * (1 - enlarge_mask(mask, detail).sqrt())  # fine detail shows the old face most
        return replace(semantics, codes=codes, features=tuple(features), detail=detail)

    @cached_property
    def _probe(self) -> RegionProbe:
        return RegionProbe.load()

    def _regions_of(self, semantics: Semantics) -> dict[str, Tensor]:
        """Where lips, lids, skin and hair are; kept as :meth:`_bases` keeps what it computes."""
        known, regions = self._last_regions
        if known() is not semantics:
            level = self._networks.levels[-1]
            features = self._generator.synthesize_features(semantics.codes, DETAIL_LEVEL, semantics.features[-1], level)
            regions = self._probe(features if semantics.detail is None else features + semantics.detail)
            self._last_regions = weakref.ref(semantics, self._forget_regions), regions
        return regions

    def _forget_regions(self, reference: Callable[[], Semantics | None]) -> None:
        if self._last_regions[0] is reference:
            self._last_regions = _nothing, {}

    def _bases(self, semantics: Semantics) -> list[Tensor]:
        """What the generator makes, at each level, of all before it; then S^ truncated, and what is made of that.

        Kept for the next edit of the same semantics, and no longer than these: a face is not to outlive its owner's
        interest in it.
        """
        known, bases = self._last_bases
        if known() is not semantics:
            synthesize = self._generator.synthesize_features
            bases = []
            start: tuple[Tensor, int] | tuple[()] = ()
            for level, feature in zip(self._networks.levels, semantics.features):
                bases.append(synthesize(semantics.codes, level, *start))
                start = feature, level
            share = truncation(semantics.features[0], bases[0])
            bases.append(torch.lerp(self._networks.scn.mean, semantics.codes, share))
            bases.append(synthesize(bases[-1], self._networks.levels[0]))
            self._last_bases = weakref.ref(semantics, self._forget_bases), bases
        return bases

    def _forget_bases(self, reference: Callable[[], Semantics | None]) -> None:
        if self._last_bases[0] is reference:
            self._last_bases = _nothing, []


def _nothing() -> None:
    """Stands for a reference to semantics that are gone."""
