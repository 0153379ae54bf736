"""The ``.hsc`` container: a header, one range-coded stream of layers, a checksum, and perhaps stored edits.

Any prefix of a file is a valid, coarser file: ``FORMAT.md`` says which layers it holds and how damage is told
from a missing end. This module knows nothing of networks; it moves arrays of symbols into bytes and back.
"""

from __future__ import annotations

import math
import struct
import zlib
from binascii import crc_hqx
from collections.abc import Iterable, Sequence

import numpy as np

from hsc.bitstream.range_coder import (
    PRECISION,
    EndOfData,
    FrequencyTables,
    Mark,
    RangeDecoder,
    RangeEncoder,
    bytes_needed,
)
from hsc.errors import BitstreamError

MAGIC = b"HSC"
VERSION = 1
MAX_LAYERS = 15
MAX_BYTES = 0xFFFF
"""Longest main stream, header and checksum included."""
HEADER_BYTES = 10
CHECKSUM_BYTES = 2
EMPTY_BYTES = HEADER_BYTES + CHECKSUM_BYTES
"""Size of a file without layers, in bytes."""
MAX_EDITS = 255

_HEADER = struct.Struct(">3sBHBHB")  # magic, version and layers, model, quality, length, CRC-8
_EDIT = struct.Struct(">Bh")  # direction, strength
EDITS_BYTES, EDIT_BYTES = 2, _EDIT.size
"""What stored edits add to a file in any case, and for each."""
_STRENGTH_STEPS = 4096  # for each unit of strength


def check_bits(layer: int) -> int:
    """Width of the check after a layer: 8 bits for the semantics (layer 0), 6 for each feature slice."""
    return 8 if layer == 0 else 6


def file_bytes(layer_bits: Sequence[float]) -> int:
    """Most bytes that a file of layers with these ideal code lengths in bits can take; at most 2 too many."""
    bits = sum(layer_bits) + sum(map(check_bits, range(len(layer_bits))))
    return HEADER_BYTES + math.floor(bits / 8 + 1e-3) + 1 + CHECKSUM_BYTES


def _crc8(data: bytes) -> int:
    """CRC-8/SMBUS: polynomial 0x07, initial value 0, not reflected."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1) ^ (0x107 if crc & 0x80 else 0)
    return crc


def _crc16(data: bytes) -> int:
    """CRC-16/IBM-3740: polynomial 0x1021, initial value 0xFFFF, not reflected."""
    return crc_hqx(data, 0xFFFF)


def _chain(symbols: np.ndarray, crc: int) -> int:
    """CRC-32 of the symbols as big-endian 32-bit integers, continued from that of the layers before."""
    return zlib.crc32(np.ascontiguousarray(symbols, dtype=">i4").tobytes(), crc)


class BitstreamWriter:
    """Writes one file, layer after layer.

    Args:
        model_id: 0 ... 65535, the model that can decode the file.
        quality: 0 ... 255, the index of the gains used.

    Raises:
        ValueError: one of them is out of its range.
    """

    def __init__(self, model_id: int, quality: int) -> None:
        if not 0 <= model_id <= 0xFFFF:
            raise ValueError(f"a model id must be from 0 to 65535, not {model_id}")
        if not 0 <= quality <= 0xFF:
            raise ValueError(f"a quality must be from 0 to 255, not {quality}")
        self.model_id = model_id
        self.quality = quality
        self.ends: list[int] = []
        """After ``finish``: for each layer, the bytes of the file that a prefix needs to hold it."""
        self._coder = RangeEncoder()
        self._marks: list[Mark] = []
        self._crc = 0

    def write_layer(self, symbols: np.ndarray, table_indexes: np.ndarray, tables: FrequencyTables) -> None:
        """Append a layer: integers of any shape, in C order, each by the table that ``table_indexes`` names.

        Raises:
            ValueError: shapes differ, an index names no table, a symbol exceeds ``MAX_SYMBOL``, or the file
                has ``MAX_LAYERS`` layers already.
        """
        layer = len(self._marks)
        if layer == MAX_LAYERS:
            raise ValueError(f"a file holds at most {MAX_LAYERS} layers")
        self._coder.encode(*tables.intervals(symbols, table_indexes))
        self._crc = _chain(symbols, self._crc)
        shift = PRECISION - check_bits(layer)
        self._coder.encode([(self._crc << shift) & (1 << PRECISION) - 1], [1 << shift])
        self._marks.append(self._coder.mark())

    def finish(self) -> bytes:
        """Return the file of the layers written so far and set ``ends``; more layers may be written after.

        Raises:
            BitstreamError: the file would be longer than ``MAX_BYTES``.
        """
        stream = self._coder.finish()
        length = HEADER_BYTES + len(stream) + CHECKSUM_BYTES
        if length > MAX_BYTES:
            raise BitstreamError(f"An HSC file holds at most {MAX_BYTES} bytes; this one needs {length}.")
        self.ends = [HEADER_BYTES + bytes_needed(mark, stream) for mark in self._marks]
        versions = VERSION << 4 | len(self._marks)
        header = _HEADER.pack(MAGIC, versions, self.model_id, self.quality, length, 0)[:-1]
        body = header + bytes([_crc8(header)]) + stream
        return body + _crc16(body).to_bytes(CHECKSUM_BYTES, "big")


class BitstreamReader:
    """Reads one file, or any prefix of one, layer after layer.

    The header and, where the file is complete, its checksum and its edits are verified at once; each layer's
    own check when it is read.

    Args:
        data: the file, or its first bytes. Fewer than a header's hold no layer (``b""`` is a 0-byte stream).
        allow_truncated: whether a missing end is normal.

    Attributes:
        complete: whether all bytes of the main stream are there.
        version, model_id, quality, layers, length: the header's fields (``length``: bytes of the main
            stream); None, and 0 layers, where the data ends within the header.
        edits: ``[(direction id, strength), ...]``; empty where the file is not complete.
        layer_ends: for each layer read so far, the bytes of the file that a prefix needs to hold it.

    Raises:
        BitstreamError: the data is foreign, damaged, of another version, longer than it says, or cut
            where that is not allowed.
    """

    length: int | None = None

    def __init__(self, data: bytes, allow_truncated: bool = True) -> None:
        data = bytes(data)
        self.version: int | None = None
        self.model_id: int | None = None
        self.quality: int | None = None
        self.layers = 0
        self.edits: list[tuple[int, float]] = []
        self.layer_ends: list[int] = []
        self._read_header(data)
        self.complete = self.length is not None and len(data) >= self.length
        if self.complete:
            main = data[: self.length]
            if _crc16(main[:-CHECKSUM_BYTES]) != int.from_bytes(main[-CHECKSUM_BYTES:], "big"):
                raise BitstreamError("This HSC file is damaged: its checksum does not match.")
            self.edits = _read_edits(data[self.length :])
        elif not allow_truncated:
            raise BitstreamError(f"This HSC file ends early, after {len(data)} bytes.")
        end = 0 if self.length is None else self.length - CHECKSUM_BYTES
        self._whole = 0 < end <= len(data)  # all of the range-coded stream, that is
        self._coder = RangeDecoder(data[HEADER_BYTES:end], whole=self._whole)
        if self._whole and not self.layers and not self._coder.exhausted:
            raise BitstreamError("This HSC file is damaged: it says that it has no layer, but has bytes of some.")
        self._crc = 0
        self._ended = False

    def _read_header(self, data: bytes) -> None:
        if data[: len(MAGIC)] != MAGIC[: len(data)]:
            raise BitstreamError("This is not an HSC file.")
        if len(data) < HEADER_BYTES:
            if len(data) > len(MAGIC):
                _check_version(data[len(MAGIC)])
            return
        _, versions, self.model_id, self.quality, self.length, crc = _HEADER.unpack_from(data)
        if _crc8(data[: HEADER_BYTES - 1]) != crc:
            raise BitstreamError("This HSC file is damaged in its header.")
        _check_version(versions)
        self.version, self.layers = versions >> 4, versions & 15
        if self.length < HEADER_BYTES + CHECKSUM_BYTES:
            raise BitstreamError("This HSC file is damaged in its header.")

    def read_layer(self, table_indexes: np.ndarray, tables: FrequencyTables) -> np.ndarray | None:
        """Read the next layer: int32 in the shape of ``table_indexes``, or None when the data lacks its end.

        After a None every further layer is None.

        Raises:
            BitstreamError: the layer is damaged, or was coded with other tables.
            ValueError: an index names no table.
        """
        layer = len(self.layer_ends)
        if self._ended or layer >= self.layers:
            return None
        failure = f"Layer {layer} of this HSC file is damaged, or was made with other weights."
        self._ended = True  # unless all goes well
        try:
            symbols = self._coder.decode(table_indexes, tables)
            check = self._coder.uniform(check_bits(layer))
        except EndOfData:
            return None
        except BitstreamError:
            raise BitstreamError(failure) from None
        if not self._coder.determined:
            return None
        self._crc = _chain(symbols, self._crc)
        last = self._whole and layer + 1 == self.layers
        if check != self._crc & (1 << check_bits(layer)) - 1 or (last and not self._coder.exhausted):
            raise BitstreamError(failure)
        self.layer_ends.append(HEADER_BYTES + self._coder.bytes_needed)
        self._ended = False
        return symbols


def _check_version(versions: int) -> None:
    if versions >> 4 != VERSION:
        raise BitstreamError(f"This HSC file is of version {versions >> 4}, not of version {VERSION}.")


def _read_edits(chunk: bytes) -> list[tuple[int, float]]:
    """The edits stored in what follows the main stream, which must be nothing or one whole chunk."""
    if not chunk:
        return []
    if not chunk[0] or len(chunk) != 2 + _EDIT.size * chunk[0]:
        raise BitstreamError(f"This HSC file is longer than it says, by {len(chunk)} bytes.")
    if _crc8(chunk[:-1]) != chunk[-1]:
        raise BitstreamError("The edits stored in this HSC file are damaged.")
    return [(direction, steps / _STRENGTH_STEPS) for direction, steps in _EDIT.iter_unpack(chunk[1:-1])]


def append_edits(data: bytes, edits: Iterable[tuple[int, float]]) -> bytes:
    """Store edits in a complete file, in place of any that it has; costs 2 bytes and 3 for each edit.

    Args:
        data: a complete file.
        edits: ``(direction id, strength)``: 0 ... 255, and -8 <= strength < 8, rounded to 1/4096. An empty
            list gives the file without edits.

    Raises:
        BitstreamError: the file is not complete and sound, or an edit is out of range.
    """
    main = strip_edits(data)
    edits = list(edits)
    if not edits:
        return main
    if len(edits) > MAX_EDITS:
        raise BitstreamError(f"An HSC file stores at most {MAX_EDITS} edits, not {len(edits)}.")
    chunk = bytes([len(edits)])
    for direction, strength in edits:
        steps = round(strength * _STRENGTH_STEPS) if math.isfinite(strength) else 1 << 15
        if not -(1 << 15) <= steps < 1 << 15:
            raise BitstreamError(f"A stored edit's strength must be from -8 to below 8, not {strength}.")
        if not 0 <= direction <= 255:
            raise BitstreamError(f"A stored edit's direction must be from 0 to 255, not {direction}.")
        chunk += _EDIT.pack(direction, steps)
    return main + chunk + bytes([_crc8(chunk)])


def strip_edits(data: bytes) -> bytes:
    """The file without its edits: the very bytes it had before :func:`append_edits`.

    Raises:
        BitstreamError: the file is not complete and sound.
    """
    return bytes(data[: BitstreamReader(data, allow_truncated=False).length])


def truncate(data: bytes, size: int) -> bytes:
    """The first ``size`` bytes of a file, for playing its prefixes; stored edits stay whole or go altogether.

    Half an edit chunk is no file (it cannot be told from bytes that do not belong), so a plain slice is not
    enough where a file has edits.

    Raises:
        BitstreamError: the file is foreign or damaged.
    """
    if size >= len(data):
        return bytes(data)
    length = BitstreamReader(data).length
    return bytes(data[: max(0, size if length is None else min(size, length))])
