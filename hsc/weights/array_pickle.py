"""Read a pickled dictionary of numpy arrays without trusting it.

Pickle is a program that may call anything it can name. This reader lets it name three things only, those that
a plain ``ndarray`` is written with, and answers each with a stand-in of its own: no class or function of
numpy or of anything else is ever reached from the file. What comes out is nested dictionaries of float32
arrays.
"""

from __future__ import annotations

import io
import pickle
from typing import Any, Literal, Union

import numpy as np

from hsc.errors import WeightsError

Arrays = dict[str, Union[np.ndarray, "Arrays"]]


def loads(data: bytes) -> Arrays:
    """Read nested dictionaries ``{str: dict | float32 array}``.

    Raises:
        WeightsError: the data is anything else, or is damaged.
    """
    try:
        return _plain(_ArrayUnpickler(io.BytesIO(data)).load())
    except WeightsError:
        raise
    except Exception as error:  # damaged pickles fail in many ways; none of them is worth telling apart
        raise WeightsError("The pickled weights are damaged.") from error


class _Dtype:
    """Stands for ``numpy.dtype``: little-endian float32 and nothing else."""

    def __init__(self, code: str, *_: Any) -> None:
        if code != "f4":
            raise WeightsError(f"The pickled weights hold an array of type {code!r}, not float32.")

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        if state[1] != "<":
            raise WeightsError("The pickled weights are not little-endian.")


class _Array:
    """Stands for ``numpy.ndarray``: remembers shape and bytes."""

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, self.shape, dtype, self.fortran_order, self.data = state
        if not (isinstance(dtype, _Dtype) and isinstance(self.data, bytes)):
            raise WeightsError("The pickled weights hold an array that is not plain float32.")

    def value(self) -> np.ndarray:
        order: Literal["F", "C"] = "F" if self.fortran_order else "C"
        return np.frombuffer(self.data, "<f4").reshape(self.shape, order=order).copy()


def _reconstruct(*_: Any) -> _Array:
    """Stands for numpy's function that makes an empty array, to be filled by ``__setstate__``."""
    return _Array()


class _ArrayUnpickler(pickle.Unpickler):
    _ALLOWED = {
        ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
        ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
        ("numpy", "ndarray"): _Array,
        ("numpy", "dtype"): _Dtype,
    }

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self._ALLOWED[module, name]
        except KeyError:
            raise WeightsError(f"The pickled weights ask for {module}.{name}, which is refused.") from None

    def persistent_load(self, pid: Any) -> Any:
        raise WeightsError("The pickled weights refer to something outside themselves, which is refused.")


def _plain(value: Any) -> Any:
    if isinstance(value, _Array):
        return value.value()
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _plain(entry) for key, entry in value.items()}
    raise WeightsError("The pickled weights are not dictionaries of arrays.")
