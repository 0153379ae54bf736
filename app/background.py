"""Work that reports its steps to a callback, as an iterator that can be left at any step."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any


class Stopped(Exception):
    """Nobody wants the result any more."""


@dataclass(frozen=True)
class Step:
    """So many of all steps are done."""

    done: int
    total: int


@dataclass(frozen=True)
class Given:
    """Something that the work has found on its way."""

    value: Any


@dataclass(frozen=True)
class Done:
    """The end, with what the work gave."""

    result: Any


class Report:
    """What work calls at every step, with steps done and steps in all.

    Raises, when called:
        Stopped: the work is to end there.
    """

    def __init__(self, news: queue.Queue, stopped: Callable[[], bool], between: Callable[[], None]) -> None:
        self._news, self._stopped, self._between = news, stopped, between

    def __call__(self, done: int, total: int) -> None:
        if self._stopped():
            raise Stopped
        self._news.put(Step(done, total))
        if done < total:
            self._between()
            if self._stopped():  # meanwhile
                raise Stopped

    def give(self, value: Any) -> None:
        """Hand something over before the end."""
        if self._stopped():
            raise Stopped
        self._news.put(Given(value))


def run(
    work: Callable[[Report], Any],
    stopped: Callable[[], bool] = lambda: False,
    between: Callable[[], None] = lambda: None,
) -> Iterator[Step | Given | Done]:
    """Run work in a thread; give its steps and what it finds as they come, and its result at last.

    Of steps, and of what was found, the latest alone is given: whoever looks late has no use for the older ones.

    Args:
        work: gets a :class:`Report`.
        stopped: is asked at every step; the work ends there if so, as it does when the iterator is closed.
        between: is called at every step, in the work's thread.

    Raises:
        Stopped: it was stopped.
        Exception: whatever the work raises.
    """
    news: queue.Queue = queue.Queue()
    left = threading.Event()

    def body() -> None:
        try:
            news.put(Done(work(Report(news, lambda: left.is_set() or stopped(), between))))
        except BaseException as error:  # handed over, whatever it is
            news.put(error)

    thread = threading.Thread(target=body, daemon=True, name="work")
    thread.start()
    try:
        while True:
            events = [news.get()]
            while not news.empty():
                events.append(news.get())
            yield from _latest(events, Given)
            yield from _latest(events, Step)
            if isinstance(events[-1], BaseException):
                raise events[-1]
            if isinstance(events[-1], Done):
                yield events[-1]
                return
    finally:
        left.set()
        thread.join()  # its place may only be given away when it has ended


def _latest(events: list, kind: type) -> list:
    """The last event of a kind, if there is one."""
    return [event for event in events if isinstance(event, kind)][-1:]
