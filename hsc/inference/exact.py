"""Networks between symbols and entropy parameters, in numpy, as FORMAT.md specifies them.

Weights and activations lie on binary grids and are carried in float64. Products and sums are then whole multiples of
``2^-20`` far below ``2^53``, hence exact in any order of summation: any BLAS, any number of threads and any processor
gives the same bits. :mod:`hsc.networks.exact` states the same layers for training.

Maps are ``(h, w, C)`` here, so that each step moves whole rows of channels.
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
    np.minimum(grid, limit, out=grid)
    return np.maximum(grid, -limit, out=grid)


def exp2(exponent: np.ndarray) -> np.ndarray:
    """2^x for x on the activation grid, the same float64 bits everywhere.

    An entry of :data:`EXP2` is scaled by a whole power of two, which is exact; ``2**x`` is not the same everywhere.
    """
    index = np.floor(np.asarray(exponent, np.float64) * 2**ACTIVATION_BITS + 0.5).astype(np.int64)
    power, fraction = np.divmod(index, 2**ACTIVATION_BITS)
    return np.ldexp(np.array(EXP2, np.float64)[fraction], (power - EXP2_BITS).astype(np.int32))


class Dense:
    """A fully connected layer.

    Args:
        weight: ``(O, I)``.
        bias: ``(O,)``.
    """

    def __init__(self, weight: np.ndarray, bias: np.ndarray) -> None:
        self._weight, self._bias = weight, bias

    @cached_property
    def _parameters(self) -> tuple[np.ndarray, np.ndarray]:
        return to_grid(self._weight, WEIGHT_BITS, WEIGHT_LIMIT), to_grid(self._bias, WEIGHT_BITS)

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """``(I,)`` to ``(O,)``, all on the activation grid."""
        weight, bias = self._parameters
        # Not by the BLAS, see _BLOCK: it has other thresholds for vectors.
        return to_grid(np.einsum("oi,i->o", weight, values) + bias)


class Convolution:
    """A 3x3 convolution with stride 1 and a border of zeros, of maps whose sides are even.

    Computed as Winograd's F(2x2, 3x3): the four outputs of a tile take 16 multiplications for each pair of channels
    instead of 36. Halves and sums of weights and of activations stay on grids: products and sums are whole multiples of
    2^-22, below 2^27 for up to 192 channels, which float64 still carries without rounding.

    Args:
        weight: ``(O, I, 3, 3)``.
        bias: ``(O,)``.
    """

    def __init__(self, weight: np.ndarray, bias: np.ndarray) -> None:
        self._weight, self._bias = weight, bias
        self.inputs = weight.shape[1]

    @cached_property
    def _parameters(self) -> tuple[np.ndarray, np.ndarray]:
        """Weight ``(16, I, O)``, transformed, and bias ``(O,)``."""
        weight = to_grid(self._weight, WEIGHT_BITS, WEIGHT_LIMIT).transpose(2, 3, 1, 0)
        for _ in range(2):  # along rows, then along columns, which leaves them in their order
            first, middle, last = weight
            sums = first + last
            weight = np.stack((first, (sums + middle) / 2, (sums - middle) / 2, last)).swapaxes(0, 1)
        return weight.reshape(16, *weight.shape[2:]), to_grid(self._bias, WEIGHT_BITS)

    def __call__(self, tiles: np.ndarray) -> np.ndarray:
        """:func:`to_tiles` of maps ``(h, w, I)`` to maps ``(h, w, O)``, all on the activation grid."""
        weight, bias = self._parameters
        height, width = tiles.shape[2:4]
        tiles = tiles.reshape(16, height * width, -1)
        products = _product(tiles, weight).reshape(4, 4, height, width, -1)
        rows = np.empty((height, 2, 4, width, len(bias)))
        _from_tiles(products.swapaxes(1, 2), rows.swapaxes(0, 1))
        maps = np.empty((2 * height, width, 2, len(bias)))
        _from_tiles(rows.reshape(2 * height, 4, width, -1).swapaxes(0, 1), maps.transpose(2, 0, 1, 3))
        return to_grid(maps.reshape(2 * height, 2 * width, -1) + bias)


_BLOCK = 64, 60
"""Rows and terms of the products that are left to the BLAS at once, for up to 64 columns. OpenBLAS hands larger ones,
from 2^18 multiplications on, to threads of its own, as many as the host has cores. In a container that may use two of
sixteen these waited for one another for ever, and a decoder that takes a tenth of a second has no use for them."""


def _product(matrices: np.ndarray, others: np.ndarray) -> np.ndarray:
    """``(B, N, K)`` times ``(B, K, O)``, in blocks; exact, so that nothing depends on how they are cut."""
    count, terms = matrices.shape[1:]
    result = np.zeros((len(matrices), count, others.shape[2]))
    rows, width = _BLOCK
    for top in range(0, count, rows):
        for first in range(0, terms, width):
            part = matrices[:, top : top + rows, first : first + width] @ others[:, first : first + width]
            result[:, top : top + rows] += part
    return result


def to_tiles(maps: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """Maps ``(h, w, C)``, of even sides, as convolutions take them: ``(4, 4, h / 2, w / 2, C)``.

    Each 2x2 outputs see 4x4 inputs, which Winograd's algorithm replaces by sums and differences.
    """
    height, width, channels = maps.shape
    padded = np.zeros((height + 2, width + 2, channels))
    padded[1:-1, 1:-1] = maps
    rows = np.empty((4, height // 2, width + 2, channels))
    _to_tiles(padded, rows)
    if out is None:
        out = np.empty((4, 4, height // 2, width // 2, channels))
    _to_tiles(rows.transpose(2, 0, 1, 3), out.transpose(1, 3, 0, 2, 4))
    return out


def _to_tiles(lines: np.ndarray, out: np.ndarray) -> None:
    """Along one axis: ``(2 n + 2, ...)`` to ``(4, n, ...)``."""
    even, odd = lines[::2], lines[1::2]
    np.subtract(even[:-1], even[1:], out=out[0])
    np.add(odd[:-1], even[1:], out=out[1])
    np.subtract(even[1:], odd[:-1], out=out[2])
    np.subtract(odd[:-1], odd[1:], out=out[3])


def _from_tiles(products: np.ndarray, out: np.ndarray) -> None:
    """Along one axis: ``(4, ...)`` to ``(2, ...)``."""
    np.add(products[1], products[2], out=out[0])
    out[0] += products[0]
    np.subtract(products[1], products[2], out=out[1])
    out[1] -= products[3]


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
        def parameters(part: str) -> tuple[np.ndarray, np.ndarray]:
            return weights[f"{name}.{part}.weight"], weights[f"{name}.{part}.bias"]

        self._size = size
        self._hidden, self._embed = Dense(*parameters("hidden")), Dense(*parameters("embed"))
        self._coarse = Convolution(*parameters("coarse")) if f"{name}.coarse.weight" in weights else None
        self._first = [Convolution(*parameters(f"first.{index}")) for index in range(slices)]
        self._second = [Convolution(*parameters(f"second.{index}")) for index in range(slices)]

    def start(self, semantics: np.ndarray, quality: float, coarser: np.ndarray | None = None) -> Context:
        """The context of slice 1.

        Args:
            semantics: coefficients of S^ ``(768,)``.
            quality: in [0, 1].
            coarser: decoded coefficients of the level before ``(C, h / 2, w / 2)``, where there is one.
        """
        embedded = self._embed(relu(self._hidden(semantics))).reshape(-1, EMBEDDED, EMBEDDED).transpose(1, 2, 0)
        maps = [_enlarge(embedded, self._size // EMBEDDED), np.full((self._size, self._size, 1), quality)]
        if self._coarse is not None:
            assert coarser is not None  # this level has one before it
            maps.append(_enlarge(relu(self._coarse(to_tiles(coarser.transpose(1, 2, 0)))), 2))
        context = Context(self._size, self._first[-1].inputs)
        context.append(np.concatenate(maps, axis=2))
        return context

    def predict(self, index: int, context: Context) -> tuple[np.ndarray, np.ndarray]:
        """Context of slice ``index`` to its mean and log2 scale, each ``(slice channels, h, w)``."""
        hidden = relu(self._first[index](context.tiles))
        mean, log2_scale = np.split(self._second[index](to_tiles(hidden)).transpose(2, 0, 1), 2)
        return mean, log2_scale


class Context:
    """What a slice is predicted from: maps from S^ and of the level before, then the decoded slices.

    Args:
        size: side of the maps.
        channels: that there are once all slices but the last are decoded.
    """

    def __init__(self, size: int, channels: int) -> None:
        self._tiles = np.empty((4, 4, size // 2, size // 2, channels))
        self._channels = 0

    @property
    def tiles(self) -> np.ndarray:
        """:func:`to_tiles` of the maps."""
        return self._tiles[..., : self._channels]

    def append(self, maps: np.ndarray) -> None:
        """Add maps ``(h, w, C)``; those of the last slice, which nothing is predicted from, are left out."""
        before, self._channels = self._channels, self._channels + maps.shape[2]
        if self._channels <= self._tiles.shape[-1]:
            to_tiles(maps, self._tiles[..., before : self._channels])


def _enlarge(maps: np.ndarray, factor: int) -> np.ndarray:
    """Nearest neighbours, so that exact values stay exact."""
    return maps.repeat(factor, 0).repeat(factor, 1)
