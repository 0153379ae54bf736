"""The plan of a run: its options and its inputs in order, written down before the first picture and never changed.

``_plan.json`` says what was asked for, ``_plan.arrow`` lists the inputs. A run that goes on reads them instead of
listing its inputs again, so that every picture keeps its shard and its place there; one with other options is refused.
Names that begin with ``_`` are left alone by readers of data sets.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hsc import __version__
from hsc.batch import sources
from hsc.batch.options import Job, Source, facts
from hsc.batch.sources import Item
from hsc.errors import HSCError
from hsc.runtime import atomic
from hsc.runtime.names import shown

PLAN, ITEMS, LOCK = "_plan.json", "_plan.arrow", "_lock"
DIGITS = 5
"""Of a shard's number in file names, as img2dataset and WebDataset have them; more where there are more shards."""
_FORMAT = 1
_CHUNK = 65536


@dataclass(frozen=True)
class Plan:
    """A run as it was planned.

    Attributes:
        folder: where it writes to.
        job: what workers do.
        shard_size: pictures in every shard but the last.
        pictures: how many there are in all.
    """

    folder: Path
    job: Job
    shard_size: int
    pictures: int
    _table: Any

    @property
    def shards(self) -> int:
        """How many shards there will be."""
        return -(-self.pictures // self.shard_size)

    def numbers(self, shard: int) -> range:
        """The numbers of the pictures of a shard."""
        first = shard * self.shard_size
        return range(first, min(first + self.shard_size, self.pictures))

    def items(self, shard: int) -> list[Item]:
        """The inputs of a shard, in order."""
        numbers = self.numbers(shard)
        rows = self._table.slice(numbers.start, len(numbers)).to_pylist()
        return [Item(**{**row, "path": os.fsdecode(row["path"])}) for row in rows]

    def path(self, shard: int, ending: str) -> Path:
        """A shard's file, such as ``00000.tar``."""
        return self.folder / f"{self.name(shard)}{ending}"

    def name(self, shard: int) -> str:
        """A shard's number as file names have it."""
        return f"{shard:0{max(DIGITS, len(str(max(self.shards - 1, 0))))}d}"


def make(
    folder: Path, job_of: Any, given: str, shard_size: int, limit: int | None = None, column: str | None = None
) -> tuple[Plan, bool]:
    """The plan of a folder: the one that is there, else a new one.

    Args:
        folder: is there, and held by :func:`held`.
        job_of: makes a job of a source.
        given: what the user named as input.
        shard_size: pictures in a shard.
        limit: only so many pictures.
        column: of parquet files.

    Returns:
        The plan, and whether it was there already. One of a run that ended before its first picture counts for none.

    Raises:
        HSCError: the folder's plan is of another run, the inputs cannot be listed or are no longer those of the plan,
            or the plan cannot be written.
    """
    asked = {
        **facts(job_of(Source("", "", "")).options),
        "in": os.path.abspath(given),
        "shard_size": shard_size,
        "limit": limit,
        "image_column": column,
        "device": job_of(Source("", "", "")).device,
        "version": __version__,
    }
    path = folder / PLAN
    if path.exists() and _begun(folder):
        return _read(folder, asked), True
    if not path.exists() and any(entry.suffix == ".tar" for entry in folder.iterdir()):
        raise HSCError(f"{shown(folder)} holds shards that no run of this command began: take another folder.")
    source, items = sources.find(given, sources.CODED if asked["command"] == "decode" else _pictures(), column)
    items = items[:limit]
    job = job_of(source)
    with atomic.replacing(folder / ITEMS) as temporary:
        _write_items(temporary, items)
    plan = {
        "format": _FORMAT,
        "asked": asked,
        "job": json.loads(job.as_json()),
        "pictures": len(items),
        "containers": sources.containers(source, items),
    }
    atomic.write_text(path, json.dumps(plan, indent=1) + "\n")
    return Plan(folder, job, shard_size, len(items), _read_items(folder)), False


def is_plan(folder: Path) -> bool:
    """Whether a folder is one that runs write to."""
    return (folder / PLAN).is_file()


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Make a folder, and keep other runs out of it.

    Raises:
        HSCError: another run is at work there, or the folder cannot be made.
    """
    from filelock import FileLock, Timeout

    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(str(folder / LOCK))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise HSCError(f"Another run is at work in {shown(folder)}.") from None
    try:
        yield
    finally:
        lock.release()


def _begun(folder: Path) -> bool:
    """Whether anything but a plan is there."""
    with os.scandir(folder) as entries:
        return any(not entry.name.startswith(("_plan.", "_lock", atomic.PREFIX)) for entry in entries)


def _pictures() -> Sequence[str]:
    from hsc.imaging.images import SUFFIXES

    return SUFFIXES


def _read(folder: Path, asked: dict[str, Any]) -> Plan:
    path = folder / PLAN
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        begun, job, pictures = found["asked"], Job.from_json(json.dumps(found["job"])), int(found["pictures"])
        if found["format"] != _FORMAT:
            raise ValueError("of another format")
        stamps = found["containers"]
        table = _read_items(folder)
        if table.num_rows != pictures:
            raise ValueError("not as long as it says")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise HSCError(f"The plan in {shown(folder)} is damaged or of another release: take another folder.") from error
    for name in [*begun, *asked]:
        if begun.get(name) != asked.get(name):
            was, now = (_said(values.get(name)) for values in (begun, asked))
            raise HSCError(
                f"The run in {shown(folder)} was begun with {name} {was}, not {now}: take another folder, or the same "
                "options."
            )
    sources.check_containers(stamps)
    return Plan(folder, job, begun["shard_size"], pictures, table)


def _said(value: Any) -> str:
    return "unset" if value is None else shown(value) if isinstance(value, str) else json.dumps(value)


def _schema() -> Any:
    import pyarrow as pa

    return pa.schema(
        [
            ("key", pa.string()),
            ("name", pa.string()),
            ("path", pa.binary()),  # of bytes, which names of files are
            ("offset", pa.int64()),
            ("length", pa.int64()),
        ]
    )


def _write_items(path: Path, items: Sequence[Item]) -> None:
    import pyarrow as pa

    schema = _schema()
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for first in range(0, len(items), _CHUNK):
            some = items[first : first + _CHUNK]
            columns = [
                [item.key for item in some],
                [item.name for item in some],
                [os.fsencode(item.path) for item in some],
                [item.offset for item in some],
                [item.length for item in some],
            ]
            writer.write_batch(pa.record_batch(columns, schema=schema))


def _read_items(folder: Path) -> Any:
    """The table of inputs, which stays on the disk: of it only what is looked at comes into memory."""
    import pyarrow as pa

    return pa.ipc.open_file(pa.memory_map(str(folder / ITEMS))).read_all()
