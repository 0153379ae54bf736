"""What a bitstream says about a face, once it is decoded and before it is a picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    pass

Array = Any
"""Numbers of a face: numpy arrays, or PyTorch tensors where a codec was loaded for a device of PyTorch's; types do not
say which."""


@dataclass(frozen=True)
class Layer:
    """One layer of a file.

    Attributes:
        name: ``"S"``, then ``"F1"``, ``"F2"`` ... for slices of F, then ``"D1"``, ``"D2"`` for slices of detail.
        bytes: size of the layer.
        end: size of the shortest prefix of the file that holds it.
    """

    name: str
    bytes: int
    end: int


@dataclass(frozen=True, eq=False, kw_only=True)
class Contents:
    """What a file, or a prefix of one, holds, as integers: no network in floating point is asked.

    Attributes:
        model_id: number of the model that decodes the file; None for a prefix that is too short to say.
        quality: quality byte of the file, 0 to 255.
        layers: the layers that were received, in order.
        total_layers: number of layers of the complete file.
        symbols: decoded integers of each received layer.
        edits: edits stored in the file, as pairs of direction id and strength.
        bytes: number of bytes that were parsed.
        complete: whether the whole file was there.
    """

    model_id: int | None = None
    quality: int = 0
    layers: tuple[Layer, ...] = ()
    total_layers: int = 0
    symbols: tuple[np.ndarray, ...] = field(default=(), repr=False)
    edits: tuple[tuple[int, float], ...] = ()
    bytes: int = 0
    complete: bool = True


@dataclass(frozen=True, eq=False, kw_only=True)
class Semantics(Contents):
    """A decoded file, or a decoded prefix of one. Two are equal only where they are the same object.

    Attributes:
        codes: S^, style codes ``(1, 16, 512)`` float32.
        features: F^ at each level, ``(1, 512, 16, 16)`` and ``(1, 512, 32, 32)``, float32.
        detail: what is added to the generator's features ``(1, 512, 64, 64)`` above F^; None where a file has none.
    """

    codes: Array
    features: tuple[Array, ...]
    detail: Array | None = field(default=None, repr=False)

    def map(self, convert: Callable[[Any], Any]) -> Semantics:
        """The same with each array converted to another kind."""
        return replace(
            self,
            codes=convert(self.codes),
            features=tuple(convert(feature) for feature in self.features),
            detail=None if self.detail is None else convert(self.detail),
        )


def to_array(value: Array) -> np.ndarray:
    """An array as it is, or a tensor's values, without a copy where they are in the CPU's memory."""
    return value if isinstance(value, np.ndarray) else value.detach().cpu().numpy()
