"""What becomes of one picture: a record for each of its faces, or one that says why there is none.

Records travel from workers to the run, and lie in its journal, as bytes: JSON for what is small, and parts as they are.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from hsc.batch.sources import Item

_SIZES = struct.Struct("<II")


@dataclass(frozen=True)
class Record:
    """One row of the table, and one sample of the tar file where nothing went wrong.

    Attributes:
        facts: columns by name. All have ``number`` (of the picture in the run), ``key``, ``source``, ``error`` and
            ``seconds``.
        parts: bytes by name: the member of the tar file by its suffix, and further columns.
    """

    facts: dict[str, Any]
    parts: dict[str, bytes] = field(default_factory=dict)

    @property
    def error(self) -> str | None:
        """Why there is nothing, as a sentence; None where all is well."""
        return self.facts.get("error")


def failed(number: int, item: Item, sentence: str, seconds: float = 0.0) -> Record:
    """The record of a picture of which nothing came."""
    return Record(
        {"number": number, "key": item.key, "source": item.name, "error": sentence, "seconds": round(seconds, 3)}
    )


def pack(records: Iterable[Record]) -> bytes:
    """Records as bytes."""
    pieces = []
    for record in records:
        head = json.dumps([record.facts, [[name, len(part)] for name, part in record.parts.items()]]).encode()
        pieces += [_SIZES.pack(len(head), sum(map(len, record.parts.values()))), head, *record.parts.values()]
    return b"".join(pieces)


def unpack(data: bytes) -> list[Record]:
    """The records that :func:`pack` took."""
    records, start = [], 0
    while start < len(data):
        head, body = _SIZES.unpack_from(data, start)
        start += _SIZES.size
        facts, sizes = json.loads(data[start : start + head])
        start += head
        parts = {}
        place = start
        for name, size in sizes:
            parts[name] = data[place : place + size]
            place += size
        start += body
        records.append(Record(facts, parts))
    return records
