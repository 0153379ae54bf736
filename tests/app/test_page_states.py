"""What a page's state costs, and that it is the same for all that."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from app.page_states import PageStates
from app.prepared import PreparedPictures
from app.session import Picture, Session


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


def test_a_prepared_picture_is_drawn_once_and_every_visitor_has_a_file(tmp_path: Path) -> None:
    prepared, drawn = PreparedPictures(most=1), []

    def file(session: Session, key: str) -> Path:
        def draw() -> Path:
            drawn.append(key)
            return session.folder.png(Image.new("RGB", (8, 8)), "restored", "A picture.")

        return prepared.file(session, "restored.png", key, draw)

    one, other, own = Session(), Session(), Session()
    one.picture = other.picture = Picture("example", example="beard")
    own.picture = Picture("mine")
    first, second = file(one, "a"), file(other, "a")
    assert first != second and first.read_bytes() == second.read_bytes() and drawn == ["a"]
    one.close()
    assert second.exists() and not first.exists()
    file(own, "a"), file(own, "a")
    assert drawn == ["a", "a", "a"]  # a visitor's own face is remembered nowhere
    file(other, "b"), file(other, "a")
    assert drawn[3:] == ["b", "a"]
    for session in (other, own):
        session.close()
