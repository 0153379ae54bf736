"""On which side of its dot each name of a chart goes, so that names do not lie over each other on a phone either."""

from __future__ import annotations

import math
from collections.abc import Sequence

WIDTH, HEIGHT = 235, 220
"""Pixels of a plot of 400 with its legend on a phone; where there is more room, dots only move apart."""
_LETTER, _LINE = 6.6, 15
"""Pixels of a letter, and of a line, of 12 pixels."""
_DOT = 7
"""Radius of a dot in pixels, with its rim."""
_MARGIN = 8
"""Pixels beside the plot that names may take."""
_SWEEPS = 3
"""How often each name is placed anew among all others."""
_SIDES = {
    "middle right": (1, 0),
    "middle left": (-1, 0),
    "top center": (0, 1),
    "bottom center": (0, -1),
    "top right": (1, 1),
    "top left": (-1, 1),
    "bottom right": (1, -1),
    "bottom left": (-1, -1),
}
"""By Plotly's name, in order of preference: where the text lies of its dot, to the right and upwards."""

Box = tuple[float, float, float, float]
"""Left, right, bottom and top, in pixels."""


def sides(
    sizes: Sequence[float], values: Sequence[float], names: Sequence[str], others: Sequence[tuple[float, float]] = ()
) -> list[str]:
    """A ``textposition`` for each dot.

    Args:
        sizes: bytes, more than 0; drawn on a logarithmic axis.
        values: of the other axis.
        names: what stands beside the dots.
        others: further points ``(size, value)`` that the plot shows, without names.
    """
    points = _pixels([*zip(sizes, values), *others])
    dots = [(x - _DOT, x + _DOT, y - _DOT, y + _DOT) for x, y in points]
    where = [next(iter(_SIDES))] * len(names)
    boxes = [_box(points[at], name, where[at]) for at, name in enumerate(names)]
    for _ in range(_SWEEPS):
        for at, name in enumerate(names):
            rest = boxes[:at] + boxes[at + 1 :]

            def crowded(side: str, at: int = at, name: str = name, rest: list[Box] = rest) -> float:
                box = _box(points[at], name, side)
                named = sum(_overlap(box, other) for other in rest + dots[:at] + dots[at + 1 : len(names)])
                unnamed = sum(_overlap(box, other) for other in dots[len(names) :])
                outside = max(-_MARGIN - box[0], 0) + max(box[1] - WIDTH - _MARGIN, 0)
                return named + unnamed / 4 + _LINE * outside

            where[at] = min(_SIDES, key=crowded)
            boxes[at] = _box(points[at], name, where[at])
    return where


def _pixels(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Where points lie on a plot that shows them all, with a twentieth of room around."""
    columns = [[math.log(size) for size, _ in points], [value for _, value in points]]
    scaled = []
    for column, side in zip(columns, (WIDTH, HEIGHT)):
        least, span = min(column, default=0), max(column, default=0) - min(column, default=0)
        scaled.append([side * (0.05 + 0.9 * ((each - least) / span if span else 0.5)) for each in column])
    return list(zip(*scaled))


def _box(point: tuple[float, float], name: str, side: str) -> Box:
    (x, y), (right, up) = point, _SIDES[side]
    half, tall = _LETTER * len(name) / 2, _LINE / 2
    x, y = x + right * (_DOT + half), y + up * (_DOT + tall)
    return x - half, x + half, y - tall, y + tall


def _overlap(first: Box, second: Box) -> float:
    """Area that two boxes share."""
    across = min(first[1], second[1]) - max(first[0], second[0])
    down = min(first[3], second[3]) - max(first[2], second[2])
    return max(across, 0) * max(down, 0)
