"""What happens when a visitor does something: one method for each event, one module for each step."""

from __future__ import annotations

import gradio as gr

from app.events.compare import CompareEvents
from app.events.compress import CompressEvents

MODEL = "model"
"""Concurrency id that all events share which run the networks for a second at most."""


class Events(CompressEvents, CompareEvents):
    """All handlers of the page."""

    def leave(self, request: gr.Request) -> None:
        """The page was closed."""
        self.sessions.close(request.session_hash)


__all__ = ["MODEL", "Events"]
