"""Turning the head and the eyes by moving features, rather than by style codes.

Where style codes turn a head, the generator makes another one: nearly all that was coded has to give way. The features
at 16x16 and above lie where what they make lies, so they can be moved instead, as the front of a head moves that turns:
an ellipsoid in the aligned frame, seen from far away. What was coded of a face comes along, whole. Beyond some 30
degrees the far side, which no photo showed, would be missing. Irises are dragged across the eyes in the same way,
the corners of a mouth to where a smile has them, and brows upwards: they stay the person's own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hsc.editing.movement import Movement, mask
from hsc.semantics import Semantics

HEAD = (0.5, 0.56, 0.36, 0.46, 0.40)
"""The ellipsoid: column and row of its centre, half width, half height and half depth, as fractions of the side."""
ROUNDNESS = 0.75
"""Exponent of depth over distance from the middle; an ellipsoid has 0.5, but its edge would tear."""
RIM = 0.25
"""The same of how far the narrowing of the turned head reaches; it fades out at the rim."""
PIVOT, AROUND = 0.6, 1.3
"""Depth of the axis that stays where it is, as a share of the head's, so that eyes and mouth remain about where the
alignment put them; and how many times the head's size all has come to rest again."""


def turn_flow(side: int, yaw: float, pitch: float) -> Tensor:
    """How far to the left and above each place of the turned head was before: ``(side, side, 2)``, of the side.

    Args:
        yaw, pitch: degrees, to the right of the picture and upwards.
    """
    column, row, width, height, depth = HEAD
    centres = (torch.arange(side) + 0.5) / side
    y, x = torch.meshgrid(centres - row, centres - column, indexing="ij")
    squared = (x / width).square() + (y / height).square()
    inside, around = (1 - squared).clamp(min=0), (1 - squared / AROUND**2).clamp(min=0)
    front, rim = depth * (inside.pow(ROUNDNESS) - PIVOT * around), inside.pow(RIM)
    across, up = math.radians(yaw), math.radians(pitch)
    return torch.stack(
        [
            front * math.sin(across) + rim * x * (1 - math.cos(across)),
            -front * math.sin(up) + rim * y * (1 - math.cos(up)),
        ],
        -1,
    )


def flow_of(movements: Sequence[Movement], side: int) -> Tensor:
    """Where each place was before all turns and drags of some movements: ``(1, side, side, 2)``, in [-1, 1]."""
    moved = turn_flow(side, *(sum(one.turn[axis] for one in movements) for axis in (0, 1)))
    for drag in (drag for one in movements for drag in one.drags):
        moved = moved + torch.from_numpy(mask(drag.place, side)[0, 0, :, :, None] * np.asarray(drag.by, np.float32))
    centres = (torch.arange(side) + 0.5) / side
    y, x = torch.meshgrid(centres, centres, indexing="ij")
    return 2 * (torch.stack([x, y], -1) - moved)[None] - 1


def warp(semantics: Semantics, movements: Sequence[Movement]) -> Semantics:
    """Semantics whose features are moved by all turns and drags; without any, the very same object."""
    if not any(one.warps for one in movements):
        return semantics

    def moved(features: Tensor) -> Tensor:
        where = flow_of(movements, features.shape[-1]).to(features)
        return F.grid_sample(features, where, mode="bicubic", padding_mode="border", align_corners=False)

    detail = None if semantics.detail is None else moved(semantics.detail)
    return replace(semantics, features=tuple(moved(one) for one in semantics.features), detail=detail)
