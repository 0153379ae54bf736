"""Networks between symbols and entropy parameters, in numpy, as FORMAT.md specifies them.

Weights and activations lie on binary grids and are carried in float64. Products and sums are then whole multiples of
``2^-20`` far below ``2^53``, hence exact in any order of summation: any BLAS, any number of threads and any processor
gives the same bits. :mod:`hsc.networks.exact` states the same layers for training.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np

from hsc.architecture import EMBEDDED

ACTIVATION_BITS, ACTIVATION_LIMIT = 8, 512.0
"""Activations are multiples of 2^-8 within +-512: 18 bits with the sign."""
WEIGHT_BITS, WEIGHT_LIMIT = 12, 8.0
"""Weights are multiples of 2^-12 within +-8: 16 bits; 2^11 products then need 45 bits of float64's 53."""
EXP2_BITS = 20
"""Fractional bits of :data:`EXP2`."""
EXP2 = tuple(round(2 ** (i / 2**ACTIVATION_BITS) * 2**EXP2_BITS) for i in range(2**ACTIVATION_BITS))
"""``2^(i/256)`` in units of 2^-20."""


def to_grid(values: np.ndarray, bits: int = ACTIVATION_BITS, limit: float = ACTIVATION_LIMIT) -> np.ndarray:
    """Round half up to multiples of ``2^-bits`` and clamp to ``+-limit``, in float64."""
    scale = float(2**bits)
    grid = np.asarray(values, np.float64) * scale  # a new array, which the rest works in
    grid += 0.5
    np.floor(grid, out=grid)
    grid /= scale
    return np.clip(grid, -limit, limit, out=grid)


def exp2(exponent: np.ndarray) -> np.ndarray:
    """2^x for x on the activation grid, the same float64 bits everywhere.

    An entry of :data:`EXP2` is scaled by a whole power of two, which is exact; ``2**x`` is not the same everywhere.
    """
    index = np.floor(np.asarray(exponent, np.float64) * 2**ACTIVATION_BITS + 0.5).astype(np.int64)
    power, fraction = np.divmod(index, 2**ACTIVATION_BITS)
    return np.ldexp(np.array(EXP2, np.float64)[fraction], (power - EXP2_BITS).astype(np.int32))


class Layer:
    """A fully connected layer, or a 3x3 or 1x1 convolution with stride 1 and a border of zeros.

    Args:
        weight: ``(O, I)`` or ``(O, I, k, k)``.
        bias: ``(O,)``.
    """

    def __init__(self, weight: np.ndarray, bias: np.ndarray) -> None:
        self._weight, self._bias = weight, bias

    @cached_property
    def _parameters(self) -> tuple[np.ndarray, np.ndarray]:
        """Weight ``(O, I * k * k)`` and bias ``(O, 1)`` on their grids."""
        weight = to_grid(self._weight, WEIGHT_BITS, WEIGHT_LIMIT).reshape(len(self._weight), -1)
        return weight, to_grid(self._bias, WEIGHT_BITS)[:, None]

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """``(I,)`` to ``(O,)``, or ``(I, h, w)`` to ``(O, h, w)``, all on the activation grid."""
        weight, bias = self._parameters
        shape = features.shape[1:]
        columns = features.reshape(len(features), -1)
        if self._weight.ndim == 4 and self._weight.shape[-1] > 1:
            columns = _columns(features, self._weight.shape[-1])
        return to_grid(_product(weight, columns) + bias).reshape(-1, *shape)


_BLOCK = 64, 64, 48
"""Rows, terms and columns of the products that are left to the BLAS at once. OpenBLAS hands larger ones, from 2^18
multiplications on, to threads of its own, as many as the host has cores. In a container that may use two of sixteen
these waited for one another for ever, and a decoder that takes a tenth of a second has no use for them."""


def _product(matrix: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """``(O, K)`` times ``(K, N)``, in blocks; exact, so that nothing depends on how they are cut."""
    outputs, inputs = matrix.shape
    count = columns.shape[1]
    if count == 1:  # the BLAS has other thresholds for vectors
        return np.einsum("ok,kn->on", matrix, columns)
    rows, terms, width = _BLOCK
    result = np.zeros((outputs, count))
    for top in range(0, outputs, rows):
        for first in range(0, inputs, terms):
            part = np.ascontiguousarray(matrix[top : top + rows, first : first + terms])
            for left in range(0, count, width):
                result[top : top + rows, left : left + width] += (
                    part @ columns[first : first + terms, left : left + width]
                )
    return result


def _columns(features: np.ndarray, kernel: int) -> np.ndarray:
    """im2col: ``(C, h, w)`` to ``(C * k * k, h * w)``."""
    channels, height, width = features.shape
    edge = kernel // 2
    padded = np.pad(features, ((0, 0), (edge, edge), (edge, edge)))
    columns = np.empty((channels, kernel, kernel, height, width))
    for row in range(kernel):
        for column in range(kernel):
            columns[:, row, column] = padded[:, row : row + height, column : column + width]
    return columns.reshape(-1, height * width)


def relu(values: np.ndarray) -> np.ndarray:
    """Negative values to 0."""
    return np.maximum(values, 0)


class QuantisationStep:
    """Quantisation steps of channels, a function of the quality; see :class:`hsc.networks.gain.QuantisationStep`."""

    def __init__(self, weights: Mapping[str, np.ndarray], name: str) -> None:
        self._coarse, self._fine = (to_grid(weights[f"{name}.{end}"]) for end in ("coarse", "fine"))

    def log2(self, quality: float) -> np.ndarray:
        """Quality in [0, 1], a multiple of 2^-8, to log2 steps ``(C,)``."""
        return to_grid(self._coarse + quality * (self._fine - self._coarse))

    def __call__(self, quality: float) -> np.ndarray:
        """Quality to steps ``(C,)``."""
        return exp2(self.log2(quality))


class ContextNetwork:
    """What S^ and earlier slices say about the next slice; see :class:`hsc.networks.SemanticContextEncoder`.

    Args:
        weights: of all networks, by the names of their state dictionary.
        name: of this one.
        size: side of the symbols.
        slices: slices that the level has.
    """

    def __init__(self, weights: Mapping[str, np.ndarray], name: str, size: int, slices: int) -> None:
        def layer(part: str) -> Layer:
            return Layer(weights[f"{name}.{part}.weight"], weights[f"{name}.{part}.bias"])

        self._size = size
        self._hidden, self._embed = layer("hidden"), layer("embed")
        self._coarse = layer("coarse") if f"{name}.coarse.weight" in weights else None
        self._first = [layer(f"first.{index}") for index in range(slices)]
        self._second = [layer(f"second.{index}") for index in range(slices)]

    def start(self, semantics: np.ndarray, quality: float, coarser: np.ndarray | None = None) -> np.ndarray:
        """The context of slice 1, ``(C, h, w)``.

        Args:
            semantics: coefficients of S^ ``(768,)``.
            quality: in [0, 1].
            coarser: decoded coefficients of the level before ``(C, h / 2, w / 2)``, where there is one.
        """
        embedded = self._embed(relu(self._hidden(semantics))).reshape(-1, EMBEDDED, EMBEDDED)
        maps = [_enlarge(embedded, self._size // EMBEDDED), np.full((1, self._size, self._size), quality)]
        if self._coarse is not None:
            assert coarser is not None  # this level has one before it
            maps.append(_enlarge(relu(self._coarse(coarser)), 2))
        return np.concatenate(maps)

    def predict(self, index: int, context: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Context of slice ``index`` to its mean and log2 scale, each ``(slice channels, h, w)``."""
        mean, log2_scale = np.split(self._second[index](relu(self._first[index](context))), 2)
        return mean, log2_scale


def _enlarge(maps: np.ndarray, factor: int) -> np.ndarray:
    """Nearest neighbours, so that exact values stay exact."""
    return maps.repeat(factor, 1).repeat(factor, 2)
