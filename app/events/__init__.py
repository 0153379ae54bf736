"""What happens when a visitor does something: one method for each event, one class for each step."""

from __future__ import annotations

from types import SimpleNamespace

import gradio as gr

from app.events.blend import BlendEvents
from app.events.compare import CompareEvents
from app.events.compress import CompressEvents
from app.events.edit import EditEvents
from app.events.films import FilmEvents
from app.events.group import GroupEvents
from app.events.recipes import RecipeEvents
from app.session import Sessions
from app.studio import Studio

MODEL = "model"
"""Concurrency id of what programs ask for, see :mod:`app.api`; visitors wait in :mod:`app.lanes`."""


class Events:
    """All handlers of the page, by step.

    Args:
        studio: runs the models.
        sessions: what is known of the visitors.
        ui: the page's components by name.
    """

    def __init__(self, studio: Studio, sessions: Sessions, ui: SimpleNamespace) -> None:
        self.sessions = sessions
        self.compress = CompressEvents(studio, sessions, ui)
        self.edit = EditEvents(studio, sessions, ui)
        self.films = FilmEvents(studio, sessions, ui)
        self.blend = BlendEvents(studio, sessions, ui)
        self.group = GroupEvents(studio, sessions, ui)
        self.recipes = RecipeEvents(studio, sessions, ui)
        self.compare = CompareEvents(studio, sessions, ui)

    def leave(self, request: gr.Request) -> None:
        """The page was closed: what runs for it stops, and its files are deleted."""
        self.sessions.close(request.session_hash)


__all__ = ["MODEL", "Events"]
