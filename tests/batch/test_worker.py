"""Workers are processes: one that ends is replaced, and its picture is tried once more."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from hsc.batch.options import DecodeOptions, EncodeOptions, Job
from hsc.batch.records import unpack
from hsc.batch.sources import CODED, find
from hsc.batch.worker import Worker
from hsc.errors import HSCError
from hsc.imaging.images import SUFFIXES


@pytest.fixture
def job(pictures):
    source, items = find(str(pictures), SUFFIXES)
    return Job(EncodeOptions(align=False, refine=0, quality=0, max_bytes=None), source), items


def test_a_worker_that_is_killed_is_replaced(job):
    worker = Worker(job[0])
    try:
        [record] = unpack(worker.run(1, job[1][1]))
        first = worker._process.pid
        assert record.error is None and record.facts["number"] == 1
        os.kill(first, signal.SIGKILL)
        [again] = unpack(worker.run(1, job[1][1]))
        assert worker._process.pid != first
        assert again.parts == record.parts
    finally:
        worker.close()
    with pytest.raises(HSCError, match="ended"):
        worker.run(1, job[1][1])


@pytest.mark.slow
def test_a_picture_that_ends_two_workers_is_a_record(job):
    worker = Worker(job[0])
    seen: set[int] = set()
    stop = threading.Event()

    def kill_each() -> None:
        """Any worker that is asked for a picture ends, as a decoder that crashes would end it."""
        while not stop.is_set():
            process = worker._process
            if process is not None and loaded(process.pid):
                seen.add(process.pid)
                process.kill()
            time.sleep(0.005)

    def loaded(pid: int) -> bool:
        try:
            return os.readlink(f"/proc/{pid}/fd/2") == os.devnull
        except OSError:
            return False

    killer = threading.Thread(target=kill_each)
    killer.start()
    try:
        [record] = unpack(worker.run(1, job[1][1]))
    finally:
        stop.set()
        killer.join()
        worker.close()
    assert record.error == "The process that had the picture was ended by signal 9, as for want of memory."
    assert record.facts["key"] == job[1][1].key and len(seen) == 2


def test_a_worker_that_takes_too_long_is_ended(job):
    worker = Worker(job[0])
    try:
        worker.run(0, job[1][0])
        worker._patience = 0.01  # for the next picture; and the worker that is to replace this one has no time either
        with pytest.raises(HSCError, match="No worker can be started. .* took more than 0 seconds"):
            worker.run(1, job[1][1])
    finally:
        worker.close()


def test_what_no_picture_is_to_blame_for_ends_the_run(tmp_path):
    (tmp_path / "a.hsc").write_bytes(b"")
    source, [item] = find(str(tmp_path), CODED)
    worker = Worker(Job(DecodeOptions(edits=(("nonsense", 1.0),)), source))
    try:
        with pytest.raises(HSCError, match="nonsense"):
            worker.run(0, item)
    finally:
        worker.close()
