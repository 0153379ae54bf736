"""Branches run beside each other, with a share of the threads, and leave the setting as it was."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import torch

from hsc.runtime.branches import side_by_side


@pytest.fixture(params=[1, 2, 4])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def test_each_has_its_share_of_the_threads_and_the_caller_keeps_all(threads: int) -> None:
    own = side_by_side(torch.get_num_threads, torch.get_num_threads)
    assert own == [max(threads // 2, 1)] * 2
    assert torch.get_num_threads() == threads
    later: list[int] = []
    thread = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert later == [threads]


def test_two_branches_run_at_the_same_time_where_there_are_two_threads(threads: int) -> None:
    meeting = threading.Barrier(2, timeout=5)
    if threads < 2:
        meeting.abort()
        with pytest.raises(threading.BrokenBarrierError):
            side_by_side(meeting.wait, meeting.wait)
    else:
        assert sorted(side_by_side(meeting.wait, meeting.wait)) == [0, 1]


def test_what_a_branch_raises_reaches_the_caller_after_both_have_ended(threads: int) -> None:
    def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        side_by_side(lambda: 1, fail)
    assert torch.get_num_threads() == threads
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("hsc-branch")]


def test_a_thread_that_cannot_be_started_is_an_error_not_a_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    before, start, started = torch.get_num_threads(), threading.Thread.start, []

    def start_one(self: threading.Thread) -> None:
        if started:
            raise RuntimeError("can't start new thread")
        started.append(self)
        start(self)

    monkeypatch.setattr(threading.Thread, "start", start_one)
    torch.set_num_threads(2)
    try:
        with pytest.raises(RuntimeError, match="start"):
            side_by_side(lambda: 1, lambda: 2)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
