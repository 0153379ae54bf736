"""Compiled graphs on disk, so that only the first process on a machine compiles them.

Files lie in the folder ``graphs`` of the cache of :mod:`hsc.weights`, and begin with a digest of the rest: one that is
damaged, or that the runtime does not take, is as good as not there and is made anew.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from hsc.errors import HSCError

_DIGEST = 32  # bytes
_KEPT = 2
"""Versions of one graph that are kept: of this environment, and of another that shares the cache."""


class BlobCache:
    """Bytes by name and key; never raises, for it only saves time.

    Args:
        folder: made if missing; None keeps nothing.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def read(self, name: str, key: str) -> bytes | None:
        """What was written under this name and key, if it is whole."""
        if self._folder is None:
            return None
        try:
            data = self._path(name, key).read_bytes()
        except OSError:
            return None
        if hashlib.sha256(memoryview(data)[_DIGEST:]).digest() != data[:_DIGEST]:
            return None
        return data[_DIGEST:]

    def write(self, name: str, key: str, data: bytes) -> None:
        """Keep bytes, in place of older ones of this name."""
        if self._folder is None:
            return
        from hsc.runtime import atomic

        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            atomic.write_bytes(self._path(name, key), hashlib.sha256(data).digest() + data, durable=False)
            old = sorted(self._folder.glob(f"{name}-*.blob"), key=lambda path: path.stat().st_mtime, reverse=True)
            for path in old[_KEPT:]:
                path.unlink(missing_ok=True)
        except (OSError, HSCError):  # a full or read-only disk
            return

    def _path(self, name: str, key: str) -> Path:
        if not re.fullmatch(r"[a-z0-9_]+", name):
            raise ValueError(f"{name!r} is no name of a graph")
        assert self._folder is not None  # who asks has seen that there is one
        return self._folder / f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.blob"
