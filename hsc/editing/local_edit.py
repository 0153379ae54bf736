"""How F follows an edit that has a place.

HSC adds the movement of the generator's features, F' = F^ + G_s(S') - G_s(S^), everywhere. Here it is added where the
edit has business, and the coded residual gives way there evenly, as the strength says::

    F' = F^ + M g (G_s(A') - G_s(A)) - R (r - t L r),        r = F^ - g G_s(A)

with a mask M of the place, R as much of it as the residual gives way, the gain g of each channel
(:func:`hsc.editing.feature_edit.channel_gain`), and L a Gaussian blur: the share t of the smoothed residual, which is
complexion and light, stays. The anchor A is S^ half-way to the mean latent; A' is A moved, at each place by its own
amount (:mod:`hsc.editing.local_synthesis`). At the finer level, r and the movement are taken against what the generator
makes of the coarser F^ and F'. The style codes themselves stay as they are: where a shift moves codes above F, what
comes of it at 64x64 is added there, inside the mask, as detail is. Colours need no movement at all: a paint adds one
vector to the features at 64x64 wherever they are of its region (:mod:`hsc.editing.regions`).

An anchor that is the person (found by gradient descent on the decoded picture) changes neither identity nor effect of
an edit that has a place, and yields eyeglasses less readily than the half-way one: so there is none in the file, and no
network that would have to find it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from hsc.editing.feature_edit import channel_gain
from hsc.editing.local_synthesis import as_tensor, style_map, synthesize_locally
from hsc.editing.movement import Movement, largest, mask
from hsc.generator import Generator
from hsc.networks.hsc_networks import DETAIL_LEVEL
from hsc.semantics import Semantics

BLUR = 1.5 / 16
"""Deviation of the blur that tells complexion and light from features, as a fraction of the side."""


@dataclass(frozen=True)
class Bases:
    """What edits of one face start from.

    Attributes:
        anchor: style codes ``(1, 16, 512)`` that edits move.
        features: what the generator makes of the anchor at the coarser level, ``(1, 512, 16, 16)``, and of the coarser
            F^ at the finer, ``(1, 512, 32, 32)``.
    """

    anchor: Tensor
    features: tuple[Tensor, ...]


def edit_locally(
    generator: Generator, levels: Sequence[int], semantics: Semantics, bases: Bases, movements: Sequence[Movement]
) -> Semantics:
    """Semantics after edits that have places; their order does not matter.

    Args:
        levels: generator levels of F.
        movements: at least one; all with a place.
    """
    presence = [one.presence for one in movements]
    release = [one.presence * one.release for one in movements]
    tone = [one.presence * one.release * one.tone for one in movements]
    edited: list[Tensor] = []
    start: tuple[Tensor, int] | tuple[()] = ()
    codes = bases.anchor
    for level, feature, base in zip(levels, semantics.features, bases.features):
        side = feature.shape[-1]
        moved = synthesize_locally(generator, codes, movements, level, *start)
        gain = channel_gain(feature, base)
        residual = feature - gain * base
        gone = as_tensor(largest(movements, side, release), feature) * residual
        if any(tone):
            gone = gone - as_tensor(largest(movements, side, tone), feature) * blur(residual)
        inside = as_tensor(largest(movements, side, presence), feature)
        edited.append(feature + inside * gain * (moved - base) - gone)
        start, codes = (edited[-1], level), semantics.codes
    detail = semantics.detail
    if detail is not None:
        detail = detail * (1 - as_tensor(largest(movements, detail.shape[-1], release), detail))
    fine = [one for one in movements if one.shift[2 * levels[-1] + 1 :].any()]
    if fine:
        change = _fine_change(generator, semantics.codes, edited[-1], levels[-1], fine)
        detail = change if detail is None else detail + change
    return replace(semantics, features=tuple(edited), detail=detail)


def _fine_change(
    generator: Generator, codes: Tensor, feature: Tensor, level: int, movements: Sequence[Movement]
) -> Tensor:
    """What shifts of the style codes above F change at 64x64, ``(1, 512, 64, 64)``.

    The code that scales the features at 64x64 on their way to the next block counts, too; finer ones do not.
    """
    plain = generator.synthesize_features(codes, DETAIL_LEVEL, feature, level)
    moved = synthesize_locally(generator, codes, movements, DETAIL_LEVEL, feature, level)
    side, next_code = plain.shape[-1], 2 * DETAIL_LEVEL + 1
    scales = style_map(
        generator.blocks[DETAIL_LEVEL].up,
        codes[:, next_code],
        [(as_tensor(one.shift[next_code], codes), as_tensor(mask(one.place, side), codes)) for one in movements],
    )
    inside = as_tensor(largest(movements, side, [one.presence for one in movements]), codes)
    change: Tensor = inside * (moved * scales / generator.blocks[DETAIL_LEVEL].up(codes[:, next_code]) - plain)
    return change


def paint(semantics: Semantics, movements: Sequence[Movement], regions: Mapping[str, Tensor]) -> Semantics:
    """Semantics with the paints of all movements added at 64x64, each at its region and place.

    Args:
        regions: soft masks of the face as it is without paint, ``(1, 1, 64, 64)``.
    """
    detail = semantics.detail
    for movement in movements:
        for one in movement.paints:
            where = regions[one.region]
            where = where * as_tensor(mask(one.place, where.shape[-1]), where) * movement.presence
            change = where * as_tensor(one.tint, where)[None, :, None, None]
            detail = change if detail is None else detail + change
    return replace(semantics, detail=detail)


def blur(features: Tensor) -> Tensor:
    """Gaussian blur of ``(B, C, H, W)`` by :data:`BLUR`, edges repeated."""
    deviation = BLUR * features.shape[-1]
    reach = round(3 * deviation)
    weights = torch.exp(-((torch.arange(-reach, reach + 1, device=features.device) / deviation) ** 2) / 2)
    weights = (weights / weights.sum()).to(features)
    channels = features.shape[1]
    features = F.pad(features, (reach,) * 4, mode="replicate")
    features = F.conv2d(features, weights[None, None, :, None].expand(channels, 1, -1, 1), groups=channels)
    return F.conv2d(features, weights[None, None, None, :].expand(channels, 1, 1, -1), groups=channels)
