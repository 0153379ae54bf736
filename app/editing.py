"""The Edit step: directions, and edits stored in files."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path

import directions
from directions import LIMIT, Direction
from directions.direction import LAYERS
from directions.foreign_effect import effect_of
from hsc import bitstream
from hsc.codec import Codec
from hsc.errors import DirectionError
from hsc.semantics import Semantics

FIRST = ("smile", "eyeglasses", "makeup")
"""Shown before all others."""
FILMSTRIP = 7
"""Pictures of a strip."""
OWN = "own"
"""Stands for the visitor's own direction where a name is expected."""
OWN_RANGE = (-3.0, 3.0)
"""Of its slider: nobody tested how far it may go."""
MARGIN = 0.1
"""Share of its tested range by which a slider goes further, on each side."""
FILM_FRAMES = 36


def shipped() -> list[Direction]:
    """All shipped directions, the best known first."""
    names = directions.names()
    ordered = [name for name in FIRST if name in names] + [name for name in names if name not in FIRST]
    return [directions.load(name) for name in ordered]


def reach(direction: Direction) -> tuple[float, float]:
    """Ends of a direction's slider: the range that was tested, and little more."""
    low, high = (round((1 + MARGIN) * end, 2) for end in direction.range)
    return max(low, -LIMIT), min(high, LIMIT - 0.01)


def span(key: str | Direction) -> tuple[float, float]:
    """From where to where a filmstrip and a film of a direction go: over what was tested, no further."""
    return directions.load(key).range if isinstance(key, str) else (-1.0, 1.0)


def frames(ends: tuple[float, float]) -> list[float]:
    """Strengths of a filmstrip from end to end, 0 among them."""
    low, high = ends
    if not low or not high:
        return [round(low + index * (high - low) / (FILMSTRIP - 1), 2) for index in range(FILMSTRIP)]
    below = min(max(1, round((FILMSTRIP - 1) * -low / (high - low))), FILMSTRIP - 2)
    above = FILMSTRIP - 1 - below
    return [
        *(round(low * (below - index) / below, 2) for index in range(below)),
        0.0,
        *(round(high * (index + 1) / above, 2) for index in range(above)),
    ]


def label(name: str, foreign: Direction | None = None) -> str:
    """What to call a direction."""
    if name == OWN:
        return foreign.label if foreign is not None else "Your own"
    return directions.load(name).label


def described(strengths: Mapping[str | Direction, float]) -> str:
    """Strengths in words: ``smile +0.80, makeup -0.30``."""
    parts = []
    for key, value in strengths.items():
        name = label(key) if isinstance(key, str) else key.label
        parts.append(f"{name.lower()} {value:+.2f}")
    return ", ".join(parts)


def note(size: int, strengths: Mapping[str | Direction, float]) -> str:
    """What the metadata of an edited picture says."""
    return f"Face restored from {size} bytes and edited by HSC ({described(strengths)}): synthetic."


def move(codec: Codec, semantics: Semantics, strengths: Mapping[str | Direction, float]) -> Semantics:
    """Semantics moved along shipped and foreign directions.

    Raises:
        DirectionError: one is unknown, or a strength is out of range.
    """
    return codec.edit(semantics, {key: value for key, value in strengths.items() if value})


def stored(edits: Iterable[tuple[int, float]]) -> dict[str, float]:
    """Strengths by name of the edits that a file holds.

    Raises:
        DirectionError: this version does not know a direction.
    """
    return directions.from_ids(edits)


def with_edits(data: bytes, strengths: Mapping[str | Direction, float]) -> bytes | None:
    """The file with the edits in it; None where a file cannot hold them or is not complete."""
    if not data or not strengths or any(isinstance(key, Direction) for key in strengths):
        return None
    if not bitstream.BitstreamReader(data).complete:
        return None
    return bitstream.append_edits(data, directions.to_ids(strengths))


def advice(codec: Codec, direction: Direction, scale: float) -> str:
    """What to say of a visitor's direction that was opened with a scale: what scale would show it, or nothing."""
    return effect_of(codec, direction).advice(scale)


def foreign(path: Path, first: float, last: float, scale: float) -> Direction:
    """A visitor's direction, bound to a range of layers.

    Raises:
        DirectionError: the file or the binding is refused, with the reason.
    """
    if not all(isinstance(value, (int, float)) and math.isfinite(value) for value in (first, last, scale)):
        raise DirectionError("A direction's first and last layer and its scale are numbers.")
    if not 0 <= first <= LAYERS - 1 or not 0 <= last <= LAYERS - 1:
        raise DirectionError(f"A direction's layers are from 0 to {LAYERS - 1}.")
    if first > last:
        raise DirectionError(f"The first layer, {first:g}, comes after the last, {last:g}.")
    layers = tuple(range(int(first), int(last) + 1))
    return directions.load_foreign(path, directions.name_of(path), layers, OWN_RANGE, float(scale))
