"""One edit as the codec knows it: what moves, where, how much of the photo gives way, and how the head turns."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

Place = tuple[tuple[float, float, float, float], ...]
"""Soft ellipses in the aligned frame: column and row of the centre, half width and half height, as fractions of the
picture's side. The mask is the largest of exp(-d^4) over them, d being 1 at an ellipse's edge."""
REGIONS = ("lips", "lids", "skin", "hair")
"""What paint tells apart; lids reach from the lashes to the crease."""
REACH = {4: 0.18, 8: 0.10, 16: 0.03, 32: 0.02, 64: 0.0}
"""How much farther than its place a movement is felt inside the generator, by side of the features in pixels: what
comes out at a place is made of its neighbourhood, which is wider the coarser the features are."""
NOTHING = 1e-3
"""Less of a mask is none: far from its place an edit changes no bit."""


@dataclass(frozen=True, eq=False)
class Paint:
    """A colour for one region, as a change of the generator's features at 64x64.

    Attributes:
        tint: what is added at the region, ``(512,)`` float32.
        region: one of :data:`REGIONS`.
        place: where it is looked for.
    """

    tint: np.ndarray = field(repr=False)
    region: str
    place: Place


@dataclass(frozen=True)
class Drag:
    """What lies at a place moves, as the corners of a mouth do that smiles.

    Attributes:
        place: where; it need not be the place of the edit.
        by: how far to the right and down, as fractions of the picture's side.
    """

    place: Place
    by: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Movement:
    """One edit at one strength.

    Attributes:
        shift: of the style codes, ``(16, 512)`` float32.
        place: where it acts; empty for a direction of which nobody knows where.
        release: how much of the coded residual gives way at the place, 0 to 1.
        tone: how much of the smoothed residual stays all the same, 0 to 1: complexion and light.
        presence: how much of all that is done, 0 to 1; for what has no half, such as eyeglasses.
        paints: colours that are added on top.
        turn: degrees by which the head turns, to the right of the picture and upwards.
        drags: what lies at some places moves.
    """

    shift: np.ndarray = field(repr=False)
    place: Place = ()
    release: float = 0.0
    tone: float = 0.0
    presence: float = 1.0
    paints: tuple[Paint, ...] = ()
    turn: tuple[float, float] = (0.0, 0.0)
    drags: tuple[Drag, ...] = ()

    @property
    def changes_features(self) -> bool:
        """Whether more than paint, a turn and drags are asked for."""
        return self.presence > 0 and (bool(self.shift.any()) or self.release > 0)

    @property
    def warps(self) -> bool:
        """Whether anything is turned or dragged."""
        return any(self.turn) or any(any(drag.by) for drag in self.drags)

    def map(self, side: int) -> np.ndarray:
        """Where the shift acts inside the generator: ``(1, 1, side, side)``, 0 to 1."""
        return mask(self.place, side, REACH[side])


@functools.lru_cache(maxsize=128)
def mask(place: Place, side: int, grow: float = 0.0) -> np.ndarray:
    """A place as a soft mask ``(1, 1, side, side)`` float32, 0 to 1; read-only.

    Args:
        grow: is added to half widths and half heights.
    """
    centres = (np.arange(side, dtype=np.float32) + 0.5) / side
    found = np.zeros((side, side), np.float32)
    for column, row, width, height in place:
        across, down = (centres - column) / (width + grow), (centres - row) / (height + grow)
        squared = np.square(across)[None] + np.square(down)[:, None]
        found = np.maximum(found, np.exp(-np.square(squared)))
    found = np.where(found < NOTHING, 0, found)[None, None].astype(np.float32)
    found.flags.writeable = False
    return found


def largest(movements: Sequence[Movement], side: int, weights: Sequence[float]) -> np.ndarray:
    """Of the masks of several movements, each times its weight, the largest at each place: ``(1, 1, side, side)``."""
    masks = [np.float32(weight) * mask(movement.place, side) for movement, weight in zip(movements, weights)]
    found: np.ndarray = np.maximum.reduce(masks)
    return found
