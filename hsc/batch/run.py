"""A run from its plan to its last shard: begun, gone on with, or found to be complete."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from hsc.batch import plan as plans
from hsc.batch import shards
from hsc.batch.journal import Journal
from hsc.batch.options import SHARD_SIZE, Job, Options, Source
from hsc.batch.plan import Plan
from hsc.batch.records import unpack
from hsc.batch.sources import Item
from hsc.errors import HSCError
from hsc.runtime import atomic
from hsc.runtime.names import reason, shown

JOURNAL = ".journal"
"""Ends the name of a shard's journal, which begins with ``_``."""


class Engine(Protocol):
    """What carries pictures to workers."""

    workers: int

    def run(self, job: Job, tasks: Iterator[tuple[int, Item]]) -> Generator[tuple[int, bytes], None, None]:
        """Number and packed records of each picture, in any order; see :mod:`hsc.batch.work` for what is done."""
        ...


@dataclass
class Summary:
    """Where a run stands.

    Attributes:
        pictures: of the plan.
        done: pictures that are done, now or before.
        before: of these, before.
        shards: of the plan.
        complete: shards that are.
        records: of the pictures that were done now.
        failures: of these records.
    """

    pictures: int
    shards: int
    before: int = 0
    done: int = 0
    complete: int = 0
    records: int = 0
    failures: int = 0


@dataclass
class _Run:
    """A run at work: its journals, and what is known to be done."""

    plan: Plan
    summary: Summary
    progress: Callable[[Summary], None]
    journals: dict[int, Journal] = field(default_factory=dict)

    def journal(self, shard: int) -> Journal:
        """The open journal of a shard."""
        if shard not in self.journals:
            self.journals[shard] = Journal(self.plan.folder / f"_{self.plan.name(shard)}{JOURNAL}")
        return self.journals[shard]

    def tasks(self, todo: list[int]) -> Iterator[tuple[int, Item]]:
        """The pictures that are to be done of these shards, in order."""
        for shard in todo:
            journal = self.journals.get(shard)
            for number, item in zip(self.plan.numbers(shard), self.plan.items(shard)):
                if journal is None or number not in journal:
                    yield number, item

    def take(self, number: int, body: bytes) -> None:
        """Write down what became of a picture, and put its shard together if it was the last."""
        shard = number // self.plan.shard_size
        journal = self.journal(shard)
        if number in journal:
            return  # a cluster may do a picture twice
        journal.append(number, body)
        found = unpack(body)
        self.summary.records += len(found)
        self.summary.failures += sum(record.error is not None for record in found)
        self.summary.done += 1
        self.finish(shard)
        self.progress(self.summary)

    def finish(self, shard: int) -> bool:
        """Put a shard together if all its pictures are done, and say whether they are."""
        journal, numbers = self.journal(shard), self.plan.numbers(shard)
        if len(journal) < len(numbers):
            return False
        shards.write(self.plan, shard, journal.bodies(numbers))
        self.journals.pop(shard).remove()
        self.summary.complete += 1
        return True

    def close(self) -> None:
        """Leave the journals to a later run."""
        for journal in self.journals.values():
            with contextlib.suppress(OSError):
                journal.close()


def run(
    options: Options,
    given: str,
    folder: Path,
    engine: Engine,
    *,
    device: str = "cpu",
    shard_size: int = SHARD_SIZE,
    limit: int | None = None,
    column: str | None = None,
    retry_errors: bool = False,
    begin: Callable[[Summary], None] = lambda summary: None,
    progress: Callable[[Summary], None] = lambda summary: None,
) -> Summary:
    """Begin a run, or go on with the one that is in the folder.

    Args:
        options: what to do.
        given: input, see :func:`hsc.batch.sources.find`.
        folder: for the shards; made if it is not there.
        engine: what does the work.
        device: of PyTorch, on which the engine's workers compute.
        shard_size: pictures in a shard.
        limit: only the first so many pictures.
        column: of parquet files, that holds the pictures.
        retry_errors: whether pictures that failed in complete shards are done again.
        begin: told how much is done already, before the first picture.
        progress: told after every picture.

    Raises:
        HSCError: the run cannot begin or go on; the message says what is done.
    """

    def job_of(source: Source) -> Job:
        return Job(options, source, device)

    with plans.held(folder):
        plan, known = plans.make(folder, job_of, given, shard_size, limit, column)
        state = _Run(plan, Summary(plan.pictures, plan.shards), progress)
        try:
            todo = _resume(state, retry_errors) if known else list(range(plan.shards))
            state.summary.before = state.summary.done
            begin(state.summary)
            if state.summary.done < plan.pictures:
                with contextlib.closing(engine.run(plan.job, state.tasks(todo))) as results:
                    for number, body in results:
                        state.take(number, body)
        except (OSError, HSCError) as error:
            raise _ended(state.summary, folder, error) from error
        finally:
            state.close()
    return state.summary


def _resume(state: _Run, retry_errors: bool) -> list[int]:
    """Find what is done, put together the shards that only lack that, and return those that lack more."""
    plan, summary = state.plan, state.summary
    with contextlib.suppress(OSError):
        for path in plan.folder.glob(f"{atomic.PREFIX}*"):  # of a run that was killed
            path.unlink()
    journals = {path.name for path in plan.folder.glob(f"_*{JOURNAL}")}
    complete, todo = shards.complete(plan.folder), []
    for shard in range(plan.shards):
        name = plan.name(shard)
        journal = f"_{name}{JOURNAL}"
        count = len(plan.numbers(shard))
        stats = shards.read_stats(plan, shard) if name in complete else None
        if stats and not (retry_errors and stats["failures"]):
            if journal in journals:  # removed last
                (plan.folder / journal).unlink(missing_ok=True)
            summary.done += count
            summary.complete += 1
            continue
        if stats:
            for number, body in shards.done_well(plan, shard):
                if number not in state.journal(shard):
                    state.journal(shard).append(number, body)
        if stats or journal in journals:
            summary.done += len(state.journal(shard))
            if state.finish(shard):
                continue
        todo.append(shard)
    return todo


def _ended(summary: Summary, folder: Path, error: OSError | HSCError) -> HSCError:
    """The sentence that a run ends in."""
    said = str(error) if isinstance(error, HSCError) else f"{shown(folder)} cannot be written: {reason(error)}."
    return HSCError(
        f"{said} {summary.done:,} of {summary.pictures:,} pictures and {summary.complete:,} of {summary.shards:,} "
        "shards are done; the same command goes on from there."
    )
