"""Files that appear complete or not at all: written beside, and renamed.

A disk that fills up, an interrupt or a lost connection leaves the file that was there before, and nothing else. Only a
process that is killed outright may leave a hidden ``.hsc-*`` file behind; no command takes one for a picture.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from hsc.errors import HSCError
from hsc.runtime.names import is_stream, reason, shown

PREFIX = ".hsc-"
"""Begins the names of files that are being written."""
_LONGEST_SUFFIX = 32
"""In bytes. File systems allow 255 for a name, which a user's may need all; a temporary name is short."""


def write_bytes(path: Path, data: bytes, durable: bool = True) -> None:
    """Write a file, complete or not at all; see :func:`replacing`.

    Raises:
        HSCError: it cannot be written.
    """
    with replacing(path, durable) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str, durable: bool = True) -> None:
    """Write a text as UTF-8, as :func:`write_bytes`; what is no text (names of files may hold such) becomes ``?``.

    Raises:
        HSCError: it cannot be written.
    """
    write_bytes(path, text.encode("utf-8", "replace"), durable)


@contextlib.contextmanager
def replacing(path: Path, durable: bool = True) -> Iterator[Path]:
    """Let a file be written under another name in the same folder, and rename it once that is done.

    The file that is there already keeps its permissions; a new one gets those that the umask leaves, whatever the
    writer gave it. A symbolic link is followed: what it points to is replaced. A device, a pipe or ``/dev/stdout`` is
    written to instead, when all is there to be written.

    Args:
        path: the file to write.
        durable: whether its content must be on the disk before it takes the name: a loss of power then leaves the old
            file or the new one. It may take some milliseconds.

    Yields:
        The path to write, of an empty file that is there already, with the suffix of ``path``.

    Raises:
        HSCError: the file cannot be written, by whatever OSError the body raises as well.
    """
    temporary = None
    try:
        path = Path(path)
        direct = is_special(path)
        target = path if direct else Path(os.path.realpath(path))
        temporary = _begin(Path(tempfile.gettempdir()) if direct else target.parent, target.suffix)
        created = stat.S_IMODE(temporary.stat().st_mode)
        yield temporary
        if direct:
            with temporary.open("rb") as source, path.open("wb") as sink:
                shutil.copyfileobj(source, sink)
        else:
            _finish(temporary, target, created, durable)
    except (OSError, ValueError) as error:
        raise HSCError(f"{shown(path)} cannot be written: {reason(error)}.") from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                temporary.unlink()


def open_to_readers(path: Path) -> None:
    """Give a file of ours the permissions that a new one beside it would get, where it has less.

    What cannot be changed, because it is somebody else's, stays.
    """
    with contextlib.suppress(OSError):
        probe = _begin(path.parent, "")
        try:
            wanted = stat.S_IMODE(probe.stat().st_mode)
        finally:
            probe.unlink()
        mode = stat.S_IMODE(path.stat().st_mode)
        if wanted & ~mode:
            path.chmod(mode | wanted)


def is_special(path: Path) -> bool:
    """Whether a path names something that is no file, and is not to become one."""
    if is_stream(path):
        return True
    try:
        return not stat.S_ISREG(path.stat().st_mode) and not path.is_dir()
    except OSError:
        return False


def _begin(folder: Path, suffix: str) -> Path:
    """A new empty file with the permissions that the umask leaves."""
    if len(os.fsencode(suffix)) > _LONGEST_SUFFIX:
        suffix = ""
    path = folder / f"{PREFIX}{secrets.token_hex(8)}{suffix}"
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0), 0o666))
    return path


def _finish(temporary: Path, target: Path, created: int, durable: bool) -> None:
    try:
        mode = stat.S_IMODE(target.stat().st_mode)
    except FileNotFoundError:
        mode = created
    if durable:
        _sync(temporary, os.O_RDWR)
    if stat.S_IMODE(temporary.stat().st_mode) != mode:  # writers of some formats make private files
        temporary.chmod(mode)
    os.replace(temporary, target)
    if durable:
        with contextlib.suppress(OSError):  # folders cannot be synchronised everywhere, and the file is there
            _sync(target.parent, os.O_RDONLY)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
