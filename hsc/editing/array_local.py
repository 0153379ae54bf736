"""Edits that have a place, for arrays.

What :mod:`hsc.editing.local_synthesis`, ``local_edit``, ``regions`` and ``warp`` do with tensors; why it is done so
stands there, and a test holds the two together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hsc.architecture import DETAIL_LEVEL
from hsc.editing.movement import REGIONS, Movement, largest, mask
from hsc.inference.openvino_engine import OpenVINOEngine
from hsc.semantics import Semantics

BLUR = 1.5 / 16
SHARPNESS = 8.0
HEAD = (0.5, 0.56, 0.36, 0.46, 0.40)
ROUNDNESS, RIM = 0.75, 0.25
PIVOT, AROUND = 0.6, 1.3
"""Told where tensors do the same, as all that comes before."""
CUBIC = -0.75
"""Of the bicubic kernel, in PyTorch and OpenVINO alike; other decoders are told."""

Shifts = Sequence[tuple[np.ndarray, np.ndarray]]
"""Pairs of a shift of a style code ``(512,)`` and how much of it there is at each place ``(1, 1, H, W)``."""


def factors(engine: OpenVINOEngine, name: str, scale: float, code: np.ndarray, shifts: Shifts, side: int) -> np.ndarray:
    """Factor for each channel at each place ``(1, C, H, W)``; see :func:`hsc.editing.local_synthesis.style_map`."""
    weight, bias = (engine.generator_weights[f"{name}.{part}"] for part in ("weight", "bias"))
    made = np.broadcast_to(
        ((np.einsum("oi,i->o", weight, code) + bias) * scale)[None, :, None, None], (1, len(bias), side, side)
    )
    for shift, amount in shifts:
        if shift.any():
            made = made + amount * (np.einsum("oi,i->o", weight, shift) * scale)[None, :, None, None]
    return made.astype(np.float32)


def synthesize(
    engine: OpenVINOEngine,
    codes: np.ndarray,
    movements: Sequence[Movement],
    level: int,
    features: np.ndarray | None = None,
    start: int = 0,
) -> np.ndarray:
    """See :func:`hsc.editing.local_synthesis.synthesize_locally`."""
    weights = engine.generator_weights

    def scaled(name: str, layer: int, side: int, convolution: bool = True) -> np.ndarray:
        shifts = [(one.shift[layer], one.map(side)) for one in movements]
        name = f"{name}.style" if convolution else name
        scale = 1 / math.sqrt(9 * len(weights[f"{name}.bias"])) if convolution else 1.0
        return factors(engine, name, scale, codes[0, layer], shifts, side)

    if features is None:
        features = engine.modulated_start(scaled("conv1", 0, 4))
    for index in range(start, level):
        name, side, first, second = f"blocks.{index}", 4 * 2**index, 1 + 2 * index, 2 + 2 * index
        features = engine.modulated_block(
            index,
            features,
            scaled(f"{name}.up", first, side, convolution=False),
            scaled(f"{name}.conv1", first, 2 * side),
            scaled(f"{name}.conv2", second, 2 * side),
        )
    return features


def fine_change(
    engine: OpenVINOEngine, codes: np.ndarray, feature: np.ndarray, level: int, movements: Sequence[Movement]
) -> np.ndarray:
    """What shifts of the style codes above F change at 64x64, ``(1, 512, 64, 64)``."""
    plain = engine.features(codes, DETAIL_LEVEL, feature, level)
    moved = synthesize(engine, codes, movements, DETAIL_LEVEL, feature, level)
    side, layer, name = plain.shape[-1], 2 * DETAIL_LEVEL + 1, f"blocks.{DETAIL_LEVEL}.up"
    shifts = [(one.shift[layer], mask(one.place, side)) for one in movements]
    scales = factors(engine, name, 1.0, codes[0, layer], shifts, side)
    own = factors(engine, name, 1.0, codes[0, layer], [], side)
    return largest(movements, side, [one.presence for one in movements]) * (moved * scales / own - plain)


def blur(features: np.ndarray) -> np.ndarray:
    """Gaussian blur of ``(1, C, H, H)``, edges repeated."""
    side = features.shape[-1]
    deviation = BLUR * side
    reach = round(3 * deviation)
    weights = np.exp(-np.square(np.arange(-reach, reach + 1) / deviation) / 2)
    matrix = np.zeros((side, side))
    for place in range(side):
        np.add.at(matrix[place], np.clip(np.arange(place - reach, place + reach + 1), 0, side - 1), weights)
    matrix = (matrix / weights.sum()).astype(np.float32)
    return matrix @ features @ matrix.T


class Regions:
    """See :class:`hsc.editing.regions.RegionProbe`."""

    def __init__(self, weight: np.ndarray, bias: np.ndarray) -> None:
        self._weight, self._bias = weight.astype(np.float32), bias.astype(np.float32)

    @classmethod
    def load(cls) -> Regions:
        """The shipped one."""
        from hsc import weights
        from hsc.inference.model import WeightsFiles

        state = WeightsFiles([weights.shipped("regions")])
        return cls(state["weight"], state["bias"])

    def __call__(self, features: np.ndarray) -> dict[str, np.ndarray]:
        """Features ``(1, C, H, W)`` to a soft mask ``(1, 1, H, W)``, 0 to 1, for each region."""
        scaled = features / np.sqrt(np.square(features).mean(1, keepdims=True) + 1e-6)
        found = np.einsum("bchw,kc->bkhw", scaled, self._weight) + self._bias[:, None, None]
        return dict(zip(REGIONS, np.split(1 / (1 + np.exp(-SHARPNESS * found)), len(REGIONS), 1)))


def warp(engine: OpenVINOEngine, semantics: Semantics, movements: Sequence[Movement]) -> Semantics:
    """Semantics whose features are moved by all turns and drags; without any, the very same object."""
    if not any(one.warps for one in movements):
        return semantics

    def moved(features: np.ndarray) -> np.ndarray:
        return engine.sampled(features, places(flow_of(movements, features.shape[-1])))

    detail = None if semantics.detail is None else moved(semantics.detail)
    return replace(semantics, features=tuple(moved(one) for one in semantics.features), detail=detail)


def flow_of(movements: Sequence[Movement], side: int) -> np.ndarray:
    """How far to the left and above each place was before all turns and drags, as a share: ``(side, side, 2)``."""
    moved = turn_flow(side, *(sum(one.turn[axis] for one in movements) for axis in (0, 1)))
    for drag in (drag for one in movements for drag in one.drags):
        moved = moved + mask(drag.place, side)[0, 0, :, :, None] * np.array(drag.by)
    return moved


def places(flow: np.ndarray) -> np.ndarray:
    """Where each place was before a flow ``(side, side, 2)``: ``(1, side, side, 2)``, from -1 to 1."""
    centres = (np.arange(len(flow)) + 0.5) / len(flow)
    return (2 * (np.stack(np.meshgrid(centres, centres), -1) - flow)[None] - 1).astype(np.float32)


def turn_flow(side: int, yaw: float, pitch: float) -> np.ndarray:
    """See :func:`hsc.editing.warp.turn_flow`."""
    column, row, width, height, depth = HEAD
    centres = (np.arange(side) + 0.5) / side
    y, x = np.meshgrid(centres - row, centres - column, indexing="ij")
    squared = np.square(x / width) + np.square(y / height)
    inside, around = np.maximum(1 - squared, 0), np.maximum(1 - squared / AROUND**2, 0)
    front, rim = depth * (inside**ROUNDNESS - PIVOT * around), inside**RIM
    across, up = math.radians(yaw), math.radians(pitch)
    moved = (
        front * math.sin(across) + rim * x * (1 - math.cos(across)),
        -front * math.sin(up) + rim * y * (1 - math.cos(up)),
    )
    return np.stack(moved, -1)
