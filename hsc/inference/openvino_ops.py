"""Graphs of :mod:`hsc.inference.graphs` as OpenVINO models."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hsc.inference.openvino_runtime import ops, ov

_SLOPE = np.array([0.2], np.float32)


class OpenVINOOps:
    """Builds one model.

    Noise maps are inputs, after those that the graph names. As constants, OpenVINO adds each to its layer's bias ahead
    of time, which gives full-size constants, and keeps two copies of them: half a gigabyte for 2.8 MB of noise.
    """

    def __init__(self) -> None:
        self._inputs: list[ov.Node] = []
        self._noise: list[ov.Node] = []

    def model(self, output: ov.Node, name: str) -> ov.Model:
        """The model of everything that leads to an output."""
        return ov.Model([output], [*self._inputs, *self._noise], name)

    def input(self, name: str, shape: Sequence[int | str]) -> ov.Node:
        """See :class:`hsc.inference.graphs.Ops`, as for all that follows."""
        sides = [-1 if isinstance(side, str) else side for side in shape]
        self._inputs.append(ops.parameter(sides, np.float32, name=name))
        return self._inputs[-1]

    def constant(self, value: np.ndarray) -> ov.Node:
        return ops.constant(np.ascontiguousarray(value, np.float32))

    def noise(self, name: str, value: np.ndarray) -> ov.Node:
        self._noise.append(ops.parameter(list(value.shape), np.float32, name=name))
        return self._noise[-1]

    def multiply(self, x: ov.Node, y: ov.Node) -> ov.Node:
        return ops.multiply(x, y)

    def add(self, x: ov.Node, y: ov.Node) -> ov.Node:
        return ops.add(x, y)

    def leaky_relu(self, x: ov.Node) -> ov.Node:
        return ops.prelu(x, _SLOPE)

    def matmul(self, x: ov.Node, y: ov.Node) -> ov.Node:
        return ops.matmul(x, y, False, False)

    def reshape(self, x: ov.Node, shape: Sequence[int]) -> ov.Node:
        return ops.reshape(x, list(shape), False)

    def gather(self, x: ov.Node, indexes: np.ndarray, axis: int) -> ov.Node:
        return ops.gather(x, indexes.astype(np.int64), axis)

    def convolution(self, x: ov.Node, weight: np.ndarray, padding: int = 0, groups: int = 1) -> ov.Node:
        weight, around = np.ascontiguousarray(weight, np.float32), [padding, padding]
        if groups == 1:
            return ops.convolution(x, weight, [1, 1], around, around, [1, 1])
        grouped = weight.reshape(groups, -1, *weight.shape[1:])
        return ops.group_convolution(x, grouped, [1, 1], around, around, [1, 1])

    def transposed_convolution(self, x: ov.Node, weight: np.ndarray, padding: int = 0) -> ov.Node:
        around = [padding, padding]
        return ops.convolution_backprop_data(
            x, np.ascontiguousarray(weight, np.float32), [2, 2], None, around, around, [1, 1]
        )

    def depth_to_space(self, x: ov.Node) -> ov.Node:
        return ops.depth_to_space(x, "depth_first", 2)

    def sample(self, x: ov.Node, where: ov.Node) -> ov.Node:
        """``x`` ``(1, C, H, W)`` at places ``(1, H, W, 2)`` from -1 to 1: bicubic, edges repeated."""
        how = {"align_corners": False, "mode": "bicubic", "padding_mode": "border"}
        return ops.grid_sample(x, where, how)
