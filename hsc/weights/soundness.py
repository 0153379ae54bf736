"""Whether a converted file is what it was when it was written: a digest of its content, kept in its own metadata.

Hashing the generator's 40 MB takes 23 ms on a server core of 2023, so that every load can afford it. That a file is
there says nothing: a copy may have been cut short, and one flipped bit in the generator restores every face as noise.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import ArrayLike

from hsc.errors import WeightsError
from hsc.runtime import atomic
from hsc.runtime.names import reason, shown

KEY = "content_sha256"
"""Of the metadata, for the digest."""
_LONGEST_HEADER = 100_000_000  # as safetensors has it
_BLOCK = 1 << 20
_sound: dict[Path, tuple[int, ...]] = {}
"""What this process has checked: the file's number, size and time of change, by path."""


def write(state: Mapping[str, ArrayLike], path: Path, metadata: Mapping[str, str]) -> None:
    """Write arrays, or tensors on the CPU, as safetensors whose metadata tell the digest of the rest; all or nothing.

    Raises:
        HSCError: the file cannot be written.
    """
    from safetensors.numpy import save

    data = save({name: np.ascontiguousarray(value) for name, value in state.items()}, dict(metadata))
    length = int.from_bytes(data[:8], "little")
    header, tensors = json.loads(data[8 : 8 + length]), memoryview(data)[8 + length :]
    digest = _begin(header)
    digest.update(tensors)
    header["__metadata__"] = {**metadata, KEY: digest.hexdigest()}
    told = json.dumps(header).encode()
    told += b" " * (-len(told) % 8)  # tensors are aligned to 8 bytes
    atomic.write_bytes(path, len(told).to_bytes(8, "little") + told + tensors)


def is_sound(path: Path, known: str | None = None) -> bool:
    """Whether a file is there and holds what was written. Each file is read once in a process, unless it changes.

    Args:
        path: of a file that :func:`write` wrote.
        known: digest that a file without one of its own must have, as earlier releases wrote it.

    Raises:
        WeightsError: it cannot be read, which does not mean that it is damaged.
    """
    try:
        found = path.stat()
        stamp = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        if _sound.get(path) == stamp:
            return True
        with path.open("rb") as file:
            told, digest = _digests(file)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise WeightsError(f"{shown(path)} cannot be read: {reason(error)}.") from error
    if digest is None or digest != (told or known):
        return False
    _sound[path] = stamp
    return True


def _digests(file: BinaryIO) -> tuple[str | None, str | None]:
    """The digest that a file tells, and that of its content; None and None for what is no safetensors file."""
    length = int.from_bytes(file.read(8), "little")
    if length > min(_LONGEST_HEADER, os.fstat(file.fileno()).st_size):
        return None, None
    try:
        header = json.loads(file.read(length))
        told = header.get("__metadata__", {}).get(KEY)
    except (ValueError, AttributeError, RecursionError):
        return None, None
    digest = _begin(header)
    while block := file.read(_BLOCK):
        digest.update(block)
    return told, digest.hexdigest()


def _begin(header: dict) -> hashlib._Hash:
    """A digest of names, types, shapes and places of the tensors, which their bytes then go into."""
    tensors = {name: value for name, value in header.items() if name != "__metadata__"}
    return hashlib.sha256(json.dumps(tensors, sort_keys=True).encode())
