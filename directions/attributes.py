"""What is learned: the attributes, how far each direction goes, and what it should leave alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

SCALES = {
    "smile": 0.3,
    "mouth_open": 0.15,
    "yaw": 8.0,
    "pitch": 6.0,
    "eyeglasses": 2.0,
    "age": 8.0,
    "male": 0.3,
    "makeup": 8.0,
    "lipstick": 7.0,
    "beard": 5.0,
    "hair": 12.0,
    "skin": 8.0,
    "shading": 4.0,
}
"""Changes of each score that a viewer notices about equally: the units in which side effects add up."""


@dataclass(frozen=True)
class Attribute:
    """One attribute.

    Attributes:
        name, id, label: as in :class:`directions.direction.Direction`; an id is never given twice.
        column: the score that measures it, a name of :data:`directions.scorers.COLUMNS`.
        goal: mean change of that score which strength 1.0 should make, in the score's units.
        ranges: ranges of layers to choose from, first and last.
        free: scores that may change along with it, because they are made of the same.
        target: score to which strength 1.0 should bring nearly all faces that have little of the attribute;
            then ``goal`` is not looked at.
        present: score above which the attribute is there, for attributes that most faces lack; the SVM then
            separates these samples from those at the score's lowest.
        limits: strengths beyond which pictures were seen to break although no score says so.
        why: what was seen there.
    """

    name: str
    id: int
    column: str
    goal: float
    ranges: tuple[tuple[int, int], ...]
    free: tuple[str, ...] = ()
    target: float | None = None
    present: float | None = None
    label: str = ""
    limits: tuple[float, float] = (-math.inf, math.inf)
    why: str = ""

    @property
    def keep(self) -> tuple[str, ...]:
        """Scores that should stay."""
        return tuple(name for name in SCALES if name != self.column and name not in self.free)


_SEEN = "seen on contact sheets of held-out photos"
_ALL = (
    Attribute("smile", 1, "smile", 0.6, ((1, 5), (2, 5)), ("mouth_open", "lipstick"), target=0.65),
    Attribute("eyeglasses", 2, "eyeglasses", 6.0, ((0, 5), (1, 5)), ("makeup", "beard"), target=2.6, present=2.2),
    Attribute("makeup", 3, "makeup", 10.0, ((5, 9), (6, 11)), ("lipstick",)),
    Attribute("age", 4, "age", 14.0, ((2, 7), (3, 9)), ("lipstick", "beard", "hair"),
              limits=(-0.5, math.inf), why=f"eyes and noses melt; {_SEEN}"),
    Attribute("yaw", 5, "yaw", 16.0, ((0, 3), (0, 4)), ("makeup", "lipstick", "beard", "shading"), label="Head yaw"),
    Attribute("mouth_open", 6, "mouth_open", 0.35, ((2, 5), (3, 7)), ("lipstick",),
              limits=(-1.0, 0.5), why=f"chins swell, or a second mouth below that of a smiling face; {_SEEN}"),
    Attribute("hair_lightness", 7, "hair", 20.0, ((6, 11), (7, 13)), ("mouth_open", "beard"),
              limits=(-0.5, 0.5), why=f"skin turns grey or red; {_SEEN}"),
    Attribute("beard", 8, "beard", 10.0, ((4, 9), (5, 11)), ("male", "makeup", "lipstick")),
    Attribute("lipstick", 9, "lipstick", 14.0, ((6, 9), (7, 11)), ("makeup",)),
)  # fmt: skip
ATTRIBUTES = {attribute.name: attribute for attribute in _ALL}
"""Attributes by name."""
