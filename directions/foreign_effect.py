"""How much a direction of others changes a face, and what scale would show: published directions differ in length.

Both are measured on the generator's mean face, so that no photo is needed, and on small previews.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from directions.direction import Direction
from directions.foreign import MAX_SHIFT

if TYPE_CHECKING:
    from hsc.codec import Codec

CLEAR = 12.0
"""Mean change over the middle of the picture, in RGB values out of 255, from which an edit is plain to see; published
directions of smiles do about as much, and those of eyeglasses, age and pose twice, where they change their score as
ours do at 1."""
STRONG = 45.0
"""The same, from which little is left of the face."""
_STEPS = 5  # of the search for a scale; a preview costs about 0.2 s
_NEAR = 1.25  # factor from CLEAR that is near enough
_LEAST = 0.2  # a change below this is rounding


@dataclass(frozen=True)
class ForeignEffect:
    """What a direction does at strength 1.

    Attributes:
        change: mean change over the middle of the picture, in RGB values out of 255.
        factor: by how much the scale would have to be multiplied for a clear effect, rounded to one or two digits;
            1 where it has one, None where no scale that is allowed gives it one.
    """

    change: float
    factor: float | None

    def advice(self, scale: float) -> str:
        """What to tell somebody who opened the direction with a scale; empty where there is nothing to say."""
        if self.factor == 1:
            return ""
        does = "hardly shows" if self.change < CLEAR else "leaves little of the face"
        if self.factor is None:
            return f"At scale {scale:g} it {does}, and no other scale helps: it may be of another generator."
        return f"At scale {scale:g} it {does}; try a scale of {_rounded(scale * self.factor):g}."


def effect_of(codec: Codec, direction: Direction) -> ForeignEffect:
    """Measure a direction on the mean face; a second at most."""
    face = codec.parse(b"")
    plain = _middle(codec.render_preview(face))
    longest = float(np.linalg.norm(direction.array, axis=1).max())

    def change(factor: float) -> float:
        scaled = replace(direction, array=(direction.array * np.float32(factor)).astype(np.float32))
        strengths: dict = {scaled: 1.0}
        edited = codec.edit(face, strengths)
        return float(np.abs(_middle(codec.render_preview(edited)) - plain).mean())

    at_one = change(1.0)
    if CLEAR / 2 <= at_one <= STRONG:
        return ForeignEffect(at_one, 1.0)
    return ForeignEffect(at_one, _factor(change, at_one, MAX_SHIFT / longest))


def _factor(change: Callable[[float], float], at_one: float, most: float) -> float | None:
    """The factor at which the change is clear, by steps in proportion; None where it stays below."""
    factor, found = 1.0, at_one
    for _ in range(_STEPS):
        if not math.isfinite(found):
            return None
        factor = min(factor * min(max(CLEAR / max(found, _LEAST), 1 / 16), 16), most)
        found = change(factor)
        if CLEAR / _NEAR <= found <= CLEAR * _NEAR:
            break
    return _rounded(factor) if found >= CLEAR / 2 else None


def _rounded(value: float) -> float:
    """To one digit, or two where it begins with 1."""
    digits = -math.floor(math.log10(abs(value)))
    shown = round(value, digits + (abs(value) * 10.0**digits < 2))
    return shown


def _middle(picture: object) -> np.ndarray:
    """The half of a preview where the face is, as float32."""
    pixels = np.asarray(picture, np.float32)
    side = len(pixels)
    return pixels[side // 4 : -side // 8, side // 4 : -side // 4]
