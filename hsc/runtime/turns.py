"""Computations of one process that take turns, instead of asking for more cores than there are."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")


class Turns:
    """A lock that is handed on in the order in which it was asked for; a context manager.

    An ordinary lock mostly goes to the thread that has just released it, and the others starve.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiting: deque[threading.Event] = deque()
        self._taken = False

    def __enter__(self) -> None:
        with self._guard:
            if not self._taken:
                self._taken = True
                return
            called = threading.Event()
            self._waiting.append(called)
        try:
            called.wait()
        except BaseException:  # an interrupt: whoever comes next must not wait for this thread
            with self._guard:
                if called in self._waiting:
                    self._waiting.remove(called)
                else:
                    self._hand_on()
            raise

    def __exit__(self, *_: object) -> None:
        with self._guard:
            self._hand_on()

    def _hand_on(self) -> None:
        if self._waiting:
            self._waiting.popleft().set()
        else:
            self._taken = False

    def each(self, items: Iterable[Item]) -> Iterator[Item]:
        """The items; each is made in a turn of its own, and used outside of it."""
        iterator = iter(items)
        while True:
            with self:
                try:
                    item = next(iterator)
                except StopIteration:
                    return
            yield item


ENCODING = Turns()
"""Taken for each step of an encode. Each step uses all threads: several side by side would only displace each other."""
