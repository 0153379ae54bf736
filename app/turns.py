"""What a visitor asked for last is what is shown, however fast they ask."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_PATIENCE = 20.0


class Turn:
    """One request for a face or a file; the next one, or the end of the visit, makes it pointless."""

    def __init__(self, turns: Turns, number: int) -> None:
        self._turns, self._number, self._stopped = turns, number, False

    @property
    def over(self) -> bool:
        """Whether nobody wants its result any more."""
        return self._turns.closed or self._turns.newest != self._number

    @property
    def stopped(self) -> bool:
        """Whether the visitor is content with what is there."""
        return self._stopped or self.over

    def stop(self) -> None:
        """Be content with what is there."""
        self._stopped = True


class Turns:
    """The requests of one visitor, of which the newest counts.

    A new one waits until those before it have ended, which they do at their next step, so that nothing of theirs
    reaches the page after it.
    """

    def __init__(self) -> None:
        self.newest, self.closed = 0, False
        self._numbers = itertools.count(1)
        self._running: dict[int, Turn] = {}
        self._changed = threading.Condition()

    @contextmanager
    def take(self) -> Iterator[Turn]:
        """The newest turn."""
        with self._changed:
            number = self.newest = next(self._numbers)
            turn = self._running[number] = Turn(self, number)
            self._changed.wait_for(lambda: min(self._running) == number or self.newest != number, _PATIENCE)
        try:
            yield turn
        finally:
            with self._changed:
                del self._running[number]
                self._changed.notify_all()

    def stop(self) -> None:
        """Let what is running be content with what is there."""
        with self._changed:
            for turn in self._running.values():
                turn.stop()

    def close(self) -> None:
        """The visit is over: nothing that is running is of any use."""
        with self._changed:
            self.closed = True
            self._changed.notify_all()
