from __future__ import annotations

import os
import sys
import threading
import time

import pytest

from app import background
from app.background import Done, Step, Stopped
from app.lanes import LATER, NEXT, SOON, BusyError, Lane
from app.session import Picture, Session
from app.turns import Turns


def test_a_lane_serves_by_rank_and_arrival_and_says_who_is_before() -> None:
    lane = Lane(1, 2.0, 8)
    with lane.enter() as first, lane.enter() as second, lane.enter() as third, lane.enter(SOON) as preview:
        assert first.wait(0) and not second.wait(0)
        assert [ticket.before for ticket in (first, preview, second, third)] == [0, 1, 2, 3]
        assert third.seconds == 6.0
    assert lane.idle


def test_a_preview_goes_before_the_first_picture_of_a_page_and_that_before_everything_else() -> None:
    lane = Lane(1, 1.0, 8)
    with lane.enter(), lane.enter(LATER) as large, lane.enter(NEXT) as first, lane.enter(SOON) as preview:
        assert [ticket.before for ticket in (preview, first, large)] == [1, 2, 3]


def test_a_full_lane_refuses_with_a_number_and_a_time() -> None:
    lane = Lane(1, 3.0, 2)
    with lane.enter(), lane.enter():
        with pytest.raises(BusyError, match="2 are before you.*about 6 s"), lane.enter():
            pass
    assert lane.idle


def test_a_place_is_free_again_whoever_leaves() -> None:
    lane = Lane(1, 1.0, 8)
    with pytest.raises(KeyError), lane.place():
        raise KeyError
    with lane.enter() as served:
        with lane.enter():
            pass
        assert served.wait(0)
    assert lane.idle


@pytest.mark.skipif(sys.platform != "linux", reason="only on Linux has every thread a priority")
def test_an_encode_steps_back_and_whoever_asked_for_it_does_not(studio, monkeypatch) -> None:
    found: list[int] = []

    def priority() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    def improve(*_):
        found.append(priority())
        yield b"a file"

    before, session = priority(), Session()
    monkeypatch.setattr(studio, "_improve", improve)
    assert studio.encode(session, Picture("nobody's"), 500) == b"a file"
    assert found == [max(10, before)] and priority() == before
    session.close()


def test_work_that_is_left_while_others_go_first_does_no_further_step() -> None:
    steps: list[int] = []
    left = threading.Event()

    def work(report):
        for step in range(3):
            steps.append(step)
            report(step, 3)

    with pytest.raises(Stopped):
        list(background.run(work, left.is_set, between=left.set))
    assert steps == [0]


def test_background_work_ends_at_the_step_at_which_it_is_left() -> None:
    done = []

    def work(report):
        for step in range(1, 1000):
            done.append(step)
            report(step, 1000)
            time.sleep(0.005)

    steps = background.run(work)
    assert isinstance(next(steps), Step)
    steps.close()
    reached = len(done)
    time.sleep(0.05)
    assert reached < 1000 and len(done) == reached
    with pytest.raises(Stopped):
        list(background.run(work, stopped=lambda: len(done) > reached + 3))


def test_background_work_hands_over_its_result_and_its_errors() -> None:
    assert list(background.run(lambda report: 7)) == [Done(7)]
    with pytest.raises(ZeroDivisionError):
        list(background.run(lambda report: 1 / 0))


def test_a_newer_turn_waits_until_the_older_has_ended() -> None:
    turns, order = Turns(), []
    begun = threading.Event()

    def older() -> None:
        with turns.take() as turn:
            begun.set()
            while not turn.over:
                time.sleep(0.01)
            time.sleep(0.05)
            order.append("older")

    thread = threading.Thread(target=older)
    thread.start()
    begun.wait()
    with turns.take() as turn:
        order.append("newer")
        assert not turn.over
        turns.close()
        assert turn.over
    thread.join()
    assert order == ["older", "newer"]
