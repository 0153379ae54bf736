"""Read the initialisers of an ONNX file, without the ``onnx`` package.

An ONNX model is a Protocol Buffers message; only seven of its fields are of interest here:
``ModelProto.graph`` (7), ``GraphProto.initializer`` (5) and of each ``TensorProto`` its ``dims`` (1),
``data_type`` (2), ``float_data`` (4, packed), ``name`` (8) and ``raw_data`` (9).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from hsc.errors import WeightsError

_DTYPES = {1: "<f4", 3: "<i1", 7: "<i8"}
"""Numpy's names of the data types that are read, by ONNX's numbers."""


def initialisers(path: Path) -> dict[str, torch.Tensor]:
    """The initialisers of an ONNX model by name, in the order of the file: those of float32, int8 and int64.

    Raises:
        WeightsError: the file is not an ONNX model, or is damaged.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"{path.name} cannot be read.") from error
    return parse(data, path.name)


def parse(data: bytes, name: str) -> dict[str, torch.Tensor]:
    """The same as :func:`initialisers` from the bytes of a model; ``name`` stands in the error's message."""
    state = {}
    try:
        for graph in _submessages(memoryview(data), 7):
            for tensor in _submessages(graph, 5):
                key, array = _tensor(tensor)
                if array is not None:
                    state[key] = torch.from_numpy(array)
    except (IndexError, ValueError, KeyError) as error:
        raise WeightsError(f"{name} is not an ONNX model that can be read.") from error
    return state


def _tensor(message: memoryview) -> tuple[str, np.ndarray | None]:
    """Name and value of a ``TensorProto``; no value where its data type is another or it is stored in another way."""
    dims: list[int] = []
    kind, name, payload = 0, None, None
    for number, value in _fields(message):
        if isinstance(value, int):
            if number == 1:
                dims.append(value)
            elif number == 2:
                kind = value
        elif number == 1:  # packed
            position = 0
            while position < len(value):
                size, position = _varint(value, position)
                dims.append(size)
        elif number == 8:
            name = bytes(value).decode()
        elif number == 9 or (number == 4 and kind == 1):
            payload = value
    if name is None:
        raise ValueError("a tensor without a name")
    if kind not in _DTYPES or payload is None:
        return name, None
    return name, np.frombuffer(payload, _DTYPES[kind]).reshape(dims).copy()


def _submessages(message: memoryview, number: int) -> Iterator[memoryview]:
    return (value for field, value in _fields(message) if field == number and not isinstance(value, int))


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Field numbers and values of a message, in order."""
    position = 0
    while position < len(message):
        key, position = _varint(message, position)
        number, kind = key >> 3, key & 7
        value: int | memoryview
        if kind == 0:
            value, position = _varint(message, position)
        elif kind in (1, 2, 5):
            if kind == 2:
                size, position = _varint(message, position)
            else:
                size = 8 if kind == 1 else 4
            if position + size > len(message):
                raise ValueError("a field reaches past the end")
            value = message[position : position + size]
            position += size
        else:
            raise ValueError("an unknown wire type")
        yield number, value


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    """A base-128 number and the position after it."""
    value = shift = 0
    while True:
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
