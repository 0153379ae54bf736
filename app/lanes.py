"""Who waits for whom: the one place that states the order of work.

===== ============================================== ======== =================================================
lane  what                                           at once  waits for
===== ============================================== ======== =================================================
look  decoding, previews, edits, prepared examples   1        other looks; previews go first, then examples
find  opening a photo and finding its faces          1        other photos
code  compressing a photo                            1        other photos, one of each visitor
work  *Sharpen*, a film                              1        other work
rival another codec on the main stage                1        other rivals
(own) comparisons, in a queue of Gradio's            1        other comparisons
===== ============================================== ======== =================================================

Nobody stands in a lane for somebody in another one. The lanes share the processor, though: between two of its steps,
work of a later lane lets the lanes before it finish first, for a second at most, so that all of them go on.

Under load the page degrades in this order: where more than :data:`CROWD` wait, strengths of previews go in steps of
0.05, of which those of prepared faces are drawn once for all, a large picture is announced by its small preview, and of
a photo that is being compressed the last file alone is drawn; then a visitor is told how many are before them and about
how long that takes, then (:data:`Lane.most` waiting) that there is no place.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from hsc.errors import HSCError

CROWD = 2
"""With more than so many before it, a large picture is announced by its small preview."""
SOON, NEXT, LATER = range(3)
"""Ranks within a lane: previews while a slider moves, prepared faces that a page begins with, and everything else."""
_GIVE_WAY = 1.0
_SMOOTHING = 0.3


class BusyError(HSCError):
    """There is no place in a lane."""


class Ticket:
    """One place in a lane, see :meth:`Lane.enter`."""

    def __init__(self, lane: Lane, rank: int) -> None:
        self._lane, self.rank = lane, rank
        # One for each, for the processor's sake: a lane that called all fifty who wait would have each look up.
        self.called = threading.Event()

    @property
    def before(self) -> int:
        """How many come before this one, those that are being served included."""
        return self._lane._before(self)

    @property
    def seconds(self) -> float:
        """About how long they take, by what took place before."""
        return self.before * self._lane.seconds / self._lane.places

    def wait(self, timeout: float | None = None) -> bool:
        """Whether its turn has come, after at most so many seconds; None waits until it has."""
        return self.called.wait(timeout)


class Lane:
    """Work of one kind, so many at once, in the order of rank and arrival.

    Args:
        places: how many are served at once.
        seconds: about how long one takes, until that was measured.
        most: how many may wait or be served.
    """

    def __init__(self, places: int, seconds: float, most: int) -> None:
        self.places, self.seconds, self.most = places, seconds, most
        self._waiting: list[Ticket] = []
        self._served: set[Ticket] = set()
        self._lock = threading.Lock()

    @contextmanager
    def enter(self, rank: int = LATER) -> Iterator[Ticket]:
        """A ticket; its place is free again at the end, whether its turn had come or not.

        Raises:
            BusyError: the lane is full.
        """
        ticket = Ticket(self, rank)
        with self._lock:
            if len(self) >= self.most:
                raise BusyError(
                    f"Many visitors are here right now: {len(self)} are before you. "
                    f"Please try again in about {max(1, round(self._all_seconds()))} s."
                )
            after = (i for i, other in enumerate(self._waiting) if other.rank > rank)
            self._waiting.insert(next(after, len(self._waiting)), ticket)
            self._serve()
        begun = time.monotonic()
        try:
            yield ticket
        finally:
            with self._lock:
                if ticket in self._served:
                    self._served.discard(ticket)
                    took = time.monotonic() - getattr(ticket, "began", begun)
                    self.seconds += _SMOOTHING * (took - self.seconds)
                else:
                    self._waiting.remove(ticket)
                self._serve()

    @contextmanager
    def place(self, rank: int = LATER) -> Iterator[None]:
        """Wait for a turn, and have it until the end.

        Raises:
            BusyError: the lane is full.
        """
        with self.enter(rank) as ticket:
            ticket.wait()
            yield

    def __len__(self) -> int:
        """How many are here, waiting or served."""
        return len(self._waiting) + len(self._served)

    @property
    def idle(self) -> bool:
        """Whether nobody is here."""
        return not len(self)

    def _all_seconds(self) -> float:
        return len(self) * self.seconds / self.places

    def _serve(self) -> None:
        while self._waiting and len(self._served) < self.places:
            ticket = self._waiting.pop(0)
            ticket.began = time.monotonic()
            self._served.add(ticket)
            ticket.called.set()

    def _before(self, ticket: Ticket) -> int:
        with self._lock:
            if ticket not in self._waiting:
                return 0
            return self._waiting.index(ticket) + len(self._served)


class Lanes:
    """All lanes of one server, the first to go first."""

    def __init__(self) -> None:
        self.look = Lane(1, 0.7, 48)
        self.find = Lane(1, 0.7, 24)
        self.code = Lane(1, 4.0, 16)
        self.work = Lane(1, 12.0, 8)
        self.rival = Lane(1, 3.0, 12)

    def give_way(self, lane: Lane) -> None:
        """To be called between two steps of work in a lane: the lanes before it may finish, for a second at most."""
        until = time.monotonic() + _GIVE_WAY
        for first in (self.look, self.find, self.code):
            if first is lane:
                break
            while not first.idle and time.monotonic() < until:
                time.sleep(0.02)
