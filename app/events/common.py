"""What the handlers of all three steps share."""

from __future__ import annotations

import functools
import inspect
import logging
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import gradio as gr

from app import cards, languages, memory, messages
from app.background import Stopped
from app.guard import caller
from app.lanes import Ticket
from app.session import Session, Sessions
from app.studio import Studio
from app.view import View
from hsc.errors import HSCError

_PATIENCE = 0.7
"""Seconds after which somebody who waits is told so."""
_PATIENCE_EACH, _PATIENCE_MOST = 0.2, 5.0
"""Seconds between two words, for each who is before: in a crowd, telling everybody would be most of the work."""

log = logging.getLogger(__name__)


def refuse(error: HSCError) -> None:
    """Say what a visitor can act on."""
    gr.Warning(languages.said(messages.sentence(error)), duration=8)


def user_errors(method: Callable) -> Callable:
    """Show what a visitor can act on as one sentence, and never a traceback; the page stays as it was.

    Handlers that show their work as it goes are generators; ``after_error`` of their class then says what else is to
    be shown, such as that nothing is being done any more.
    """
    if inspect.isgeneratorfunction(method):
        return _showing(method)

    @functools.wraps(method)
    def handler(self: Handlers, *arguments: Any, **keywords: Any) -> Any:
        try:
            return method(self, *arguments, **keywords)
        except gr.Error:
            raise
        except Exception as error:
            _say(error, method.__name__)
        finally:
            memory.release_soon()
        return gr.skip()

    return handler


def _showing(method: Callable) -> Callable:
    """The same for a generator.

    Gradio empties the outputs of one that ends without having given anything: it is made to give that nothing changes.
    """

    @functools.wraps(method)
    def steps(self: Handlers, request: gr.Request, *arguments: Any, **keywords: Any) -> Iterator[Any]:
        given = False
        try:
            for view in method(self, request, *arguments, **keywords):
                given = True
                yield view
        except (GeneratorExit, gr.Error):
            raise
        except Stopped:
            pass
        except Exception as error:
            _say(error, method.__name__)
            given = True
            yield self.rest(request)
        finally:
            memory.release_soon()
        if not given:
            yield gr.skip()

    return steps


def _say(error: Exception, name: str) -> None:
    if isinstance(error, HSCError):
        refuse(error)
    else:
        log.error("%s failed", name, exc_info=error)
        gr.Warning(languages.said(messages.BROKEN), duration=8)


class Handlers:
    """What handlers need.

    Args:
        studio: runs the models.
        sessions: what is known of the visitors.
        ui: the page's components by name.
    """

    def __init__(self, studio: Studio, sessions: Sessions, ui: SimpleNamespace) -> None:
        self.studio, self.sessions, self.ui = studio, sessions, ui
        self.view = View(studio, ui)

    def session(self, request: gr.Request) -> Session:
        """The visitor's."""
        return self.sessions.get(request.session_hash or "", caller(request))

    def after_error(self, request: gr.Request) -> Any:
        """What a page shows after a refusal, beside its reason."""
        return gr.skip()

    def rest(self, request: gr.Request) -> Any:
        """The same, or nothing where the visitor has no session."""
        try:
            return self.after_error(request)
        except HSCError:
            return gr.skip()


def wait_for(ticket: Ticket, what: str) -> Iterator[str | None]:
    """Wait for a turn: how many are before and about how long that takes, ever anew; None where that was said just now.

    Args:
        ticket: of a lane.
        what: waits.
    """
    told = -_PATIENCE_MOST
    while not ticket.wait(_PATIENCE):
        now = time.monotonic()
        if now - told < min(_PATIENCE_MOST, _PATIENCE_EACH * ticket.before):
            yield None
            continue
        told = now
        yield f"{what}: busy, {ticket.before} before you, about {max(1, round(ticket.seconds))} s."


def said(ticket: Ticket, place: Any, rested: dict) -> Iterator[dict]:
    """Wait for a turn, and say so where it takes long.

    Args:
        ticket: of a lane.
        place: the component that says it.
        rested: what is shown after it was said.
    """
    told = False
    for words in wait_for(ticket, "The large picture"):
        if words:
            told = True
            yield {place: cards.progress(words)}
    if told:
        yield rested
