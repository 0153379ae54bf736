"""From the strength of a slider to what moves: the measured response of each direction, and its place.

A direction's JSON file has, beside its array,

``place``
    soft ellipses in the aligned frame where it acts, see :data:`hsc.editing.movement.Place`;
``paints``
    for each row of ``<name>.paint.npy``, a tint ``(512,)``: its ``region`` and its ``place``;
``drags``
    what is moved in the picture: a ``place``, and ``by`` how much to the right and down, in fractions of the side;
``response``
    ``strengths``, ascending, and at each of them

    - ``shift``: by how much of the array S moves;
    - ``release``: how much of the coded residual gives way, 0 to 1;
    - ``presence``: how much of the edit is there at all, 0 to 1; without it, all;
    - ``paint``: by how much of their tints the paints change the features at 64x64; without it, not at all;
    - ``warp``: by how much of its ``turn`` the head turns, and how far everything is dragged; without it, not at all.

    Between two strengths, and beyond the last by the same slope, they are linear. ``tone``: how much of the smoothed
    residual stays. ``turn``: degrees by which the head turns, to the right of the picture and upwards.

A direction without them, such as a foreign one, moves S by strength times its array, everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from directions.direction import Direction
from hsc.editing.movement import REGIONS, Drag, Movement, Paint, Place
from hsc.errors import DirectionError

CURVES: dict[str, Any] = {"shift": None, "release": None, "presence": 1.0, "paint": 0.0, "warp": 0.0}
"""What a response has at each of its strengths, and what it is throughout where it is not told."""

_HELD = ("release", "presence")
"""Those that are shares: from 0 to 1, beyond the ends too."""


def movement_of(direction: Direction, strength: float) -> Movement:
    """What a direction moves at a strength that is not 0, and where."""
    response = direction.metadata.get("response")
    array = direction.array
    if response is None:
        return Movement(array * np.float32(strength))
    told = {curve: at(response, curve, strength) for curve in CURVES}
    yaw, pitch = (told["warp"] * degrees for degrees in response.get("turn", (0.0, 0.0)))
    drags = tuple(
        Drag(_place(one["place"]), (told["warp"] * one["by"][0], told["warp"] * one["by"][1]))
        for one in direction.metadata.get("drags", ())
        if told["warp"]
    )
    paints = tuple(
        Paint(np.float32(told["paint"]) * tint, one["region"], _place(one["place"]))
        for tint, one in zip(direction.tints, direction.metadata.get("paints", ()))
        if told["paint"]
    )
    place = _place(direction.metadata.get("place", ()))
    shift, tone = array * np.float32(told["shift"]), response.get("tone", 0.0)
    return Movement(shift, place, told["release"], tone, told["presence"], paints, (yaw, pitch), drags)


def _place(ellipses: Sequence[Sequence[float]]) -> Place:
    return tuple((column, row, width, height) for column, row, width, height in ellipses)


def at(response: Mapping[str, Any], curve: str, strength: float) -> float:
    """One curve of a response at a strength."""
    if curve not in response:
        return CURVES[curve]
    strengths, values = response["strengths"], response[curve]
    if strengths[0] <= strength <= strengths[-1]:
        return float(np.interp(strength, strengths, values))
    end, before = (0, 1) if strength < strengths[0] else (-1, -2)
    slope = (values[end] - values[before]) / (strengths[end] - strengths[before])
    value = values[end] + slope * (strength - strengths[end])
    return float(min(max(value, 0), 1) if curve in _HELD else value)


def check(name: str, metadata: Mapping[str, Any], tints: int) -> None:
    """Refuse a place, a response or so many tints that :func:`movement_of` could not use.

    Raises:
        DirectionError: with what is wrong.
    """
    response = metadata.get("response")
    if response is None:
        return
    if not isinstance(response, Mapping):
        raise DirectionError(f"Direction '{name}': its response is not an object.")
    strengths = _numbers(name, response.get("strengths"))
    if len(strengths) < 2 or strengths != sorted(set(strengths)):
        raise DirectionError(f"Direction '{name}': the strengths of its response do not ascend.")
    for curve in CURVES:
        _check_curve(name, response, curve, len(strengths))
    if len(_numbers(name, response.get("turn", (0, 0)))) != 2:
        raise DirectionError(f"Direction '{name}': a turn is two numbers.")
    _check_drags(name, metadata.get("drags", []))
    if any(response["shift"]) or any(response["release"]):
        _check_place(name, metadata.get("place"))
    paints = metadata.get("paints", [])
    if not isinstance(paints, list) or len(paints) != tints:
        raise DirectionError(f"Direction '{name}' has another number of paints than of tints.")
    for one in paints:
        if not isinstance(one, dict) or one.get("region") not in REGIONS:
            raise DirectionError(f"Direction '{name}': a paint is for one of {', '.join(REGIONS)}.")
        _check_place(name, one.get("place"))


def _check_curve(name: str, response: Mapping[str, Any], curve: str, count: int) -> None:
    if curve not in response and CURVES[curve] is not None:
        return
    values = _numbers(name, response.get(curve))
    if len(values) != count:
        raise DirectionError(f"Direction '{name}': its response has another number of {curve} values than strengths.")
    if curve in _HELD and not all(0 <= value <= 1 for value in values):
        raise DirectionError(f"Direction '{name}': {curve} is from 0 to 1.")


def _check_drags(name: str, drags: object) -> None:
    if not isinstance(drags, list):
        raise DirectionError(f"Direction '{name}': its drags are not a list.")
    for one in drags:
        if not isinstance(one, dict) or len(_numbers(name, one.get("by"))) != 2:
            raise DirectionError(f"Direction '{name}': a drag goes by two numbers.")
        _check_place(name, one.get("place"))


def _check_place(name: str, place: object) -> None:
    if not isinstance(place, Sequence) or not place or isinstance(place, str):
        raise DirectionError(f"Direction '{name}' has a response and no place.")
    for ellipse in place:
        numbers = _numbers(name, ellipse)
        if len(numbers) != 4 or min(numbers[2:]) <= 0:
            raise DirectionError(
                f"Direction '{name}': an ellipse of its place is a centre, and two half sides above 0."
            )


def _numbers(name: str, values: object) -> list[float]:
    if not isinstance(values, Sequence) or isinstance(values, str):
        raise DirectionError(f"Direction '{name}': its place and its response are made of lists of numbers.")
    if any(type(value) not in (int, float) or not np.isfinite(value) for value in values):
        raise DirectionError(f"Direction '{name}': its place and its response are made of finite numbers.")
    return list(values)
