"""Gradio's queue with turns that are fair, bounds for each visitor, and no work for callers who have gone.

The original takes calls in the order in which they came: a program that sends two dozen at once has the server to
itself, and what it does not wait for is computed all the same.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import fastapi
from gradio.block_function import BlockFunction
from gradio.data_classes import PredictBodyInternal
from gradio.queueing import Event, Queue
from gradio.server_messages import EventMessage, ProcessCompletedMessage

from app import messages
from app.guard import Listeners, address_of
from app.limits import Limits

_HALF_LIFE = 60.0
"""Seconds after which half of what somebody was served is forgotten."""


class Served:
    """Seconds of work that visitors had lately, to let those go first who had little.

    Args:
        clock: gives seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._had: dict[str, tuple[float, float]] = {}

    def add(self, visitor: str, seconds: float) -> None:
        """Somebody was served for so long."""
        self._had[visitor] = self.of(visitor) + seconds, self._clock()
        if len(self._had) > 10_000:
            self._had = {key: value for key, value in self._had.items() if self.of(key) > 0.1}

    def of(self, visitor: str) -> float:
        """Seconds that somebody had lately; older ones count less."""
        seconds, then = self._had.get(visitor, (0.0, 0.0))
        return seconds * math.exp2(-(self._clock() - then) / _HALF_LIFE)


class FairQueue(Queue):
    """See the module; takes the place of ``Blocks._queue``.

    Args:
        like: the queue whose settings are taken over.
        listeners: who waits for which call.
        limits: bounds for each visitor.
    """

    def __init__(self, like: Queue, listeners: Listeners, limits: Limits) -> None:
        super().__init__(
            like.live_updates,
            like.max_thread_count,
            like.update_intervals,
            None,
            like.blocks,
            like.default_concurrency_limit,
        )
        self._listeners, self._limits = listeners, limits
        self._served, self._looked = Served(), 0.0
        self.sleep_when_free = max(self.sleep_when_free, 0.004)  # a look at all who wait costs more than at the first
        self.dropped = 0
        """Calls that were dropped, since nobody listened."""

    async def push(
        self, body: PredictBodyInternal, request: fastapi.Request, username: str | None
    ) -> tuple[bool, Any, Any]:
        """Take one more call.

        Raises:
            fastapi.HTTPException: too many wait, of this visitor or of all; it says how many, and for how long. (Gradio
                would answer 503, for which its page has a sentence of its own, without either.)
        """
        self._drop_unheard()
        calls = [event for event in self.event_ids_to_events.values() if event.alive]
        address = address_of(request.scope)
        from_address = sum(address_of(event.request.scope) == address for event in calls)
        of_session = sum(event.session_hash == body.session_hash for event in calls) if body.session_hash else 0
        if len(calls) >= self._limits.events:
            raise self._refusal(f"{len(calls)} requests are before you, about {{}} s: please try again then.", calls)
        if from_address >= self._limits.events_each or of_session >= self._limits.events_session:
            mine = of_session if of_session >= self._limits.events_session else from_address
            raise self._refusal(f"{mine} of your requests wait already, about {{}} s: please wait for one.", calls)
        return await super().push(body, request, username)

    def get_events(self) -> tuple[list[Event], bool, str] | None:
        """The next call to run: of those that somebody waits for, the one whose visitor had least."""
        if time.monotonic() > self._looked + 1:
            self._drop_unheard()
        best: tuple[tuple[float, float, float], Event, str] | None = None
        for key, lane in self.event_queue_per_concurrency_id.items():
            if lane.concurrency_limit is not None and lane.current_concurrency >= lane.concurrency_limit:
                continue
            for event in lane.queue:
                if not self._heard(event):
                    continue
                address = address_of(event.request.scope)
                order = (self._served.of(address), self._served.of(event.session_hash), event.enqueue_time)
                if best is None or order < best[0]:
                    best = order, event, key
        if best is None:
            return None
        _, event, key = best
        self.event_queue_per_concurrency_id[key].queue.remove(event)
        return [event], False, key

    async def process_events(self, events: list[Event], batch: bool, begin_time: float, fn: BlockFunction) -> None:
        """Run calls, and count the time for whose they are."""
        begun = time.monotonic()
        try:
            await super().process_events(events, batch, begin_time, fn)
        finally:
            for event in events:
                self._served.add(address_of(event.request.scope), time.monotonic() - begun)
                self._served.add(event.session_hash, time.monotonic() - begun)

    def send_message(self, event: Event, event_message: EventMessage) -> None:
        """Hand a message on; what an error tells of the server's folders is left out."""
        if isinstance(event_message, ProcessCompletedMessage) and not event_message.success:
            said = event_message.output.get("error")
            if isinstance(said, str):
                event_message.output["error"] = messages.without_folders(said)
        super().send_message(event, event_message)

    def compute_analytics_summary(self, records: Any) -> Any:
        """Nothing: the original goes through ten thousand calls after each, for a page that is not served."""
        return self.cached_event_analytics_summary

    def _heard(self, event: Event) -> bool:
        return event.session_hash in self._listeners or event._id in self._listeners

    def _drop_unheard(self) -> None:
        """Forget calls whose callers went away without a word, or never came to listen."""
        self._looked = time.monotonic()
        oldest = self._looked - self._limits.listen_seconds
        for lane in self.event_queue_per_concurrency_id.values():
            for event in [event for event in lane.queue if event.enqueue_time < oldest and not self._heard(event)]:
                lane.queue.remove(event)
                self._forget(event)
                self.dropped += 1
        for session in [key for key, waiting in self.pending_event_ids_session.items() if not waiting]:
            if session not in self._listeners:  # Gradio would keep an empty entry for every page that ever was
                self._forget_session(session)

    def _forget(self, event: Event) -> None:
        event.alive = False
        self.event_ids_to_events.pop(event._id, None)
        waiting = self.pending_event_ids_session.get(event.session_hash)
        if waiting is not None:
            waiting.discard(event._id)
            if not waiting:
                self._forget_session(event.session_hash)

    def _forget_session(self, session: str) -> None:
        self.pending_event_ids_session.pop(session, None)
        if session in self.pending_messages_per_session:
            del self.pending_messages_per_session[session]

    def _refusal(self, sentence: str, calls: list[Event]) -> fastapi.HTTPException:
        seconds = f"{self._seconds(calls):.0f}"
        return fastapi.HTTPException(429, sentence.format(seconds), {"Retry-After": seconds})

    def _seconds(self, calls: list[Event]) -> float:
        """About how long these take, one after the other."""
        times = [self.process_time_per_fn[event.fn].avg_time for event in calls if event.fn in self.process_time_per_fn]
        return max(1.0, sum(times) + (len(calls) - len(times)))


def still_wanted() -> bool:
    """Whether somebody waits for the call that this thread works for; True outside of calls."""
    from gradio.context import LocalContext

    blocks, event_id = LocalContext.blocks.get(None), LocalContext.event_id.get(None)
    if blocks is None or event_id is None:
        return True
    event = blocks._queue.event_ids_to_events.get(event_id)
    return event is None or event.alive
