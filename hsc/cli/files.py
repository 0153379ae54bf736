"""Files as parameters of commands: one way to read an input, one to write an output, one to name either.

``-`` is standard input and standard output; where an output goes there, what a command says goes to standard error
(:func:`say`). An output is checked when the command line is read, before any work: its folder is there and may be
written to, and it is not one of the inputs (:class:`Command`). It is written by :mod:`hsc.runtime.atomic`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import click

from hsc.errors import HSCError
from hsc.runtime import atomic
from hsc.runtime.names import reason, shown

STREAM = "-"
MAX_BYTES = 1 << 30
"""Larger inputs are refused, unless a command is content with less."""
_LONGEST_NAME = 255
"""Of a file or folder, in bytes."""
_STANDARD_INPUT = (STREAM, "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0")
_STANDARD_OUTPUT = (STREAM, "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")
_USED = "hsc.cli.files."
"""Begins the keys under which a command's context knows that a standard stream is one of its files."""
_PICTURES = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51")
"""First bytes of pictures; see :func:`_is_picture` for those that begin otherwise."""
_SUFFIXES = {"film": (".mp4", ".gif")}


@dataclass
class Input:
    """A file that a command reads.

    Attributes:
        path: where it is; None for standard input.
        original: whether no output may take its place.
    """

    path: Path | None
    original: bool = True
    _data: bytes | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return "Standard input" if self.path is None else shown(self.path)

    @property
    def name(self) -> str:
        """Without the folder, to begin a sentence with."""
        return "Standard input" if self.path is None else shown(self.path.name)

    def read(self, limit: int = MAX_BYTES) -> bytes:
        """All its bytes; read once.

        Raises:
            HSCError: it cannot be read, or is larger than the limit.
        """
        if self._data is None:
            try:
                with self._opened() as file:
                    self._data = file.read(limit + 1)
            except (OSError, ValueError) as error:
                raise HSCError(f"{self} cannot be read: {reason(error)}.") from error
        if len(self._data) > limit:
            raise HSCError(f"{self} has more than {limit / 1e6:,.0f} MB: that is no file of this kind.")
        return self._data

    @contextlib.contextmanager
    def file(self, suffix: str = "") -> Iterator[Path]:
        """A path for those who can read nothing else; standard input is put into a temporary file.

        Raises:
            HSCError: standard input cannot be read.
        """
        if self.path is not None:
            yield self.path
            return
        with tempfile.TemporaryDirectory(prefix="hsc-") as folder:
            path = Path(folder) / f"input{suffix}"
            path.write_bytes(self.read())
            yield path

    def _opened(self) -> contextlib.AbstractContextManager[BinaryIO]:
        if self.path is None:
            return contextlib.nullcontext(sys.stdin.buffer)
        return self.path.open("rb")


@dataclass
class Output:
    """A file that a command writes.

    Attributes:
        path: where it will be; None for standard output.
    """

    path: Path | None

    def __str__(self) -> str:
        return "Standard output" if self.path is None else shown(self.path)

    def suffix(self, otherwise: str) -> str:
        """That of its name in lower case, or another for standard output and other streams without."""
        return (self.path.suffix.lower() if self.path else "") or otherwise

    def write(self, data: bytes) -> None:
        """Put the bytes there, all or none.

        Raises:
            HSCError: it cannot be written.
        """
        if self.path is not None:
            atomic.write_bytes(self.path, data)
            return
        try:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            raise  # whoever read it has enough
        except OSError as error:
            raise HSCError(f"{self} cannot be written: {reason(error)}.") from error

    @contextlib.contextmanager
    def file(self, suffix: str) -> Iterator[Path]:
        """A path for those who can write to nothing else; it becomes the output at the end, whole.

        Args:
            suffix: what it has where the output is a stream.

        Raises:
            HSCError: it cannot be written.
        """
        if self.path is not None:
            with atomic.replacing(self.path) as path:
                yield path
            return
        with tempfile.TemporaryDirectory(prefix="hsc-") as folder:
            path = Path(folder) / f"output{suffix}"
            yield path
            self.write(path.read_bytes())


class InputFile(click.ParamType):
    """An :class:`Input` that is there and may be read.

    Args:
        original: whether no output may take its place.
    """

    name = "file"

    def __init__(self, original: bool = True) -> None:
        self.original = original

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Input:
        if isinstance(value, Input):
            return value
        if str(value) in _STANDARD_INPUT:
            _use(ctx, "stdin", self, param)
            return Input(None, self.original)
        path = Path(value)
        try:
            is_folder = path.is_dir()
            path.stat()
        except (OSError, ValueError) as error:
            self.fail(f"{shown(path)} cannot be read: {reason(error)}.", param, ctx)
        if is_folder:
            self.fail(f"{shown(path)} is a folder, not a file.", param, ctx)
        if not _allows(path, os.R_OK):
            self.fail(f"{shown(path)} cannot be read: Permission denied.", param, ctx)
        return Input(path, self.original)


class OutputFile(click.ParamType):
    """An :class:`Output` whose folder is there and may be written to.

    Args:
        kind: "picture", "sheet" (a picture that takes no photo's place), "film", or "data" and "text", which are no
            pictures and take the place of none.
    """

    name = "file"

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Output:
        if isinstance(value, Output):
            return value
        if str(value) in _STANDARD_OUTPUT:
            _use(ctx, "stdout", self, param)
            if self.kind != "text" and _is_terminal():
                self.fail("a terminal shows no such file: send standard output to a file or a program.", param, ctx)
            return Output(None)
        path = Path(value)
        problem = _cannot_write(path) or self._unfit(path)
        if problem:
            self.fail(problem, param, ctx)
        return Output(path)

    def _unfit(self, path: Path) -> str | None:
        """Why a file of this kind cannot have this name, or take the place of the file that has it."""
        if atomic.is_special(path):
            return None
        suffix = path.suffix.lower()
        if self.kind in _SUFFIXES and suffix not in _SUFFIXES[self.kind]:
            return f"{shown(path)} cannot be written: a {self.kind} is {' or '.join(_SUFFIXES[self.kind])}."
        if self.kind in ("picture", "sheet") and not _writes_pictures(suffix):
            what = f"{shown(suffix)} is no picture format that is written here" if suffix else "it has no suffix"
            return f"{shown(path)} cannot be written: {what}, such as .png or .jpg."
        if self.kind in ("data", "text") and _is_picture(path):
            return f"{shown(path)} is a picture: it is not replaced by what is none."
        if self.kind == "sheet" and _is_picture(path) and not _is_sheet(path):
            return f"{shown(path)} is there already and no sheet: the last name is that of the sheet to make."
        return None


class InputFolder(click.ParamType):
    """The path of a folder that is there and may be listed."""

    name = "folder"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        path = Path(value)
        try:
            with os.scandir(path):
                return path
        except FileNotFoundError:
            self.fail(f"the folder {shown(path)} cannot be read: there is no folder of that name.", param, ctx)
        except (OSError, ValueError) as error:
            self.fail(f"the folder {shown(path)} cannot be read: {reason(error)}.", param, ctx)


class OutputFolder(click.ParamType):
    """The path of a folder to write to, which is there, or can be made."""

    name = "folder"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        path = Path(value)
        if str(value) == STREAM:
            self.fail("files go to a folder here, not to standard output.", param, ctx)
        nearest = path
        try:
            while not _is_there(nearest) and nearest != nearest.parent:
                nearest = nearest.parent
            is_folder = nearest.is_dir()
        except (OSError, ValueError) as error:
            self.fail(f"the folder {shown(path)} cannot be made: {reason(error)}.", param, ctx)
        if not is_folder:
            self.fail(f"the folder {shown(path)} cannot be made: {shown(nearest)} is a file.", param, ctx)
        if not _allows(nearest, os.W_OK | os.X_OK):
            self.fail(f"the folder {shown(nearest)} may not be written to.", param, ctx)
        return path


class Command(click.Command):
    """A command whose outputs are checked against its inputs, and against one another, before it begins."""

    def invoke(self, ctx: click.Context) -> Any:
        given = [each for value in ctx.params.values() for each in (value if isinstance(value, tuple) else (value,))]
        outputs = [(each.path, each) for each in given if isinstance(each, Output) and each.path is not None]
        inputs = [each.path for each in given if isinstance(each, Input) and each.path is not None and each.original]
        for index, (path, output) in enumerate(outputs):
            if any(same_file(path, other) for other in inputs):
                raise click.UsageError(f"{output} is an input: it would be lost.", ctx)
            if any(same_file(path, other) for other, _ in outputs[:index]):
                raise click.UsageError(f"{output} cannot be two outputs.", ctx)
        return super().invoke(ctx)


class Group(click.Group):
    """Commands that are :class:`Command`."""

    command_class = Command


def say(message: str) -> None:
    """Print a line of status: to standard output, or to standard error where an output goes there."""
    ctx = click.get_current_context(silent=True)
    click.echo(message, err=ctx is not None and ctx.meta.get(f"{_USED}stdout", False))


def warn(messages: Iterable[str]) -> None:
    """Print notes to standard error."""
    for message in messages:
        click.echo(message, err=True)


def same_file(first: Path, second: Path) -> bool:
    """Whether two paths lead to one file, by links of either kind too, or would if it were there."""
    try:
        return os.path.samefile(first, second)
    except (OSError, ValueError):
        return os.path.realpath(first) == os.path.realpath(second)


def _allows(path: Path, mode: int) -> bool:
    """Whether this process may do something with a file, whoever it acts for."""
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)


def _is_there(path: Path) -> bool:
    """Whether there is anything of this name.

    Raises:
        OSError: it cannot be a name.
    """
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        longest = max(len(os.fsencode(part)) for part in path.parts)
        if longest > _LONGEST_NAME:
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG)) from None
        return False
    return True


def _use(ctx: click.Context | None, stream: str, kind: click.ParamType, param: click.Parameter | None) -> None:
    if ctx is None:
        return
    if ctx.meta.get(_USED + stream):
        kind.fail(f"standard {stream.removeprefix('std')} can be one file only.", param, ctx)
    ctx.meta[_USED + stream] = True


def _is_terminal() -> bool:
    try:
        return sys.stdout.isatty()
    except (AttributeError, ValueError):  # a stream that is closed, or none
        return False


def _cannot_write(path: Path) -> str | None:
    """Why a file cannot be written, as far as that can be told beforehand."""
    try:
        path.stat()
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        return f"{shown(path)} cannot be written: {reason(error)}."
    if path.is_dir():
        return f"{shown(path)} is a folder, not a file."
    folder = Path(os.path.realpath(path)).parent  # where a link leads
    if not atomic.is_special(path) and not folder.is_dir():
        return f"{shown(path)} cannot be written: there is no folder {shown(folder)}."
    if path.exists() and not _allows(path, os.W_OK):
        return f"{shown(path)} cannot be written: it may not be changed."
    if not atomic.is_special(path) and not _allows(folder, os.W_OK | os.X_OK):
        return f"{shown(path)} cannot be written: the folder {shown(folder)} may not be written to."
    return None


def _writes_pictures(suffix: str) -> bool:
    from PIL import Image

    return Image.registered_extensions().get(suffix) in Image.SAVE


def _head(path: Path) -> bytes:
    try:
        if not path.is_file():
            return b""
        with path.open("rb") as file:
            return file.read(16)
    except OSError:
        return b""


def _is_picture(path: Path) -> bool:
    head = _head(path)
    webp, avif = head[:4] == b"RIFF" and head[8:12] == b"WEBP", head[4:8] == b"ftyp"
    netpbm = head[:1] == b"P" and head[1:2] in b"1234567" and head[2:3].isspace()
    return head.startswith(_PICTURES) or webp or avif or netpbm


def _is_sheet(path: Path) -> bool:
    from hsc.imaging.marks import mark_of
    from hsc.media import SHEET_NOTE

    return mark_of(path) == SHEET_NOTE
