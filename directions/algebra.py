"""Sums of directions, and the form in which files store them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from directions.direction import LATENT, LAYERS, Direction, check_strength
from directions.library import by_id, load
from directions.response import movement_of
from hsc.editing.movement import Movement
from hsc.errors import DirectionError

Strengths = Mapping[str, float] | Mapping[Direction, float] | Mapping[str | Direction, float]
"""Strength of each direction; shipped ones by name, foreign ones as they are."""


def combine(strengths: Strengths) -> np.ndarray:
    """The sum of strength times array, ``(16, 512)`` float32: what would be added to S of a plain inversion.

    The codec's own edits have places and responses, see :func:`movements`.

    The order in ``strengths`` does not matter, to the last bit; strength 0 is as good as not there.

    Raises:
        DirectionError: a direction is unknown, or a strength is not a number in [-8, 8).
    """
    total = np.zeros((LAYERS, LATENT))  # in float64
    for direction, strength in _terms(strengths):
        if strength:
            total += strength * direction.array.astype(np.float64)
    return total.astype(np.float32)


def _terms(strengths: Strengths) -> list[tuple[Direction, float]]:
    """Directions with their strengths, always in the same order: addition does not associate."""
    terms = []
    for key, strength in strengths.items():
        direction = load(key) if isinstance(key, str) else key
        if not isinstance(direction, Direction):
            raise DirectionError(f"{key!r} is neither a direction nor the name of one.")
        terms.append((direction, check_strength(direction.name, strength)))
    return sorted(terms, key=lambda term: (term[0].id or 0, term[0].name, term[0].array.tobytes()))


def movements(strengths: Strengths) -> list[Movement]:
    """What edits move and where, see :func:`directions.response.movement_of`; strengths of 0 are left out.

    The order in ``strengths`` does not matter, to the last bit.

    Raises:
        DirectionError: a direction is unknown, or a strength is not a number in [-8, 8).
    """
    return [movement_of(direction, strength) for direction, strength in _terms(strengths) if strength]


def to_ids(strengths: Strengths) -> list[tuple[int, float]]:
    """``[(id, strength), ...]`` by ascending id, as files store them; strengths of 0 are left out.

    Raises:
        DirectionError: a direction is unknown or foreign, or a strength is out of range.
    """
    edits = []
    for key, strength in strengths.items():
        direction = load(key) if isinstance(key, str) else key
        if direction.id is None:
            raise DirectionError(f"A file cannot store '{direction.name}': it is not one of the shipped directions.")
        value = check_strength(direction.name, strength)
        if value:
            edits.append((direction.id, value))
    return sorted(edits)


def from_ids(edits: Iterable[tuple[int, float]]) -> dict[str, float]:
    """Strengths by name; a direction that is stored twice counts with its sum.

    Raises:
        DirectionError: this version does not know a direction.
    """
    strengths: dict[str, float] = {}
    for number, strength in edits:
        name = by_id(number).name
        strengths[name] = strengths.get(name, 0.0) + strength
    return strengths
