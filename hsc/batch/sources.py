"""Inputs of a run: folders, lists of files, WebDataset shards and parquet files, listed once and read by position.

Every input gets a key as WebDataset has them: what stands before the first dot of a member's name, folders included. A
key is unique within a run and has neither dots nor ``~``, which parts the key of a picture from the number of a face.
"""

from __future__ import annotations

import errno
import glob
import os
import re
import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hsc.batch.options import Source
from hsc.errors import HSCError
from hsc.runtime.names import reason, shown

CODED = (".hsc",)
"""Suffixes of compressed files."""
_LISTS = (".txt", ".lst", ".list")
_IMAGE_COLUMNS = ("image", "img", "picture", "photo", "jpg", "jpeg", "png", "webp")
_CODED_COLUMNS = ("hsc",)
_KEY_COLUMNS = ("key", "__key__", "id", "image_id")
_PLAIN = re.compile(r"[\w-][\w -]*(/[\w-][\w -]*)*", re.ASCII)
"""Matches names that are keys as they are, which are most: the rest of the work is too slow for a million."""
_ROWS = 16
"""Rows of a parquet file that are in memory at a time."""
_BUFFER = 1 << 20
"""Bytes of a parquet file that are read at a time."""
_AWAY = {getattr(errno, name, -1) for name in ("ESTALE", "ENOTCONN", "ENODEV", "ENXIO", "EHOSTDOWN", "EHOSTUNREACH")}
"""What systems say of a file whose disk or server is gone."""


class InputGone(HSCError):
    """What a run reads from is no longer there: no picture is to blame, and the run cannot go on."""


@dataclass(frozen=True)
class Item:
    """One input.

    Attributes:
        key: unique in the run.
        name: what people know it by.
        path: of the file that holds it; of files, relative to :attr:`hsc.batch.options.Source.root`.
        offset: where it begins in a tar file, in bytes; its row in a parquet file; 0 in a file of its own.
        length: in bytes, in a tar file; else -1.
    """

    key: str
    name: str
    path: str
    offset: int = 0
    length: int = -1


def find(given: str, suffixes: Sequence[str], column: str | None = None) -> tuple[Source, list[Item]]:
    """List the inputs that a word of the user's stands for.

    Args:
        given: a folder, a list (``.txt``), ``.tar`` or ``.parquet`` files, ``*`` and ``{000..069}`` allowed. A folder
            stands for the tar files directly in it, else its parquet files, else its pictures at any depth.
        suffixes: those of files and members that count, in lower case; see :data:`CODED` and
            :data:`hsc.imaging.images.SUFFIXES`.
        column: of parquet files; by default one that is known to hold such things.

    Returns:
        The source, and its items in an order that depends on names alone.

    Raises:
        HSCError: there is nothing of the kind, or it cannot be read.
    """
    where, paths = _expand(given)
    try:
        if len(paths) == 1 and paths[0].is_dir():
            return _in_folder(paths[0], suffixes, column)
        kinds = {path.suffix.lower() for path in paths}
        if kinds == {".tar"}:
            return Source("tar", where, ""), _unique(_in_tars(paths, suffixes))
        if kinds == {".parquet"}:
            return _in_parquets(where, paths, suffixes, column)
        if len(paths) == 1 and kinds <= set(_LISTS):
            return _in_list(paths[0])
    except (OSError, ValueError) as error:
        raise HSCError(f"{shown(given)} cannot be read: {reason(error)}.") from error
    raise HSCError(f"{shown(given)} is neither a folder, nor a list ({', '.join(_LISTS)}), nor .tar or .parquet files.")


def containers(source: Source, items: Sequence[Item]) -> list[list[Any]]:
    """Path, size and time of change of each tar or parquet file, to know later whether positions in it still hold.

    Raises:
        InputGone: one is no longer there.
    """
    if source.kind == "files":
        return []
    return [_stamp(path) for path in dict.fromkeys(item.path for item in items)]


def check_containers(stamps: Sequence[Sequence[Any]]) -> None:
    """See that tar and parquet files are as they were when they were listed.

    Raises:
        InputGone: one is gone or is another.
    """
    for stamp in stamps:
        if _stamp(stamp[0]) != list(stamp):
            raise InputGone(f"{shown(stamp[0])} is not the file that this run began with.")


class Reader:
    """Reads items of a source, in any order; increasing rows of parquet files are fastest."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._rows: _ParquetRows | None = None

    def read(self, item: Item) -> bytes:
        """The bytes of one input.

        Raises:
            HSCError: it is missing, empty or cannot be read.
            InputGone: all of the source is.
        """
        try:
            if self._source.kind == "parquet":
                return self._row(item)
            path = Path(self._source.root, item.path)
            with path.open("rb") as file:
                file.seek(item.offset)
                return file.read(item.length)
        except (OSError, ValueError) as error:
            self._check_source(item, error)
            raise HSCError(f"The file cannot be read: {reason(error)}.") from error

    def _row(self, item: Item) -> bytes:
        if self._rows is None or self._rows.path != item.path:
            self._rows = _ParquetRows(item.path, self._source.column)
        value = self._rows.value(item.offset)
        if isinstance(value, dict):  # as the library `datasets` stores pictures
            value = value.get("bytes")
        if not value:
            raise HSCError("The row has no bytes of a picture.")
        return value

    def _check_source(self, item: Item, error: Exception) -> None:
        code = getattr(error, "errno", None)
        path = Path(self._source.root, item.path)
        gone = code in _AWAY
        if self._source.kind != "files":
            gone = gone or not path.exists()
        elif self._source.root:
            gone = gone or not _has_entries(Path(self._source.root))
        if gone:
            where = self._source.given if self._source.kind == "files" else path
            raise InputGone(f"{shown(where)} is no longer there.") from error


class _ParquetRows:
    """One column of a parquet file, a few rows in memory at a time."""

    def __init__(self, path: str, column: str | None) -> None:
        import pyarrow.parquet as pq

        self.path = path
        self._column = column
        # Buffered streams and one thread: a row group of pictures may have gigabytes.
        self._file = pq.ParquetFile(path, buffer_size=_BUFFER, pre_buffer=False)
        groups = self._file.metadata
        self._starts = [0]
        for group in range(groups.num_row_groups):
            self._starts.append(self._starts[-1] + groups.row_group(group).num_rows)
        self._group = -1
        self._next = 0
        self._batches: Iterator[Any] = iter(())
        self._batch: Any = None

    def value(self, row: int) -> Any:
        """What the column has in a row, as Python has it."""
        group = next(index for index, end in enumerate(self._starts[1:]) if row < end)
        first = self._next - (0 if self._batch is None else len(self._batch))
        if group != self._group or row < first:
            self._batches = self._file.iter_batches(_ROWS, [group], [self._column], use_threads=False)
            self._group, self._next, self._batch = group, self._starts[group], None
        while row >= self._next:
            self._batch = next(self._batches)
            self._next += len(self._batch)
        return self._batch.column(0)[row - self._next + len(self._batch)].as_py()


def _expand(given: str) -> tuple[str, list[Path]]:
    """The word as an absolute path, and the files or the folder that it stands for."""
    where = os.path.abspath(given)
    if os.path.lexists(where):
        return where, [Path(where)]
    paths = [Path(path) for pattern in _braces(where) for path in sorted(glob.glob(pattern))]
    if not paths:
        raise HSCError(f"{shown(given)} does not exist.")
    return where, paths


def _braces(pattern: str) -> list[str]:
    """``a-{08..10}.tar`` to ``a-08.tar``, ``a-09.tar``, ``a-10.tar``, as shells and WebDataset write it."""
    found = re.search(r"\{(\d+)\.\.(\d+)\}", pattern)
    if not found:
        return [pattern]
    first, last = found.groups()
    numbers = range(int(first), int(last) + 1)
    if len(numbers) > 1_000_000:
        raise HSCError(f"{shown(pattern)} stands for more than a million files.")
    before, after = pattern[: found.start()], pattern[found.end() :]
    return [each for number in numbers for each in _braces(f"{before}{number:0{len(first)}d}{after}")]


def _in_folder(folder: Path, suffixes: Sequence[str], column: str | None) -> tuple[Source, list[Item]]:
    names = sorted(entry.name for entry in os.scandir(folder) if not entry.name.startswith((".", "_")))
    for suffix in (".tar", ".parquet"):
        paths = [folder / name for name in names if name.lower().endswith(suffix)]
        if paths and suffix == ".tar":
            return Source("tar", str(folder), ""), _unique(_in_tars(paths, suffixes))
        if paths:
            return _in_parquets(str(folder), paths, suffixes, column)
    found = sorted(_walk(folder, "", suffixes))
    if not found:
        kinds = ".hsc files" if tuple(suffixes) == CODED else "pictures"
        raise HSCError(f"There are no {kinds} in {shown(folder)}.")
    items = (Item(os.path.splitext(name)[0], _said(name), name) for name in found)
    return Source("files", str(folder), str(folder)), _unique(items)


def _walk(folder: Path, prefix: str, suffixes: Sequence[str]) -> Iterator[str]:
    """Names of files below a folder, ``/`` between their parts; links to folders are not followed."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(Path(entry.path), f"{prefix}{entry.name}/", suffixes)
            elif os.path.splitext(entry.name)[1].lower() in suffixes:
                yield prefix + entry.name


def _in_list(path: Path) -> tuple[Source, list[Item]]:
    """Files that are named one a line, relative to the folder of the list."""
    lines = [line for line in map(str.strip, os.fsdecode(path.read_bytes()).splitlines()) if line]
    lines = [line for line in lines if not line.startswith("#")]
    if not lines:
        raise HSCError(f"{shown(path)} names no file.")
    remote = next((line for line in lines if re.match(r"[a-z0-9]+://", line)), None)
    if remote:
        raise HSCError(f"{shown(path)} names {shown(remote)}: fetch what is elsewhere first, with img2dataset say.")
    items = (Item(os.path.splitext(os.path.basename(line))[0], _said(line), line) for line in lines)
    return Source("files", str(path), str(path.parent)), _unique(items)


def _in_tars(paths: Sequence[Path], suffixes: Sequence[str]) -> Iterator[Item]:
    for path in paths:
        # Of several members of one key, such as a picture and its mask, the one that is called by a suffix alone.
        best: dict[str, tuple[bool, Item]] = {}
        for name, offset, length in members(path):
            key, ending = split_member(name)
            if os.path.splitext(name)[1].lower() not in suffixes:
                continue
            plain = f".{ending.lower()}" in suffixes
            if key not in best or (plain and not best[key][0]):
                best[key] = plain, Item(key, f"{shown(path.name)}/{_said(name)}", str(path), offset, length)
        yield from (item for _, item in best.values())


def members(path: Path) -> Iterator[tuple[str, int, int]]:
    """Name, offset and length in bytes of each file in a tar file, without reading any.

    Raises:
        HSCError: it is no tar file, is a compressed one, or ends early.
    """
    try:
        size = path.stat().st_size
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                if member.isreg() and not member.issparse():
                    if member.offset_data + member.size > size:
                        raise tarfile.ReadError("unexpected end of data")
                    yield member.name, member.offset_data, member.size
                archive.members = []  # type: ignore[attr-defined]  # of which it would keep all
    except tarfile.TarError as error:
        raise HSCError(f"{shown(path)} is damaged, or no uncompressed tar file ({reason(error)}).") from error


def split_member(name: str) -> tuple[str, str]:
    """A member's key and its ending, as WebDataset parts them: at the first dot after the last slash."""
    folder, slash, last = name.rpartition("/")
    stem, _, ending = last.partition(".")
    return folder + slash + stem, ending


def _in_parquets(
    given: str, paths: Sequence[Path], suffixes: Sequence[str], column: str | None
) -> tuple[Source, list[Item]]:
    pq = parquet()
    wanted = _CODED_COLUMNS if tuple(suffixes) == CODED else _IMAGE_COLUMNS
    items: list[Item] = []
    for path in paths:
        try:
            file = pq.ParquetFile(path)
            names = file.schema_arrow.names
            column = column or next((name for name in wanted if name in names), None)
            if column not in names:
                hint = f"has no column {column}" if column else "has no column that is known to hold pictures"
                raise HSCError(f"{shown(path)} {hint}: its columns are {', '.join(map(shown, names))}.")
            key = next((name for name in _KEY_COLUMNS if name in names), None)
            keys = [None] * file.metadata.num_rows if key is None else _column(file, key)
        except OSError:
            raise
        except ValueError as error:  # pyarrow's own are of this kind
            raise HSCError(f"{shown(path)} is damaged, or no parquet file ({reason(error)}).") from error
        for row, value in enumerate(keys):
            name = f"{shown(path.name)} row {row}"
            items.append(Item(f"{len(items):08d}" if value is None else str(value), name, str(path), row))
    return Source("parquet", given, "", column), _unique(iter(items))


def _column(file: Any, name: str) -> list[Any]:
    return file.read([name]).column(0).to_pylist()


def parquet() -> Any:
    """The module ``pyarrow.parquet``.

    Raises:
        HSCError: it is not installed.
    """
    try:
        import pyarrow.parquet as module
    except ImportError as error:
        raise HSCError("This needs pyarrow: pip install 'hsc-studio[batch]', or pip install pyarrow.") from error
    return module


def _unique(items: Iterator[Item]) -> list[Item]:
    """The items with keys that members of tar files can have, no two alike."""
    found: list[Item] = []
    used: set[str] = set()
    for item in items:
        key = plain = _key(item.key)
        number = 2
        while key in used:
            key, number = f"{plain}__{number}", number + 1
        used.add(key)
        found.append(item if key == item.key else replace(item, key=key))
    return found


def _key(name: str) -> str:
    """A name without dots, without ``~``, and that leads out of no folder."""
    if _PLAIN.fullmatch(name):
        return name
    parts = (re.sub(r"[.~\\:]", "_", shown(part)) for part in name.split("/") if part not in ("", ".", ".."))
    return "/".join(parts) or "_"


def _said(name: str) -> str:
    return name if name.isprintable() else shown(name)


def _stamp(path: str) -> list[Any]:
    try:
        stat = os.stat(path)
    except OSError as error:
        raise InputGone(f"{shown(path)} is no longer there.") from error
    return [path, stat.st_size, stat.st_mtime_ns]


def _has_entries(folder: Path) -> bool:
    """Whether a folder is there and not empty, as what is left of one whose disk is gone would be."""
    check: Callable[[], Any] = lambda: next(os.scandir(folder), None)  # noqa: E731
    try:
        return check() is not None
    except OSError:
        return False
