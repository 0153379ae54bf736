"""What the handlers of all three steps share."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr

from app import memory, messages
from app.session import Picture, Session, Sessions
from app.studio import Studio
from hsc.errors import HSCError

log = logging.getLogger(__name__)


def refuse(error: HSCError) -> None:
    """Say what a visitor can act on."""
    gr.Warning(messages.sentence(error), title="That did not work", duration=8)


def designed(method: Callable) -> Callable:
    """Show what a visitor can act on as one sentence, and never a traceback; the page stays as it was."""

    @functools.wraps(method)
    def handler(self: Handlers, *arguments: Any, **keywords: Any) -> Any:
        try:
            return method(self, *arguments, **keywords)
        except HSCError as error:
            refuse(error)
        except gr.Error:
            raise
        except Exception:
            log.exception("%s failed", method.__name__)
            gr.Warning(messages.BROKEN, title="Sorry", duration=8)
        finally:
            memory.release()
        return gr.skip()

    return handler


class Handlers:
    """Handlers of the page.

    Args:
        studio: runs the models.
        sessions: what is known of the visitors.
        ui: the page's components by name.
    """

    def __init__(self, studio: Studio, sessions: Sessions, ui: SimpleNamespace) -> None:
        self.studio, self.sessions, self.ui = studio, sessions, ui

    def _session(self, request: gr.Request) -> Session:
        return self.sessions.get(request.session_hash or "")

    @staticmethod
    def _picture(session: Session) -> Picture:
        if session.picture is None:
            raise HSCError("The page was idle for too long and its face is gone; please choose one again.")
        return session.picture

    def _left(self, session: Session) -> Path:
        """The left picture of the first step: the original, or the mean face where a bitstream was opened."""
        if session.left is None or not session.left.exists():
            crop = session.picture.crop
            left = crop or self.studio.codec.render(self.studio.codec.parse(b""))
            note = "The aligned face as it was given." if crop else "The mean face of HSC: synthetic."
            session.left = session.folder.png(left, "original" if crop else "mean-face", note)
        return session.left

    def _restored(self, session: Session, size: int) -> Path:
        """The large picture of the first ``size`` bytes of the session's bitstream."""
        layers, semantics = self.studio.prefix(session, size)
        path = session.restored.get(layers)
        if path is None or not path.exists():
            picture = self.studio.codec.render(semantics)
            note = f"Face restored by HSC from {size} bytes; not a photograph."
            path = session.restored[layers] = session.folder.png(picture, "restored", note)
        return path


def clicked(event: gr.EventData) -> float:
    """The ``data-index`` of the button that was clicked."""
    return float(event._data["index"])
