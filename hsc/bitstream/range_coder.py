"""A range coder that decodes forward and knows which symbols a cut stream still determines.

Byte-wise range coding with carry propagation (Martin, 1979, "Range encoding: an algorithm for removing
redundancy from a digitised message") over 16-bit frequency tables as CompressAI's entropy models make them.
The state is 48 bits wide, not the usual 32: whole numbers of that size cost Python (and a double) nothing
extra, and over a long run of nearly certain symbols the loss by rounding falls from bytes to thousandths
of a bit.

``FORMAT.md`` specifies every step. No stream from outside makes this module hang or allocate much: the caller
says how many symbols it wants, and no symbol is larger than ``MAX_SYMBOL``.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from hsc.errors import BitstreamError

PRECISION = 16
"""Bits of a frequency: each table sums to ``2**16``."""
MAX_SYMBOL = 1 << 15
"""Largest magnitude of a symbol."""

_TOTAL = 1 << PRECISION
_HALF = _TOTAL >> 1
_WINDOW = 6  # bytes of the coder's state
_TOP = 1 << 8 * _WINDOW
_BOTTOM = _TOP >> 8  # the range never stays below this
_MAX_PREFIX = 17  # zero bits before the longest escape that MAX_SYMBOL allows


class EndOfData(Exception):
    """The bytes at hand end before they determine the symbols asked for."""


class FrequencyTables:
    """Cumulative frequencies of ``T`` alphabets, in the layout of CompressAI's entropy models.

    Table ``t`` covers the values ``offsets[t] ... offsets[t] + lengths[t] - 3``; its last entry is the mass
    of every other value, which is then spelt out as an escape.

    Args:
        cdf: ``(T, L)`` integers (``_quantized_cdf``); row ``t`` rises strictly from 0 to 65536 within its
            first ``lengths[t]`` entries, and what follows those is ignored.
        lengths: ``(T,)`` integers, 2 ... L (``_cdf_length``).
        offsets: ``(T,)`` integers (``_offset``): the value of each table's first entry.

    Raises:
        ValueError: the tables are none.
    """

    def __init__(self, cdf: np.ndarray, lengths: np.ndarray, offsets: np.ndarray) -> None:
        cdf, lengths, offsets = (np.asarray(a) for a in (cdf, lengths, offsets))
        if any(a.dtype.kind not in "iu" for a in (cdf, lengths, offsets)):
            raise ValueError("frequency tables are made of integers")
        if cdf.ndim != 2 or not len(cdf) or lengths.shape != cdf.shape[:1] or offsets.shape != cdf.shape[:1]:
            raise ValueError("frequency tables need cdf (T, L), lengths (T,) and offsets (T,)")
        if lengths.min() < 2 or lengths.max() > cdf.shape[1]:
            raise ValueError("a frequency table's length must be from 2 to the width of the array")
        inside = np.arange(1, cdf.shape[1]) < lengths[:, None]
        steps = np.diff(cdf.astype(np.int64), axis=1)
        last = np.take_along_axis(cdf, lengths[:, None].astype(np.int64) - 1, axis=1)
        if cdf[:, 0].any() or (last != _TOTAL).any() or (steps[inside] <= 0).any():
            raise ValueError(f"each frequency table must rise strictly from 0 to {_TOTAL}")
        tails = lengths.astype(np.int64) - 2
        offsets = offsets.astype(np.int64)
        if offsets.min() < -MAX_SYMBOL or (offsets + tails).max() > MAX_SYMBOL + 1:
            raise ValueError(f"frequency tables must stay within +-{MAX_SYMBOL}")

        self.offsets = offsets
        self._tails = tails
        self._cdf = cdf.astype(np.int64)
        self._bits = np.zeros((len(cdf), cdf.shape[1] - 1))
        self._bits[inside] = PRECISION - np.log2(steps[inside])
        # What the decoder searches: plain lists are several times faster there than arrays.
        self._rows = [(row[:n], n - 2) for row, n in zip(cdf.tolist(), lengths.tolist())]
        # What it tries before, the likeliest entry but for the tail: nothing where a table has no other.
        sizes = np.where(np.arange(steps.shape[1]) < tails[:, None], steps, 0)
        self._likely = sizes.argmax(axis=1)
        rows = np.arange(len(cdf))
        self._likely_starts, self._likely_sizes = self._cdf[rows, self._likely], sizes[rows, self._likely]

    def __len__(self) -> int:
        return len(self._rows)

    def tobytes(self) -> bytes:
        """All that decides about the code; equal tables give equal bytes."""
        rows = (np.array([offset, *cdf], np.int64).tobytes() for offset, (cdf, _) in zip(self.offsets, self._rows))
        return b"".join(rows)

    def masses(self, table_indexes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities of the symbols of some tables, escapes apart, and those symbols, both ``(N, L)`` float64.

        Where a table has fewer than L symbols, the probability is 0.
        """
        tails = self._tails[table_indexes]
        entries = np.arange(tails.max())
        masses = np.diff(self._cdf[table_indexes], axis=1)[:, : len(entries)] / _TOTAL
        return masses * (entries < tails[:, None]), entries + self.offsets[table_indexes][:, None] + 0.0

    def check_indexes(self, table_indexes: np.ndarray) -> np.ndarray:
        """Return ``table_indexes`` flat; raise ``ValueError`` when one of them names no table."""
        indexes = np.asarray(table_indexes).reshape(-1)
        if indexes.size and indexes.dtype.kind not in "iu":
            raise ValueError("table indexes must be integers")
        if indexes.size and (indexes.min() < 0 or indexes.max() >= len(self)):
            raise ValueError(f"table indexes must be from 0 to {len(self) - 1}")
        return indexes.astype(np.int64)

    def _locate(self, symbols: np.ndarray, table_indexes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Flat table indexes, the entry of each symbol, and the number that its escape spells out (or -1)."""
        symbols, shape = np.asarray(symbols), np.shape(table_indexes)
        if symbols.shape != shape:
            raise ValueError(f"symbols {symbols.shape} and table indexes {shape} differ in shape")
        if symbols.size and symbols.dtype.kind not in "iu":
            raise ValueError("symbols must be integers")
        if symbols.size and (symbols.min() < -MAX_SYMBOL or symbols.max() > MAX_SYMBOL):
            raise ValueError(f"symbols must stay within +-{MAX_SYMBOL}")
        indexes = self.check_indexes(table_indexes)
        entries = symbols.reshape(-1).astype(np.int64) - self.offsets[indexes]
        tails = self._tails[indexes]
        below, above = entries < 0, entries >= tails
        escapes = np.where(below, -2 * entries - 1, np.where(above, 2 * (entries - tails), -1))
        return indexes, np.where(below | above, tails, entries), escapes

    def intervals(self, symbols: np.ndarray, table_indexes: np.ndarray) -> tuple[list[int], list[int]]:
        """Starts and sizes, out of 65536, of the intervals that code ``symbols`` in order, escapes included.

        Raises:
            ValueError: shapes differ, an index names no table, or a symbol exceeds ``MAX_SYMBOL``.
        """
        indexes, entries, escapes = self._locate(symbols, table_indexes)
        starts = self._cdf[indexes, entries]
        sizes = self._cdf[indexes, entries + 1] - starts
        places, bits = [], []
        for place in np.flatnonzero(escapes >= 0).tolist():
            number = int(escapes[place]) + 1
            length = number.bit_length()
            code = [0] * (length - 1) + [number >> shift & 1 for shift in range(length - 1, -1, -1)]
            places += [place + 1] * len(code)
            bits += code
        if places:
            starts = np.insert(starts, places, np.multiply(bits, _HALF))
            sizes = np.insert(sizes, places, _HALF)
        return starts.tolist(), sizes.tolist()

    def code_length(self, symbols: np.ndarray, table_indexes: np.ndarray) -> float:
        """Ideal length of the code of ``symbols`` in bits: the sum of -log2 p, escapes included.

        Args:
            symbols: integers of any shape.
            table_indexes: the table of each symbol, in the same shape.

        Raises:
            ValueError: as :meth:`intervals`.
        """
        indexes, entries, escapes = self._locate(symbols, table_indexes)
        _, exponents = np.frexp(escapes[escapes >= 0] + 1.0)  # the bit length of escape + 1
        return float(self._bits[indexes, entries].sum() + (2 * exponents - 1).sum())


class Mark(NamedTuple):
    """The encoder's state after some symbol, kept to tell later which byte completes it."""

    emitted: bytes
    low: int
    width: int


class RangeEncoder:
    """Writes intervals into bytes; the stream is at most one byte longer than its ideal length."""

    def __init__(self) -> None:
        self._low = 0  # may exceed 48 bits by a carry that the next byte put out will settle
        self._width = _TOP
        self._out = bytearray()

    def encode(self, starts: Iterable[int], sizes: Iterable[int]) -> None:
        """Code one interval after another, each ``[start, start + size)`` out of 65536 with ``size >= 1``."""
        low, width, out = self._low, self._width, self._out
        top, bottom = _TOP, _BOTTOM
        for start, size in zip(starts, sizes):
            unit = width >> 16
            low += unit * start
            width = unit * size
            while width < bottom:
                if low >= top:
                    self._carry()
                    low -= top
                out.append(low // bottom)
                low = low % bottom << 8
                width <<= 8
        self._low, self._width = low, width

    def _carry(self) -> None:
        out, i = self._out, len(self._out) - 1
        while out[i] == 255:  # never runs off the start: the whole interval lies below 1
            out[i] = 0
            i -= 1
        out[i] += 1

    def mark(self) -> Mark:
        """The state after the symbols coded so far, for :func:`bytes_needed`."""
        return Mark(bytes(self._out), self._low, self._width)

    def finish(self) -> bytes:
        """The shortest stream that determines all symbols so far when zero bytes are read after its end.

        The encoder stays as it is and may go on.
        """
        emitted = len(self._out)
        low = (int.from_bytes(self._out, "big") << 8 * _WINDOW) + self._low
        value = -(-low >> 8 * _WINDOW)  # the next whole number: it may fit into the bytes already there
        if value << 8 * _WINDOW < low + self._width:
            return value.to_bytes(emitted, "big")
        return (-(-low >> 8 * _WINDOW - 8)).to_bytes(emitted + 1, "big")  # one more byte always does


def bytes_needed(mark: Mark, stream: bytes) -> int:
    """Bytes of the finished ``stream`` that determine all symbols coded before ``mark``."""
    position = len(mark.emitted) + _WINDOW
    padded = stream + bytes(_WINDOW)
    low = (int.from_bytes(mark.emitted, "big") << 8 * _WINDOW) + mark.low
    code = int.from_bytes(padded[:position], "big") - low
    return _fewest(padded, position, code, mark.width, len(stream))


def _fewest(padded: bytes, position: int, code: int, width: int, length: int) -> int:
    """Fewest bytes of a stream of ``length`` bytes all of whose continuations end up in ``[0, width)``."""
    window = int.from_bytes(padded[position - _WINDOW : position], "big")
    for missing in range(_WINDOW, 0, -1):
        unknown = 1 << 8 * missing
        known = code - window % unknown
        if known >= 0 and known + unknown <= width:
            return min(position - missing, length)
    return min(position, length)


class RangeDecoder:
    """Reads symbols out of a stream or of any prefix of one.

    Args:
        data: the stream, or its first bytes.
        whole: whether ``data`` is all of the stream, so that what follows is known to be zero.
    """

    def __init__(self, data: bytes, whole: bool) -> None:
        self._length = len(data)
        self._whole = whole
        self._data = bytes(data) + bytes(_WINDOW)
        self._code = int.from_bytes(self._data[:_WINDOW], "big")  # less the low end of the interval
        self._width = _TOP
        self._position = _WINDOW

    @property
    def determined(self) -> bool:
        """Whether every continuation of the data decodes to the symbols read so far.

        Bytes beyond a cut are read as zeros. With ``m`` of them in the window, the continuations spread over
        ``[code, code + 256**m)``, and the symbols are theirs exactly when that lies within ``[0, width)``.
        """
        missing = 0 if self._whole else max(0, self._position - self._length)
        return self._code + (1 << 8 * missing) <= self._width

    @property
    def bytes_needed(self) -> int:
        """Bytes of the stream that determine the symbols read so far (where ``determined``)."""
        return _fewest(self._data, self._position, self._code, self._width, self._length)

    @property
    def exhausted(self) -> bool:
        """Whether a whole stream ends where an encoder would have ended it after the symbols read so far."""
        return 0 <= self._length - (self._position - _WINDOW) <= 1

    def decode(self, table_indexes: np.ndarray, tables: FrequencyTables) -> np.ndarray:
        """Read one symbol for each of ``table_indexes``; the result is int32 and has their shape.

        Symbols read past a cut are guesses: they hold only if ``determined`` is true afterwards.

        Raises:
            EndOfData: the data is a prefix and ends too early to hold these symbols.
            BitstreamError: no encoder writes this.
            ValueError: an index names no table.
        """
        indexes = tables.check_indexes(table_indexes)
        rows, data = tables._rows, self._data
        code, width, position = self._code, self._width, self._position
        bottom = _BOTTOM
        entries = tables._likely[indexes]
        starts, sizes = tables._likely_starts[indexes].tolist(), tables._likely_sizes[indexes].tolist()
        try:
            for place, start, size in zip(range(len(starts)), starts, sizes):
                unit = width >> 16
                rest, part = code - unit * start, unit * size
                if 0 <= rest < part:
                    code, width = rest, part
                else:  # it is another entry
                    cdf, tail = rows[indexes[place]]
                    entry = bisect_right(cdf, code // unit) - 1
                    if entry > tail:  # the sliver that rounding leaves unused
                        self._code, self._width, self._position = code, width, position
                        raise self._impossible()
                    code -= unit * cdf[entry]
                    width = unit * (cdf[entry + 1] - cdf[entry])
                    if entry == tail:
                        self._code, self._width, self._position = code, width, position
                        entry = self._escape(tail)
                        code, width, position = self._code, self._width, self._position
                    entries[place] = entry
                while width < bottom:
                    code = code << 8 | data[position]
                    width <<= 8
                    position += 1
        except IndexError:
            raise self._past_end() from None
        self._code, self._width, self._position = code, width, position
        symbols: np.ndarray = entries + tables.offsets[indexes]
        if symbols.size and max(-symbols.min(), symbols.max()) > MAX_SYMBOL:
            raise self._impossible()
        return symbols.astype(np.int32).reshape(np.shape(table_indexes))

    def uniform(self, bits: int) -> int:
        """Read one of ``2**bits`` equally likely values, ``bits <= 16``; raises as :meth:`decode`."""
        unit = self._width >> PRECISION << PRECISION - bits
        value = self._code // unit
        if value >> bits:
            raise self._impossible()
        self._code -= unit * value
        self._width = unit
        try:
            while self._width < _BOTTOM:
                self._code = self._code << 8 | self._data[self._position]
                self._width <<= 8
                self._position += 1
        except IndexError:
            raise self._past_end() from None
        return value

    def _escape(self, tail: int) -> int:
        """Read a value outside its table, counted from the table's first: Exp-Golomb, then unfolded.

        Bit by bit as :meth:`uniform` reads them, but all in one loop: hostile files consist of nothing else.
        """
        data, bottom = self._data, _BOTTOM
        code, width, position = self._code, self._width, self._position
        zeros = number = 0
        while not number >> zeros:
            while width < bottom:
                code = code << 8 | data[position]
                width <<= 8
                position += 1
            half = width >> PRECISION << PRECISION - 1
            bit = code // half
            if bit > 1 or zeros > _MAX_PREFIX:
                self._code, self._width, self._position = code, width, position
                raise self._impossible()
            code -= half * bit
            width = half
            if bit or number:
                number = number << 1 | bit
            else:
                zeros += 1
        self._code, self._width, self._position = code, width, position
        number -= 1
        return -(number + 1 >> 1) if number & 1 else tail + (number >> 1)

    def _impossible(self) -> Exception:
        # In a prefix, what looks impossible may only be the zeros that stand in for the missing end.
        return BitstreamError("The coded symbols are damaged.") if self.determined else EndOfData()

    def _past_end(self) -> Exception:
        return BitstreamError("The coded symbols are damaged.") if self._whole else EndOfData()
