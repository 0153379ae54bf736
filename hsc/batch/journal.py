"""What is done of a shard that is not complete: an append-only file that outlives a run that is killed.

Entries come in any order. Each has a checksum, so that one that was being written when the run ended, at whatever byte,
is known to be none; what follows it is written over it.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

_HEAD = struct.Struct("<QII")
"""Of an entry: the picture's number, the length of what follows, and its CRC-32 with that of the two."""


class Journal:
    """The journal of one shard; opening it reads what an earlier run left.

    Attributes:
        path: where it is.

    Raises:
        OSError: it cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._places: dict[int, tuple[int, int]] = {}
        self._file = os.fdopen(os.open(path, os.O_CREAT | os.O_RDWR | getattr(os, "O_BINARY", 0), 0o666), "r+b")
        self._end = self._scan()
        self._file.truncate(self._end)

    def __contains__(self, number: int) -> bool:
        return number in self._places

    def __len__(self) -> int:
        return len(self._places)

    def append(self, number: int, body: bytes) -> None:
        """Write down what became of a picture; the system has it when this returns.

        Raises:
            OSError: the disk is full, or gone.
        """
        self._file.seek(self._end)
        self._file.write(_HEAD.pack(number, len(body), _checksum(number, body)))
        self._file.write(body)
        self._file.flush()
        self._places[number] = self._end + _HEAD.size, len(body)
        self._end += _HEAD.size + len(body)

    def bodies(self, numbers: range) -> Iterator[bytes]:
        """What :meth:`append` was given of each of these pictures, in order."""
        for number in numbers:
            start, size = self._places[number]
            self._file.seek(start)
            yield self._file.read(size)

    def close(self) -> None:
        """Leave the file to a later run."""
        self._file.close()

    def remove(self) -> None:
        """Close and delete the file."""
        self.close()
        self.path.unlink(missing_ok=True)

    def _scan(self) -> int:
        """Where the last whole entry ends."""
        end, size = 0, os.fstat(self._file.fileno()).st_size
        while end + _HEAD.size <= size:
            self._file.seek(end)
            number, length, checksum = _HEAD.unpack(self._file.read(_HEAD.size))
            if end + _HEAD.size + length > size or _checksum(number, self._file.read(length)) != checksum:
                break
            self._places[number] = end + _HEAD.size, length
            end += _HEAD.size + length
        return end


def _checksum(number: int, body: bytes) -> int:
    return zlib.crc32(body, zlib.crc32(struct.pack("<QI", number, len(body))))
