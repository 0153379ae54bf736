"""What handlers return on its way to the page: the same as Gradio's own, for less, and without loss."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import gradio as gr
import pytest
from gradio.state_holder import SessionState

from app.outputs import of_what_is_said, sent_whole


def run(coroutine: Coroutine) -> Any:
    """In a thread of its own: a browser's event loop may be in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


def _page() -> tuple[gr.Blocks, list, Any]:
    with gr.Blocks() as demo:
        outputs = [gr.Textbox(), gr.Slider(), gr.Button("old"), gr.State(1), gr.Plot()]
        gr.Button().click(lambda: None, None, outputs)
    return demo, outputs, next(iter(demo.default_config.fns.values()))


def _returned(outputs: list) -> list[Any]:
    text, slider, button, state, plot = outputs
    return [
        {text: "new"},
        {text: "new", button: gr.Button("new", interactive=False)},
        {state: 2, slider: gr.Slider(value=3, maximum=5)},
        {plot: gr.Plot(value=None, visible=False), text: gr.skip()},
        gr.skip(),
        ["new", 3, gr.skip(), 4, None],
        {text: "new", slider: 1, button: "b", state: 5, plot: None},
    ]


@pytest.mark.parametrize("case", range(7))
def test_a_page_is_sent_what_gradio_would_send(case: int) -> None:
    found = []
    for less in (False, True):
        demo, outputs, function = _page()
        state = SessionState(demo)
        process = of_what_is_said(demo.postprocess_data) if less else demo.postprocess_data
        data = run(process(function, _returned(outputs)[case], state))
        about = [(each.interactive, each.label) for each in (state[outputs[1]._id], state[outputs[2]._id])]
        found.append((data, about, state[outputs[3]._id]))
    assert found[0] == found[1]


def test_no_component_is_made_for_what_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    demo, outputs, function = _page()
    monkeypatch.setattr(gr.Slider, "__init__", lambda *_, **__: pytest.fail("made anew"))
    run(of_what_is_said(demo.postprocess_data)(function, {outputs[0]: "new"}, SessionState(demo)))


def test_of_two_messages_that_arrive_at_once_neither_is_lost() -> None:
    """The page makes edits in the object that it may still have to show: no edit may reach into one."""
    demo, outputs, function = _page()
    demo.handle_streaming_diffs = sent_whole(demo)
    nothing = {"__type__": "update"}
    shown = [nothing, {**nothing, "visible": True}, nothing, nothing]

    def sent(value: dict, final: bool = False) -> list:
        data = [None if final else dict(value)] * len(outputs)
        return demo.handle_streaming_diffs(function, data, session_hash="one", run="a", final=final)

    first, *edits = (sent(value)[0] for value in shown)
    assert first == nothing and edits == [[["replace", [], shown[1]]], [["replace", [], nothing]], []]
    assert sent({}, final=True)[0] == nothing
    assert sent(shown[1])[0] == shown[1]  # of the next call
    assert demo.handle_streaming_diffs(function, [3], session_hash=None, run=None, final=False) == [3]
