"""Everything between dequantised coefficients and pixels, stated once as graphs for any inference runtime.

Each function here builds one graph through :class:`Ops`, which :mod:`hsc.inference.openvino_ops` implements for the
runtime that this package decodes with, and :mod:`hsc.export.onnx_ops` for the files that other decoders take. The
PyTorch modules of :mod:`hsc.networks` and :mod:`hsc.generator` are the reference that a test compares them with.

Features are ``(1, C, H, W)`` float32. An inverse Haar step wants each low-pass channel beside its three high-pass ones;
inside a graph, the layer before such a step puts its channels out in that order, so that nothing is moved.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any, Protocol

import numpy as np

from hsc.architecture import (
    CHANNELS,
    DETAIL_CHANGE,
    DETAIL_LEVEL,
    LATENT,
    LAYERS,
    PREVIEW_LEVEL,
    SEMANTIC_CHANNELS,
    SEMANTIC_SIZE,
)
from hsc.inference.model import Level

Weights = Mapping[str, np.ndarray]
Node = Any
"""A value in a graph, of the builder's own type."""
Shape = Sequence["int | str"]


class Ops(Protocol):
    """Operations that graphs are made of."""

    def input(self, name: str, shape: Shape) -> Node:
        """An input of the graph; a side of its shape may be a name, where it is known only when the graph runs."""
        ...

    def constant(self, value: np.ndarray) -> Node:
        """Weights."""
        ...

    def noise(self, name: str, value: np.ndarray) -> Node:
        """A noise map ``(1, 1, H, W)``."""
        ...

    def multiply(self, x: Node, y: Node) -> Node:
        """Product of values whose shapes broadcast."""
        ...

    def add(self, x: Node, y: Node) -> Node:
        """Sum of values whose shapes broadcast."""
        ...

    def leaky_relu(self, x: Node) -> Node:
        """Negative values times 0.2."""
        ...

    def matmul(self, x: Node, y: Node) -> Node:
        """Matrix product over the last two axes."""
        ...

    def reshape(self, x: Node, shape: Sequence[int]) -> Node:
        """The same values in another shape."""
        ...

    def gather(self, x: Node, indexes: np.ndarray, axis: int) -> Node:
        """Entries of an axis."""
        ...

    def convolution(self, x: Node, weight: np.ndarray, padding: int = 0, groups: int = 1) -> Node:
        """Convolution with stride 1; weight ``(O, I / groups, k, k)``."""
        ...

    def transposed_convolution(self, x: Node, weight: np.ndarray, padding: int = 0) -> Node:
        """Transposed convolution with stride 2; weight ``(I, O, k, k)``."""
        ...

    def depth_to_space(self, x: Node) -> Node:
        """``(1, 4 C, H, W)`` to ``(1, C, 2 H, 2 W)``: each four channels become the pixels of one."""
        ...


class _Graph:
    """Layers that graphs have in common."""

    def __init__(self, ops: Ops, weights: Weights) -> None:
        self.ops, self.weights = ops, weights

    def codes(self) -> Callable[[int], Node]:
        """The input of style codes, as a function that gives one of them ``(1, 512)``."""
        codes, known = self.ops.input("codes", (1, LAYERS, LATENT)), {}

        def code(index: int) -> Node:
            if index not in known:
                known[index] = self.ops.reshape(self.ops.gather(codes, np.array([index]), 1), (1, LATENT))
            return known[index]

        return code

    def affine(self, x: Node, weight: np.ndarray, bias: np.ndarray) -> Node:
        """``(1, I)`` to ``(1, O)``."""
        product = self.ops.matmul(x, self.ops.constant(np.ascontiguousarray(weight.T)))
        return self.ops.add(product, self.ops.constant(bias[None]))

    def convolution(
        self, x: Node, name: str, order: np.ndarray | slice = slice(None), padding: int | None = None
    ) -> Node:
        """A convolution with bias that keeps the size and puts its channels out in this order."""
        weight, bias = self.weights[f"{name}.weight"][order], self.weights[f"{name}.bias"][order]
        padding = weight.shape[-1] // 2 if padding is None else padding
        return self.ops.add(self.ops.convolution(x, weight, padding), self.ops.constant(bias[None, :, None, None]))

    def transposed(self, x: Node, name: str, padding: int) -> Node:
        """A transposed convolution with bias."""
        made = self.ops.transposed_convolution(x, self.weights[f"{name}.weight"], padding)
        return self.ops.add(made, self.ops.constant(self.weights[f"{name}.bias"][None, :, None, None]))

    def modulate(self, x: Node, code: Node, name: str, scale: float, order: np.ndarray | slice = slice(None)) -> Node:
        """Channels, in this order, times what a style code says."""
        weight, bias = (self.weights[f"{name}.{part}"][order] * np.float32(scale) for part in ("weight", "bias"))
        return self.ops.multiply(x, self.ops.reshape(self.affine(code, weight, bias), (1, len(bias), 1, 1)))

    def styled(self, x: Node, code: Node, name: str, order: np.ndarray | slice = slice(None)) -> Node:
        """A styled convolution of the generator that puts its channels out in this order."""
        inputs = len(self.weights[f"{name}.style.bias"])
        return self.unstyled(self.modulate(x, code, f"{name}.style", 1 / math.sqrt(9 * inputs)), name, order)

    def unstyled(self, x: Node, name: str, order: np.ndarray | slice = slice(None)) -> Node:
        """What comes after the modulation in a styled convolution."""
        if f"{name}.depthwise" in self.weights:
            x = self.ops.convolution(x, self.weights[f"{name}.depthwise"], 1, len(self.weights[f"{name}.depthwise"]))
        x = self.convolution(x, name, order)
        return self.ops.leaky_relu(self.ops.add(x, self.ops.noise(f"{name}.noise", self.weights[f"{name}.noise"])))

    def blocks(self, x: Node, code: Callable[[int], Node], start: int, end: int) -> Node:
        """Blocks ``start`` to ``end - 1`` of the generator."""
        if start == end:
            return x
        order = _haar_order(CHANNELS[start - 1] if start else CHANNELS[0])
        x = self.ops.gather(x, order, 1)
        for index in range(start, end):
            name, first, second = f"blocks.{index}", code(1 + 2 * index), code(2 + 2 * index)
            x = self.inverse_haar(self.modulate(x, first, f"{name}.up", 1.0, order), len(order))
            x = self.styled(x, first, f"{name}.conv1")
            order = np.arange(CHANNELS[index])
            if index + 1 < end:
                order = _haar_order(CHANNELS[index])
            x = self.styled(x, second, f"{name}.conv2", order)
        return x

    def inverse_haar(self, x: Node, channels: int) -> Node:
        """:func:`hsc.generator.inverse_haar` of bands in :func:`_haar_order`: a 4x4 mix, then pixel shuffle."""
        signs = 0.5 * np.array([[1, 1, 1, 1], [1, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1]], np.float32)
        weight = np.tile(signs, (channels // 4, 1))[:, :, None, None]
        return self.ops.depth_to_space(self.ops.convolution(x, weight, 0, channels // 4))


def semantics(ops: Ops, weights: Weights) -> Node:
    """SCN's synthesis: ``coefficients`` ``(1, 768)`` to S^ ``(1, 16, 512)``."""
    graph, expand = _Graph(ops, weights), weights["scn.expand"]
    coefficients = ops.input("coefficients", (1, SEMANTIC_CHANNELS * SEMANTIC_SIZE**2))
    shared = graph.affine(coefficients, weights["scn.synthesis.weight"], weights["scn.synthesis.bias"])
    codes = ops.matmul(ops.reshape(shared, (LAYERS, 1, expand.shape[1])), ops.constant(expand))
    return ops.add(ops.reshape(codes, (1, LAYERS, LATENT)), ops.constant(weights["scn.mean"][None, None]))


def synthesis(ops: Ops, weights: Weights, start: int | None, level: int) -> Node:
    """G_s: ``codes``, and ``features`` at level ``start`` unless that is None, to features at ``level``."""
    graph = _Graph(ops, weights)
    code = graph.codes()
    if start is None:
        first = graph.styled(ops.constant(weights["input"]), code(0), "conv1")
        return graph.blocks(first, code, 0, level)
    return graph.blocks(_features(ops, start), code, start, level)


class _PlacedGraph(_Graph):
    """Layers whose style codes may differ from place to place.

    A style code is a sum of columns, each times its own map of amounts; see :func:`placed_synthesis`.
    """

    def __init__(self, ops: Ops, weights: Weights) -> None:
        super().__init__(ops, weights)
        self._amounts: dict[int, Node] = {}

    def codes(self) -> Callable[[int], Node]:
        """The input of columns, as a function that gives those of one style code ``(512, N)``."""
        codes, known = self.ops.input("codes", (LAYERS, LATENT, "columns")), {}

        def code(index: int) -> Node:
            if index not in known:
                known[index] = self.ops.reshape(self.ops.gather(codes, np.array([index]), 0), (LATENT, -1))
            return known[index]

        return code

    def modulate(self, x: Node, code: Node, name: str, scale: float, order: np.ndarray | slice = slice(None)) -> Node:
        weight, bias = (self.weights[f"{name}.{part}"][order] * np.float32(scale) for part in ("weight", "bias"))
        side = _side(name)
        if side not in self._amounts:
            self._amounts[side] = self.ops.input(f"amounts_{side}", ("columns", side**2))
        scales = self.ops.matmul(self.ops.constant(np.ascontiguousarray(weight)), code)
        factors = self.ops.add(self.ops.matmul(scales, self._amounts[side]), self.ops.constant(bias[:, None]))
        return self.ops.multiply(x, self.ops.reshape(factors, (1, len(bias), side, side)))


def placed_synthesis(ops: Ops, weights: Weights, start: int | None, level: int) -> Node:
    """:func:`synthesis` of style codes that differ from place to place.

    Inputs are ``codes`` ``(16, 512, N)``, the style codes and behind them what is added to them at some places, and for
    each side s of features that are scaled on the way ``amounts_s`` ``(N, s * s)``, how much there is of each at each
    place: 1 throughout for the style codes. With N = 1 this is :func:`synthesis`.
    """
    graph = _PlacedGraph(ops, weights)
    code = graph.codes()
    if start is None:
        first = graph.styled(ops.constant(weights["input"]), code(0), "conv1")
        return graph.blocks(first, code, 0, level)
    return graph.blocks(_features(ops, start), code, start, level)


def _side(name: str) -> int:
    """Side of the features that a modulation of this name scales."""
    block = name.split(".")
    if block[0] != "blocks":
        return 4  # the convolution before all blocks
    return 4 * 2 ** int(block[1]) * (1 if block[2] == "up" else 2)


def modulated_start(ops: Ops, weights: Weights) -> Node:
    """The generator's first features, 4x4, by factors of each channel at each place instead of a style code."""
    shape = weights["input"].shape
    return _Graph(ops, weights).unstyled(
        ops.multiply(ops.constant(weights["input"]), ops.input("factors", shape)), "conv1"
    )


def modulated_block(ops: Ops, weights: Weights, index: int) -> Node:
    """A block of the generator by factors of each channel at each place instead of style codes.

    Inputs are ``features`` and the factors of the wavelet step and of the two convolutions, each in the shape of what
    it scales.
    """
    graph, side, channels = _Graph(ops, weights), 4 * 2**index, len(weights[f"blocks.{index}.up.bias"])
    features = ops.input("features", (1, channels, side, side))
    up = ops.input("up", (1, channels, side, side))
    first = ops.input("first", (1, channels // 4, 2 * side, 2 * side))
    second = ops.input("second", (1, CHANNELS[index], 2 * side, 2 * side))
    x = ops.gather(ops.multiply(features, up), _haar_order(channels), 1)
    x = graph.unstyled(ops.multiply(graph.inverse_haar(x, channels), first), f"blocks.{index}.conv1")
    return graph.unstyled(ops.multiply(x, second), f"blocks.{index}.conv2")


def feature_change(ops: Ops, weights: Weights, level: Level) -> Node:
    """FCN's synthesis: ``coefficients`` of a level and the ``base`` that it is coded over to what is added to that."""
    graph, name, size = _Graph(ops, weights), level.network, level.size
    coefficients = ops.input("coefficients", (1, level.latent, size, size))
    base = ops.input("base", (1, CHANNELS[level.generator_level - 1], 2 * size, 2 * size))
    condition = graph.transposed(coefficients, f"{name}.unfold", 1)
    x = ops.leaky_relu(ops.add(condition, graph.convolution(base, f"{name}.condition")))
    x = ops.leaky_relu(graph.convolution(x, f"{name}.synthesis_correction.1"))
    x = graph.convolution(x, f"{name}.synthesis_correction.3")
    change = ops.add(graph.transposed(coefficients, f"{name}.synthesis", 0), x)
    if level.generator_level != DETAIL_LEVEL:
        return change
    return ops.multiply(change, ops.constant(np.full((1, 1, 1, 1), DETAIL_CHANGE, np.float32)))


def preview(ops: Ops, weights: Weights, head: Weights) -> Node:
    """``features`` at 64x64 and ``codes`` to an approximate picture ``(1, 3, 256, 256)``.

    Args:
        weights: of the generator.
        head: of :class:`hsc.generator.preview_head.PreviewHead`.
    """
    graph = _Graph(ops, weights)
    code, features = graph.codes(), _features(ops, DETAIL_LEVEL)
    features = graph.blocks(features, code, DETAIL_LEVEL, PREVIEW_LEVEL)
    skipped = range(1 + 2 * PREVIEW_LEVEL, LAYERS)
    mean = ops.multiply(
        reduce(ops.add, map(code, skipped)), ops.constant(np.full((1, 1), 1 / len(skipped), np.float32))
    )
    graph, bands = _Graph(ops, head), _haar_order(12)
    features = graph.modulate(features, mean, "style", 1.0)
    x = ops.leaky_relu(graph.convolution(features, "reduce"))
    x = ops.leaky_relu(graph.convolution(x, "mix"))
    x = ops.add(graph.convolution(features, "linear", bands), graph.convolution(x, "correction", bands))
    tone = graph.affine(mean, head["tone.weight"][bands], head["tone.bias"][bands])
    return graph.inverse_haar(ops.add(x, ops.reshape(tone, (1, 12, 1, 1))), 12)


def image(ops: Ops, weights: Weights) -> Node:
    """G_l: ``features`` at 64x64 and ``codes`` to the picture ``(1, 3, 1024, 1024)``."""
    graph = _Graph(ops, weights)
    code = graph.codes()
    x = graph.blocks(_features(ops, DETAIL_LEVEL), code, DETAIL_LEVEL, len(CHANNELS))
    x = graph.modulate(x, code(LAYERS - 1), "to_img.style", 1 / math.sqrt(CHANNELS[-1]))
    return graph.inverse_haar(graph.convolution(x, "to_img", _haar_order(12)), 12)


def _features(ops: Ops, level: int) -> Node:
    """The input of features at a level."""
    side = 4 * 2**level
    return ops.input("features", (1, CHANNELS[level - 1], side, side))


def _haar_order(channels: int) -> np.ndarray:
    """Where an inverse Haar step expects each low-pass channel and its three high-pass ones."""
    low = channels // 4
    return np.concatenate([[c, *(low + 3 * c + np.arange(3))] for c in range(low)])
