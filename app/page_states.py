"""Gradio's state of each open page, without what it keeps for links of its own kind."""

from __future__ import annotations

from copy import copy
from functools import cached_property
from typing import Any

from gradio.state_holder import SessionState, StateHolder


class PageStates(StateHolder):
    """Takes the place of the running app's ``state_holder``.

    For "deep links", which bring a page back and which this app makes otherwise, Gradio describes all components of
    each new page, and again each one that a call changes: together more work than the previews of a slider.
    """

    def __getitem__(self, session_id: str) -> SessionState:
        if session_id not in self.session_data:
            self.session_data[session_id] = self._new()
        return super().__getitem__(session_id)

    def _new(self) -> SessionState:
        state = copy(self._fresh)
        state.blocks_config = copy(self.blocks.default_config)
        state.blocks_config.config_for_block = _undescribed  # type: ignore[method-assign]
        state.config_values, state.state_data, state._state_ttl = {}, {}, {}
        return state

    @cached_property
    def _fresh(self) -> SessionState:
        return SessionState(self.blocks)


def _undescribed(*_: Any) -> dict[str, Any]:
    return {}
