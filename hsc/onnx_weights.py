"""Read the initialisers of an ONNX file, without the ``onnx`` package.

An ONNX model is a Protocol Buffers message; only four of its fields are of interest here:
``ModelProto.graph`` (7), ``GraphProto.initializer`` (5) and of each ``TensorProto`` its ``dims`` (1),
``data_type`` (2), ``name`` (8) and ``raw_data`` (9).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Union

import numpy as np
import torch

from hsc.errors import WeightsError

_FLOAT32 = 1


def initialisers(path: Path) -> dict[str, torch.Tensor]:
    """The float32 initialisers of an ONNX model by name, in the order of the file.

    Raises:
        WeightsError: the file is not an ONNX model, or is damaged.
    """
    state = {}
    try:
        for graph in _submessages(memoryview(path.read_bytes()), 7):
            for tensor in _submessages(graph, 5):
                name, array = _tensor(tensor)
                if array is not None:
                    state[name] = torch.from_numpy(array)
    except (OSError, IndexError, ValueError, KeyError) as error:
        raise WeightsError(f"{path.name} is not an ONNX model that can be read.") from error
    return state


def _tensor(message: memoryview) -> tuple[str, Union[np.ndarray, None]]:
    """Name and value of a ``TensorProto``; no value unless it is raw float32."""
    dims, fields = [], {}
    for number, value in _fields(message):
        if number != 1:
            fields[number] = value
        elif isinstance(value, int):
            dims.append(value)
        else:  # packed
            position = 0
            while position < len(value):
                size, position = _varint(value, position)
                dims.append(size)
    name = bytes(fields[8]).decode()
    if fields.get(2) != _FLOAT32 or 9 not in fields:
        return name, None
    return name, np.frombuffer(fields[9], "<f4").reshape(dims).copy()


def _submessages(message: memoryview, number: int) -> Iterator[memoryview]:
    return (value for field, value in _fields(message) if field == number)


def _fields(message: memoryview) -> Iterator[tuple[int, Union[int, memoryview]]]:
    """Field numbers and values of a message, in order."""
    position = 0
    while position < len(message):
        key, position = _varint(message, position)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, position = _varint(message, position)
        elif kind in (1, 2, 5):
            if kind == 2:
                size, position = _varint(message, position)
            else:
                size = 8 if kind == 1 else 4
            value = message[position : position + size]
            if len(value) != size:
                raise ValueError("a field reaches past the end")
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
