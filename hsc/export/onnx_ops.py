"""Graphs of :mod:`hsc.inference.graphs` as ONNX files, with weights in half precision or as integers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from hsc.export import onnx_file

_LEAST_PACKED = 256
"""Values of the smallest array that is worth integers and scales."""

Axes = tuple[int, ...]


@dataclass(frozen=True)
class Integers:
    """Weights as integers, times a step for each output of a layer.

    Attributes:
        name: of their type, as the manifest says it.
        steps: of an array's magnitudes, to one step: what stands for its outputs, by the axes that it goes over.
    """

    name: str
    type: type[np.signedinteger]
    step: Callable[[np.ndarray, Axes], np.ndarray]


def eight_bits() -> Integers:
    """The largest weight of an output is 127 steps."""
    return Integers("int8", np.int8, lambda value, axes: np.abs(value).max(axes, keepdims=True) / 127)


def sixteen_bits(bits: Callable[[tuple[int, ...]], float]) -> Integers:
    """A step is a share 2^-b of the root mean square of an output's weights.

    Nearly all high bytes are then one of a few values: the files are no smaller, but compress to b + 2 bits a weight,
    where half precision takes 14.

    Args:
        bits: b, by the shape of an array.
    """

    def step(value: np.ndarray, axes: Axes) -> np.ndarray:
        mean_square = np.square(value, dtype=np.float64).mean(axes, keepdims=True)
        # Never so small that a lone large weight leaves the range of the type.
        return np.maximum(np.sqrt(mean_square) / 2 ** bits(value.shape), np.abs(value).max(axes, keepdims=True) / 32767)

    return Integers("int16", np.int16, step)


class OnnxOps:
    """Builds one file; see :class:`hsc.inference.graphs.Ops`. Values are names.

    Weights are stored in half precision and cast to float32, which runtimes do once, when they load the file.

    Args:
        integers: how kernels, matrices and noise maps are stored instead.
    """

    def __init__(self, integers: Integers | None = None) -> None:
        self._integers = integers
        self._nodes: list[bytes] = []
        self._tensors: list[bytes] = []
        self._known: dict[tuple, str] = {}
        self.inputs: dict[str, tuple[int | str, ...]] = {}

    def file(self, name: str, output: str, shape: Sequence[int | str], metadata: dict[str, str]) -> bytes:
        """The file of a graph whose output, called ``output`` there, is this value."""
        self._nodes.append(onnx_file.node("Identity", [output], "output", {}))
        inputs = [onnx_file.value(*each) for each in self.inputs.items()]
        outputs = [onnx_file.value("output", shape)]
        return onnx_file.model(name, self._nodes, self._tensors, inputs, outputs, metadata)

    def input(self, name: str, shape: Sequence[int | str]) -> str:
        self.inputs[name] = tuple(shape)
        return name

    def constant(self, value: np.ndarray) -> str:
        if value.ndim not in (2, 3) or 1 in value.shape[-2:]:
            return self._stored(value)
        return self._stored(value, (value.ndim - 2,))  # of a fully connected layer, or of several: (inputs, outputs)

    def noise(self, name: str, value: np.ndarray) -> str:
        return self._stored(value, (2, 3))

    def multiply(self, x: str, y: str) -> str:
        return self._node("Mul", [x, y])

    def add(self, x: str, y: str) -> str:
        return self._node("Add", [x, y])

    def leaky_relu(self, x: str) -> str:
        return self._node("LeakyRelu", [x], alpha=0.2)

    def matmul(self, x: str, y: str) -> str:
        return self._node("MatMul", [x, y])

    def reshape(self, x: str, shape: Sequence[int]) -> str:
        return self._node("Reshape", [x, self._tensor(np.array(shape, np.int64))])

    def gather(self, x: str, indexes: np.ndarray, axis: int) -> str:
        return self._node("Gather", [x, self._tensor(indexes.astype(np.int64))], axis=axis)

    def convolution(self, x: str, weight: np.ndarray, padding: int = 0, groups: int = 1) -> str:
        sides = list(weight.shape[2:])
        return self._node(
            "Conv", [x, self._stored(weight, (1, 2, 3))], group=groups, kernel_shape=sides, pads=[padding] * 4
        )

    def transposed_convolution(self, x: str, weight: np.ndarray, padding: int = 0) -> str:
        sides, kernel = list(weight.shape[2:]), self._stored(weight, (0, 2, 3))
        return self._node("ConvTranspose", [x, kernel], kernel_shape=sides, pads=[padding] * 4, strides=[2, 2])

    def depth_to_space(self, x: str) -> str:
        return self._node("DepthToSpace", [x], blocksize=2, mode="CRD")

    def _stored(self, value: np.ndarray, axes: Axes | None = None) -> str:
        """Weights in half precision, or as integers with a step for all values along some axes."""
        if axes is None or self._integers is None or value.size < _LEAST_PACKED:
            return self._node("Cast", [self._tensor(value.astype(np.float16))], to=onnx_file.FLOAT)
        step = np.maximum(self._integers.step(value, axes), 1e-12).astype(np.float32)
        levels = self._tensor(np.rint(value / step).astype(self._integers.type))
        return self.multiply(self._node("Cast", [levels], to=onnx_file.FLOAT), self._tensor(step))

    def _tensor(self, value: np.ndarray) -> str:
        key = value.dtype.str, value.shape, value.tobytes()
        if key not in self._known:
            self._known[key] = f"w{len(self._known)}"
            self._tensors.append(onnx_file.tensor(self._known[key], value))
        return self._known[key]

    def _node(self, operation: str, inputs: list[str], **attributes: onnx_file.Attribute) -> str:
        output = f"v{len(self._nodes)}"
        self._nodes.append(onnx_file.node(operation, inputs, output, attributes))
        return output


class RowsOps(OnnxOps):
    """A graph that makes some rows of a picture at a time, of features that it is given whole.

    Its input ``rows`` ``(R,)`` are indexes of rows of the features, as float32, one after the other. Rows at both ends
    of the outcome lack what convolutions would see of rows beyond, unless the features end there, too.
    """

    def __init__(self, integers: Integers | None = None) -> None:
        super().__init__(integers)
        self._rows, self._side = "", 0

    def input(self, name: str, shape: Sequence[int | str]) -> str:
        found = super().input(name, shape)
        if name != "features":
            return found
        self._side = int(shape[2])
        self._rows = self._node("Cast", [super().input("rows", ("rows",))], to=onnx_file.INT64)
        return self._node("Gather", [found, self._rows], axis=2)

    def noise(self, name: str, value: np.ndarray) -> str:
        scale = value.shape[2] // self._side
        first = self.multiply(self.reshape(self._rows, (-1, 1)), self._tensor(np.array([scale], np.int64)))
        rows = self.reshape(self.add(first, self._tensor(np.arange(scale, dtype=np.int64))), (-1,))
        return self._node("Gather", [super().noise(name, value), rows], axis=2)
