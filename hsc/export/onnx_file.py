"""Writes ONNX files: the part of its protocol buffers that graphs of a dozen operations need.

Numbers of fields are those of ``onnx.proto3``, https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3. The same graph
always gives the same bytes, whatever version of whatever library is installed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

IR_VERSION, OPSET = 8, 17
"""Of ONNX: read by ONNX Runtime from 1.12 on, OpenVINO from 2022.3 on, and their builds for browsers."""
_TYPES = {np.float32: 1, np.int8: 3, np.int16: 5, np.int64: 7, np.float16: 10}
FLOAT, INT64 = _TYPES[np.float32], _TYPES[np.int64]
_FLOAT, _INT, _STRING, _INTS = 1, 2, 3, 7  # AttributeProto.AttributeType

Attribute = float | int | str | Sequence[int]


def node(operation: str, inputs: Sequence[str], output: str, attributes: Mapping[str, Attribute]) -> bytes:
    """A ``NodeProto`` with one output."""
    parts = [_text(1, name) for name in inputs]
    parts += [_text(2, output), _text(3, output), _text(4, operation)]
    parts += [_message(5, _attribute(name, value)) for name, value in attributes.items()]
    return b"".join(parts)


def tensor(name: str, value: np.ndarray) -> bytes:
    """A ``TensorProto`` of float32, float16, int8, int16 or int64."""
    value = np.ascontiguousarray(value)
    dims = b"".join(_number(1, side) for side in value.shape)
    little_endian = value.astype(value.dtype.newbyteorder("<")).tobytes()
    return dims + _number(2, _TYPES[value.dtype.type]) + _text(8, name) + _message(9, little_endian)


def value(name: str, shape: Sequence[int | str]) -> bytes:
    """A ``ValueInfoProto`` of float32: an input or an output; a named side is of any length."""
    sides = b"".join(_message(1, _text(2, side) if isinstance(side, str) else _number(1, side)) for side in shape)
    return _text(1, name) + _message(2, _message(1, _number(1, FLOAT) + _message(2, sides)))


def model(
    name: str,
    nodes: Sequence[bytes],
    tensors: Sequence[bytes],
    inputs: Sequence[bytes],
    outputs: Sequence[bytes],
    metadata: Mapping[str, str],
) -> bytes:
    """A ``ModelProto``: the whole file."""
    graph = [_message(1, each) for each in nodes]
    graph.append(_text(2, name))
    graph += [_message(5, each) for each in tensors]
    graph += [_message(11, each) for each in inputs]
    graph += [_message(12, each) for each in outputs]
    parts = [_number(1, IR_VERSION), _text(2, "HSC Studio"), _message(7, b"".join(graph))]
    parts.append(_message(8, _text(1, "") + _number(2, OPSET)))
    parts += [_message(14, _text(1, key) + _text(2, told)) for key, told in metadata.items()]
    return b"".join(parts)


def _attribute(name: str, value: Attribute) -> bytes:
    if isinstance(value, float):
        own, kind = _key(2, 5) + np.array(value, "<f4").tobytes(), _FLOAT
    elif isinstance(value, int):
        own, kind = _number(3, value), _INT
    elif isinstance(value, str):
        own, kind = _text(4, value), _STRING
    else:
        own, kind = b"".join(_number(8, each) for each in value), _INTS
    return _text(1, name) + own + _number(20, kind)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def _key(field: int, wire: int) -> bytes:
    return _varint(field << 3 | wire)


def _number(field: int, value: int) -> bytes:
    return _key(field, 0) + _varint(value)


def _message(field: int, data: bytes) -> bytes:
    return _key(field, 2) + _varint(len(data)) + data


def _text(field: int, text: str) -> bytes:
    return _message(field, text.encode())
