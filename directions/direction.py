"""One editing direction: its array, what it does, and how far it may go."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hsc.errors import DirectionError

GENERATOR = "mobilestylegan-ffhq-1024"
"""The generator that directions act on; a direction of another one means nothing here."""
LAYERS, LATENT = 16, 512
LIMIT = 8.0
"""Strengths lie in [-8, 8), as the file format stores them."""


@dataclass(frozen=True, eq=False)
class Direction:
    """An editing direction, valid by construction.

    Attributes:
        name: lower-case letters, digits, ``_``.
        array: ``(16, 512)`` float32, read-only, zero outside ``layers``; S moves by strength times this.
        layers: style codes that it moves, ascending, in 0 ... 15.
        range: lowest and highest strength of a slider; pictures start to break beyond.
        id: 1 ... 255, stands for the direction in files; ``None`` for a foreign one, which files cannot store.
        label: for people.
        metadata: how it was learned and what it was measured to do; where it acts, and how strength maps to what moves,
            see :mod:`directions.response`.
        tints: ``(K, 512)`` float32, read-only: colours that it paints, as changes of the features at 64x64.

    Raises:
        DirectionError: something of this does not hold.
    """

    name: str
    array: np.ndarray = field(repr=False)
    layers: tuple[int, ...]
    range: tuple[float, float] = (-1.0, 1.0)
    id: int | None = None
    label: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    tints: np.ndarray = field(default_factory=lambda: np.zeros((0, LATENT), np.float32), repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not re.fullmatch(r"[a-z0-9_]{1,40}", self.name):
            raise DirectionError(f"A direction's name has 1 to 40 of a-z, 0-9 and _, not {self.name!r}.")
        if self.id is not None and (type(self.id) is not int or not 1 <= self.id <= 255):
            raise DirectionError(f"The id of direction '{self.name}' must be from 1 to 255, not {self.id!r}.")
        object.__setattr__(self, "layers", check_layers(self.layers))
        object.__setattr__(self, "range", check_range(self.range))
        array = np.asarray(self.array)
        if array.shape != (LAYERS, LATENT) or array.dtype != np.float32:
            raise DirectionError(
                f"Direction '{self.name}' must be a float32 array of shape (16, 512), not"
                f" {array.dtype} {tuple(array.shape)}."
            )
        if not np.isfinite(array).all():
            raise DirectionError(f"Direction '{self.name}' holds values that are not finite.")
        others = [layer for layer in range(LAYERS) if layer not in self.layers]
        if array[others].any():
            raise DirectionError(f"Direction '{self.name}' moves layers that it does not name.")
        if not array.any():
            raise DirectionError(f"Direction '{self.name}' is zero.")
        tints = np.asarray(self.tints)
        if tints.ndim != 2 or tints.shape[1] != LATENT or tints.dtype != np.float32 or not np.isfinite(tints).all():
            raise DirectionError(f"The tints of direction '{self.name}' must be finite float32 rows of 512.")
        for key, values in (("array", array.copy()), ("tints", tints.copy())):
            values.flags.writeable = False
            object.__setattr__(self, key, values)
        object.__setattr__(self, "label", self.label or self.name.replace("_", " ").capitalize())


def check_layers(layers: Iterable[int]) -> tuple[int, ...]:
    """Ascending, distinct layers in 0 ... 15, at least one.

    Raises:
        DirectionError: they are not.
    """
    try:
        given = list(layers)
    except TypeError:
        given = []
    if not given or any(type(layer) is not int or not 0 <= layer < LAYERS for layer in given):
        raise DirectionError(f"A direction's layers are numbers from 0 to 15, at least one, not {layers!r}.")
    if len(set(given)) != len(given):
        raise DirectionError(f"A direction's layers are named once each, not {layers!r}.")
    return tuple(sorted(given))


def check_range(limits: Iterable[float]) -> tuple[float, float]:
    """Lowest and highest strength, ``-8 <= low <= 0 <= high < 8``, not both 0.

    Raises:
        DirectionError: they are not.
    """
    try:
        low, high = (float(value) for value in limits)
    except (TypeError, ValueError):
        raise DirectionError(f"A direction's range is two numbers, not {limits!r}.") from None
    if not (-LIMIT <= low <= 0 <= high < LIMIT and low < high):
        raise DirectionError(f"A direction's range must hold 0 and go from -8 to below 8, not {low:g} to {high:g}.")
    return low, high


def check_strength(name: str, strength: float) -> float:
    """A strength in [-8, 8).

    Raises:
        DirectionError: it is not a number in this range.
    """
    try:
        value = float(strength)
    except (TypeError, ValueError):
        value = math.nan
    if isinstance(strength, bool) or not -LIMIT <= value < LIMIT:
        raise DirectionError(f"The strength of '{name}' must be a number from -8 to below 8, not {strength!r}.")
    return value
