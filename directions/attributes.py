"""What is learned: the attributes, how far each direction goes, and what it should leave alone."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from hsc.editing.movement import Place

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
    "eyes": 0.3,
    "brows": 0.4,
    "gaze": 0.4,
}
"""Changes of each score that a viewer notices about equally: the units in which side effects add up."""


@dataclass(frozen=True)
class Way:
    """What strength 1, or strength -1, does.

    Attributes:
        shift: by how much of the array S moves.
        release: how much of the coded residual gives way.
        paint: by how much of their colours paints change the picture.
        warp: by how much of its turn the head turns, and how far everything is dragged.
    """

    shift: float = 0.0
    release: float = 0.0
    paint: float = 0.0
    warp: float = 0.0


@dataclass(frozen=True)
class Manner:
    """Where and how an attribute acts, see :class:`hsc.editing.movement.Movement`; seen on photos of the training set.

    Attributes:
        forth, back: what strengths 1 and -1 do; back is taken off what forth adds.
        place: ellipses of the aligned frame; FFHQ's alignment fixes eyes and mouth to a few pixels.
        tone: how much of the smoothed residual stays.
        fades: pairs of strength and presence, ascending, for what has no half; at 0 nothing is there.
        paints: colours: the region, where that is looked for, and the change of red, green and blue, whose range is 2.
        turn: degrees by which the head turns, to the right of the picture and upwards.
        drags: what moves in the picture: a place, and how far to the right and down, in fractions of the side.
    """

    forth: Way
    back: Way
    place: Place = ()
    tone: float = 0.0
    fades: tuple[tuple[float, float], ...] = ()
    paints: tuple[tuple[str, Place, tuple[float, float, float]], ...] = ()
    turn: tuple[float, float] | None = None
    drags: tuple[tuple[Place, tuple[float, float]], ...] = ()

    @property
    def shifts(self) -> bool:
        """Whether the array moves S at all."""
        return bool(self.forth.shift)

    def response(self, reach: float = 2.0) -> dict[str, object]:
        """As :mod:`directions.response` keeps it, for an array that strength 1 adds once."""
        forth, back = self.forth, self.back
        if self.fades:
            above = [(min(strength, reach), presence) for strength, presence in self.fades]
            strengths = [*(-strength for strength, _ in reversed(above)), 0.0, *(strength for strength, _ in above)]
            presence = [*(value for _, value in reversed(above)), 0.0, *(value for _, value in above)]
            # All of it from the first touch on: only its presence grows.
            shift = [-back.shift] * len(above) + [0.0] + [forth.shift] * len(above)
            release = [back.release] * len(above) + [forth.release] * (len(above) + 1)
            return {
                "strengths": strengths, "shift": shift, "release": release, "presence": presence, "tone": self.tone,
            }  # fmt: skip
        found: dict[str, object] = {
            "strengths": [-reach, -1.0, 0.0, 1.0, reach],
            "shift": [-reach * back.shift, -back.shift, 0.0, forth.shift, reach * forth.shift],
            "release": [min(1.0, reach * back.release), back.release, 0.0, forth.release,
                        min(1.0, reach * forth.release)],
            "tone": self.tone,
        }  # fmt: skip
        for curve, there in (("paint", self.paints), ("warp", self.turn or self.drags)):
            if there:
                low, high = getattr(back, curve), getattr(forth, curve)
                found[curve] = [-reach * low, -low, 0.0, high, reach * high]
        if self.turn is not None:
            found["turn"] = list(self.turn)
        return found

    def metadata(self) -> dict[str, Any]:
        """What a direction's file says of where and how it acts, but for tints."""
        told: dict[str, Any] = {"place": _listed(self.place), "response": self.response()}
        if self.paints:
            told["paints"] = [
                {"region": region, "place": _listed(place), "colour": list(colour)}
                for region, place, colour in self.paints
            ]
        if self.drags:
            told["drags"] = [{"place": _listed(place), "by": list(by)} for place, by in self.drags]
        return told


def _listed(place: Place) -> list[list[float]]:
    return [list(ellipse) for ellipse in place]


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
        manner: where it acts, and how.
        gentle: whether it is learned by :func:`directions.fit.fit_gently`, in the first of its ranges, and not by a
            boundary: what it is made of makes people who they are.
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
    manner: Manner | None = None
    gentle: bool = False

    @property
    def keep(self) -> tuple[str, ...]:
        """Scores that should stay."""
        return tuple(name for name in SCALES if name != self.column and name not in self.free)


_SEEN = "seen on contact sheets of held-out photos"
_ALL = (
    Attribute("smile", 1, "smile", 0.6, ((1, 5), (2, 5)), ("mouth_open", "lipstick"), target=0.65),
    Attribute("eyeglasses", 2, "eyeglasses", 6.0, ((0, 5), (1, 5)), ("makeup", "beard"), target=2.6, present=2.2),
    Attribute("makeup", 3, "makeup", 10.0, ((5, 9), (6, 11)), ("lipstick",)),
    Attribute("age", 4, "age", 12.5, ((0, 15),), ("makeup", "lipstick", "beard", "hair", "eyes", "brows", "gaze"),
              limits=(-1.0, 1.0), why=f"it is somebody else; {_SEEN}", gentle=True),
    Attribute("yaw", 5, "yaw", 16.0, ((0, 3), (0, 4)), ("makeup", "lipstick", "beard", "shading"),
              label="Head yaw", limits=(-1.0, 1.0), why=f"the far cheek is smeared; {_SEEN}"),
    Attribute("mouth_open", 6, "mouth_open", 0.35, ((2, 5), (3, 7)), ("lipstick",),
              limits=(-1.0, 1.0), why=f"chins swell; {_SEEN}"),
    Attribute("hair_lightness", 7, "hair", 20.0, ((6, 11), (7, 13)), ("mouth_open", "beard"),
              limits=(-1.0, 1.0), why=f"strands burn out or turn black; {_SEEN}"),
    Attribute("beard", 8, "beard", 10.0, ((4, 9), (5, 11)), ("male", "makeup", "lipstick")),
    Attribute("lipstick", 9, "lipstick", 14.0, ((6, 9), (7, 11)), ("makeup",)),
    Attribute("eyes", 10, "eyes", 0.3, ((2, 6), (0, 5)), ("makeup", "brows")),
    Attribute("brows", 11, "brows", 0.5, ((0, 5), (2, 5)), ("makeup", "eyes")),
    Attribute("gaze", 12, "gaze", 0.5, ((0, 5), (2, 5)), ("makeup", "eyes")),
    Attribute("pitch", 13, "pitch", 10.0, ((0, 3), (0, 4)), ("makeup", "lipstick", "beard"), label="Head pitch",
              limits=(-1.0, 1.0), why=f"chins and brows are stretched; {_SEEN}"),
)  # fmt: skip
# Generous ellipses: within them, the region itself is found from the features.
_LIPS = ((0.5, 0.735, 0.16, 0.08),)
_LIDS = ((0.375, 0.455, 0.12, 0.07), (0.625, 0.455, 0.12, 0.07))
_CHEEKS = ((0.32, 0.6, 0.1, 0.08), (0.68, 0.6, 0.1, 0.08))
_HAIR = ((0.5, 0.35, 0.6, 0.6),)
_JAW = ((0.5, 0.82, 0.26, 0.15), (0.5, 0.69, 0.12, 0.03))
_EYES = ((0.375, 0.475, 0.115, 0.08), (0.625, 0.475, 0.115, 0.08))
_IRISES = ((0.378, 0.478, 0.06, 0.04), (0.622, 0.478, 0.06, 0.04))
_GLASSES = ((0.5, 0.475, 0.42, 0.13),)
_HEAD = ((0.5, 0.55, 0.36, 0.42),)
_BROWS = ((0.36, 0.40, 0.15, 0.07), (0.64, 0.40, 0.15, 0.07))
_UPPER_LIDS = ((0.375, 0.455, 0.07, 0.02), (0.625, 0.455, 0.07, 0.02))
_LOWER_LIDS = ((0.375, 0.495, 0.07, 0.02), (0.625, 0.495, 0.07, 0.02))
_CORNERS = (((0.385, 0.725, 0.09, 0.08),), ((0.615, 0.725, 0.09, 0.08),))
_CHIN = ((0.5, 0.80, 0.17, 0.07),)
_ROSY = (0.02, -0.08, -0.05)
_MANNERS = {
    "smile": Manner(
        Way(1.1, 0.9, warp=0.5), Way(1.0, 0.63, warp=0.35), ((0.5, 0.735, 0.19, 0.11),), 0.5,
        drags=((_CORNERS[0], (-0.012, -0.02)), (_CORNERS[1], (0.012, -0.02))),
    ),
    "eyeglasses": Manner(
        Way(1.0, 0.65), Way(1.0, 0.8), _GLASSES, fades=((0.25, 0.05), (0.5, 0.25), (0.65, 0.9), (1.0, 1.0))
    ),
    "makeup": Manner(
        Way(paint=1.0), Way(paint=0.4), _LIPS,
        paints=(("lips", _LIPS, (-0.08, -0.3, -0.2)), ("lids", _LIDS, (-0.3, -0.33, -0.3)), ("skin", _CHEEKS, _ROSY)),
    ),
    "age": Manner(Way(1.0, 0.3), Way(0.82, 0.33), ((0.5, 0.5, 0.42, 0.52),), 0.3),
    "yaw": Manner(Way(0.5, 0.05, warp=1.1), Way(0.5, 0.15, warp=1.0), _HEAD, 0.4, turn=(-33.0, 0.0)),
    "mouth_open": Manner(
        Way(1.0, 0.65, warp=1.0), Way(1.0, 0.65), ((0.5, 0.76, 0.18, 0.16),), 0.1, drags=((_CHIN, (0.0, 0.015)),)
    ),
    "hair_lightness": Manner(Way(paint=1.0), Way(paint=0.8), _HAIR, paints=(("hair", _HAIR, (0.26, 0.23, 0.16)),)),
    "beard": Manner(
        Way(1.0, 0.5, 1.0), Way(0.5, 0.5, 0.5), ((0.5, 0.8, 0.24, 0.15),), 0.5,
        paints=(("skin", _JAW, (-0.2, -0.22, -0.22)),),
    ),
    "lipstick": Manner(Way(paint=1.0), Way(paint=0.4), _LIPS, paints=(("lips", _LIPS, (-0.1, -0.42, -0.27)),)),
    "eyes": Manner(
        Way(1.0, 0.5, warp=1.0), Way(1.0, 0.8, warp=0.3), _EYES,
        drags=((_UPPER_LIDS, (0.0, -0.012)), (_LOWER_LIDS, (0.0, 0.007))),
    ),
    "brows": Manner(Way(warp=1.0), Way(warp=0.8), _BROWS, drags=((_BROWS, (0.0, -0.022)),)),
    "gaze": Manner(Way(warp=1.0), Way(warp=1.0), _IRISES, drags=((_IRISES, (0.03, 0.0)),)),
    "pitch": Manner(Way(0.5, 0.25, warp=1.0), Way(1.0, 0.4, warp=0.7), _HEAD, 0.3, turn=(0.0, 14.0)),
}  # fmt: skip
ATTRIBUTES = {one.name: replace(one, manner=_MANNERS[one.name]) for one in _ALL}
"""Attributes by name."""
