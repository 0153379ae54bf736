"""What a page's state costs, and that it is the same for all that."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import gradio as gr

from app.page_states import PageStates


def run(coroutine: Coroutine) -> Any:
    """In a thread of its own: a browser's event loop may be in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


def _page() -> tuple[gr.Blocks, list, object]:
    with gr.Blocks() as demo:
        outputs = [gr.Textbox(), gr.Slider(), gr.Button("old")]
        gr.Button().click(lambda: None, None, outputs)
    return demo, outputs, next(iter(demo.default_config.fns.values()))


def test_pages_have_a_state_each_and_remember_what_was_changed() -> None:
    demo, (text, _, button), function = _page()
    states = PageStates()
    states.set_blocks(demo)
    run(demo.postprocess_data(function, {button: gr.Button(interactive=False)}, states["one"]))
    assert states["one"][button._id].interactive is False and states["two"][button._id].interactive
    assert states["one"] is states["one"] and states["two"].config_values == {}
    assert states["one"].state_data is not states["two"].state_data and states["two"][text._id] is text
