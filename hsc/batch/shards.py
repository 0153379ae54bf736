"""Shards as people of this field expect them: ``00000.tar``, ``00000.parquet``, ``00000_stats.json``.

Each file is written beside and renamed, the statistics last: a shard is complete where these are. Nothing in a tar file
depends on when or where it was written, so that two runs of one plan give the same bytes.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from hsc.batch.options import EncodeOptions, Options
from hsc.batch.plan import Plan
from hsc.batch.records import Record, pack, unpack
from hsc.batch.sources import members, parquet
from hsc.errors import HSCError
from hsc.runtime import atomic
from hsc.runtime.names import reason, shown

STATS = "_stats.json"
CODES = 16 * 512
"""Values of S^ in a row of the column ``codes``: 16 style codes of 512."""
METRICS = ("lpips_alex", "lpips_vgg_256", "psnr", "ms_ssim", "identity", "face_distance", "landmarks")
"""Columns of metrics that are numbers; ``detected`` is true or false."""
_GROUP = 512
"""Rows of a row group of the tables."""
_ENCODED = ("bytes", "bpp", "quality", "face", "faces", "box", "width", "height", "notes")
_DECODED = ("bytes", "coded_bytes", "size", "edits")


def columns(options: Options) -> tuple[str, ...]:
    """Facts of a record in the order of the table's columns."""
    named = _ENCODED if isinstance(options, EncodeOptions) else _DECODED
    scores = (*METRICS, "detected") if isinstance(options, EncodeOptions) and options.metrics else ()
    return ("number", "key", "source", "error", *named, *scores, "seconds")


def schema(options: Options) -> Any:
    """The table's Arrow schema."""
    import pyarrow as pa

    kinds = {
        "number": pa.int64(),
        "bytes": pa.int32(),
        "coded_bytes": pa.int32(),
        "bpp": pa.float64(),
        "quality": pa.int16(),
        "face": pa.int16(),
        "faces": pa.int16(),
        "box": pa.list_(pa.float32()),
        "width": pa.int32(),
        "height": pa.int32(),
        "size": pa.int32(),
        "notes": pa.list_(pa.string()),
        "detected": pa.bool_(),
        "seconds": pa.float64(),
        **dict.fromkeys(METRICS, pa.float64()),
    }
    fields = [pa.field(name, kinds.get(name, pa.string())) for name in columns(options)]
    parts = {"hsc": pa.binary(), "codes": pa.list_(pa.float16(), CODES)}
    return pa.schema(fields + [pa.field(name, parts[name]) for name in options.columns])


def write(plan: Plan, shard: int, bodies: Iterable[bytes]) -> None:
    """Put a shard together.

    Args:
        plan: that it is of.
        shard: its number.
        bodies: packed records of each of its pictures, in order.

    Raises:
        HSCError: it cannot be written.
    """
    options, tally = plan.job.options, _Tally()
    with atomic.replacing(plan.path(shard, ".tar")) as tar, atomic.replacing(plan.path(shard, ".parquet")) as table:
        with tarfile.open(tar, "w", format=tarfile.PAX_FORMAT) as archive, _Table(table, options) as rows:
            for record in (record for body in bodies for record in unpack(body)):
                tally.add(record)
                rows.add(record)
                if record.error is None:
                    _add_sample(archive, record, options)
    stats = {"shard": plan.name(shard), "pictures": len(plan.numbers(shard)), **tally.facts()}
    atomic.write_text(plan.path(shard, STATS), json.dumps(stats, indent=1) + "\n")


def read_stats(plan: Plan, shard: int) -> dict[str, Any] | None:
    """A complete shard's statistics; None where it is not complete."""
    try:
        return json.loads(plan.path(shard, STATS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def done_well(plan: Plan, shard: int) -> Iterator[tuple[int, bytes]]:
    """Number and packed records of each picture of a complete shard that has no error.

    Raises:
        HSCError: the shard is damaged.
    """
    path, suffix = plan.path(shard, ".parquet"), plan.job.options.suffix
    pictures: dict[int, list[Record]] = {}
    try:
        table = parquet().read_table(path)
        samples = _samples(plan.path(shard, ".tar"))
        codes = table.column("codes") if "codes" in table.column_names else None
        for index, row in enumerate(table.select(["number", "key", "error", "seconds"]).to_pylist()):
            facts, parts = row, {}
            if row["error"] is None:
                told, data = (samples[f"{row['key']}.{ending}"] for ending in ("json", suffix))
                facts = {"number": row["number"], **json.loads(told), "seconds": row["seconds"]}
                parts = {suffix: data}
                if codes is not None:
                    parts["codes"] = codes[index].values.to_numpy(zero_copy_only=False).tobytes()
            pictures.setdefault(row["number"], []).append(Record(facts, parts))
    except (OSError, ValueError, KeyError) as error:
        raise HSCError(f"The shard {shown(path.stem)} is damaged ({reason(error)}).") from error
    for number, records in pictures.items():
        if all(record.error is None for record in records):
            yield number, pack(records)


def _samples(tar: Path) -> dict[str, bytes]:
    """What a shard's tar file holds, by name."""
    with tar.open("rb") as file:
        found = {}
        for name, offset, length in members(tar):
            file.seek(offset)
            found[name] = file.read(length)
        return found


def _add_sample(archive: tarfile.TarFile, record: Record, options: Options) -> None:
    facts = {name: value for name, value in record.facts.items() if name not in ("seconds", "number")}
    told = json.dumps(facts, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
    for suffix, data in ((options.suffix, record.parts[options.suffix]), ("json", told)):
        member = tarfile.TarInfo(f"{record.facts['key']}.{suffix}")  # of no time, and owned by nobody
        member.size, member.mode = len(data), 0o644
        archive.addfile(member, io.BytesIO(data))


class _Table:
    """A shard's table, written a row group at a time."""

    def __init__(self, path: Path, options: Options) -> None:
        self._options, self._schema = options, schema(options)
        self._writer = parquet().ParquetWriter(path, self._schema, compression="zstd")
        self._rows: list[Record] = []

    def __enter__(self) -> _Table:
        return self

    def __exit__(self, kind: type[BaseException] | None, *others: Any) -> None:
        try:
            if kind is None:
                self._flush()
        finally:
            self._writer.close()

    def add(self, record: Record) -> None:
        """One more row."""
        self._rows.append(record)
        if len(self._rows) == _GROUP:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        values = []
        for column in self._schema:
            if column.name in self._options.columns:
                values.append(self._parts(column))
            else:
                values.append(pa.array([record.facts.get(column.name) for record in self._rows], column.type))
        self._writer.write_table(pa.table(values, self._schema))
        self._rows = []

    def _parts(self, column: Any) -> Any:
        import numpy as np
        import pyarrow as pa

        parts = [record.parts.get(column.name) for record in self._rows]
        if column.name == "codes":
            # Not null where there are none: readers refuse parquet's null lists of a fixed size.
            nothing = np.full(CODES, np.nan, np.float16)
            vectors = [nothing if part is None else np.frombuffer(part, np.float16) for part in parts]
            values = pa.array(np.concatenate(vectors) if vectors else nothing[:0], pa.float16())
            return pa.FixedSizeListArray.from_arrays(values, CODES)
        return pa.array(parts, column.type)


class _Tally:
    """What a shard's statistics count."""

    def __init__(self) -> None:
        self._statuses: Counter[str] = Counter()
        self._bytes = 0
        self._seconds = 0.0

    def add(self, record: Record) -> None:
        """One more record."""
        self._statuses[record.error or "success"] += 1
        self._bytes += record.facts.get("bytes") or 0
        self._seconds += record.facts["seconds"]

    def facts(self) -> dict[str, Any]:
        """Under img2dataset's names, where it has one."""
        successes = self._statuses["success"]
        return {
            "count": self._statuses.total(),
            "successes": successes,
            "failures": self._statuses.total() - successes,
            "bytes": self._bytes,
            "duration": round(self._seconds, 3),  # of the workers, added up
            "end_time": time.time(),
            "status_dict": dict(self._statuses.most_common()),
        }


def complete(folder: Path) -> set[str]:
    """Names of the shards of a folder that are complete."""
    with os.scandir(folder) as entries:
        return {entry.name[: -len(STATS)] for entry in entries if entry.name.endswith(STATS)}
