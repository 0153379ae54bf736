"""Names of files, as people see them and as other programs are given them."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePath

_STREAM = re.compile(r"/dev/(stdin|stdout|stderr|fd/\d+)|/proc/[^/]+(/task/\d+)?/fd/\d+")
_MANY_LINKS = 40
"""As many symbolic links as Linux follows."""


def shown(path: str | bytes | os.PathLike) -> str:
    """A file's name for a message: one line that every terminal, log and encoding of UTF-8 can show.

    Bytes that are no text in the file system's encoding, and characters that move a cursor or end a line, become
    U+FFFD.
    """
    name = os.fsdecode(path)
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in name)


def reason(error: BaseException) -> str:
    """Why the operating system, or Python before it, would not have a file: without the name, or a full stop."""
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).rstrip(".")


def for_program(path: PurePath) -> str:
    """A path as an argument of ffmpeg, which takes ``-x.mp4`` for an option and ``14:02.mp4`` for a protocol.

    Args:
        path: in the form of this system, or a pure path of another.
    """
    return f"file:{path.absolute() if isinstance(path, Path) else path}"


def is_stream(path: str | os.PathLike) -> bool:
    """Whether a path names an open stream of this process, such as ``/dev/stdout``, directly or by links.

    It must be written to as it is: a file that is renamed into its place would be another one.
    """
    name = os.path.abspath(os.fspath(path))
    for _ in range(_MANY_LINKS):
        if _STREAM.fullmatch(name):
            return True
        try:
            name = os.path.join(os.path.dirname(name), os.readlink(name))
        except (OSError, ValueError):  # no link
            return False
        name = os.path.normpath(name)
    return False
