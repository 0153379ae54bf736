"""Components of our own: their markup; their behaviour is ``static/studio.js``."""

from __future__ import annotations

import json
from html import escape
from typing import Any

import gradio as gr

from app import bounds
from app.kept import Kept


class RangeInput(gr.HTML):
    """A slider with a label, a value that says its unit, marks, a reset, and a scale that may be logarithmic.

    ``input`` is triggered while it moves and ``release`` when it is let go, by mouse, touch or keyboard.
    The value is a number; as an output also ``{"value": ..., "min": ..., "max": ..., "marks": [[at, text], ...]}``,
    and with ``"opening": True`` one that gives way to a visitor who has moved it already.

    Args:
        label: names the slider.
        minimum, maximum, value, step: as everywhere.
        unit: written after the value.
        spacing: ``"linear"``, or ``"log"`` for a scale that is linear at 0 and logarithmic far from it.
        marks: ``(at, text)`` below the track.
        tested: the part of the range that was tested; drawn on the track.
        home: where a double click or the reset button goes; no reset without it.
        playable: adds a button that plays the range from its minimum to its maximum.
        hint: one line below.
        signed: write ``+`` before positive values.
    """

    def __init__(
        self,
        label: str = "",
        minimum: float = 0.0,
        maximum: float = 1.0,
        value: float = 0.0,
        step: float = 1.0,
        *,
        unit: str = "",
        spacing: str = "linear",
        marks: list[tuple[float, str]] | None = None,
        tested: tuple[float, float] | None = None,
        home: float | None = None,
        playable: bool = False,
        hint: str = "",
        signed: bool = False,
        elem_id: str | None = None,
        elem_classes: list[str] | None = None,
        visible: bool = True,
        render: bool = True,
    ) -> None:
        options = {
            "min": minimum,
            "max": maximum,
            "value": value,
            "step": step,
            "unit": unit,
            "scale": spacing,
            "marks": marks or [],
            "tested": tested,
            "home": home,
            "signed": signed,
            "label": label,
        }
        name = escape(label)
        reset = play_button = ""
        if home is not None:
            reset = f'<button type="button" class="range-reset" aria-label="Reset {name}">Reset</button>'
        if playable:
            play_button = (
                '<button type="button" class="range-play" aria-label="Play the stream layer by layer">'
                '<span aria-hidden="true">▶</span> Play</button>'
            )
        super().__init__(
            {"value": value},
            label=label,
            html_template=(
                f'<div class="range" data-options="{escape(json.dumps(options))}">'
                f'<div class="range-head"><span class="range-label">{name}</span>{play_button}{reset}'
                f'<output class="range-value"></output></div>'
                f'<div class="range-track"><span class="range-tested"></span>'
                f'<input type="range" min="0" max="1000" step="any" aria-label="{name}"></div>'
                f'<div class="range-marks" aria-hidden="true"></div>'
                + (f'<p class="range-hint">{escape(hint)}</p>' if hint else "")
                + "</div>"
            ),
            js_on_load="window.hscRange(element, props, trigger, watch)",
            apply_default_css=False,
            elem_id=elem_id,
            elem_classes=["range-block", *(elem_classes or [])],
            visible=visible,
            render=render,
        )

    def get_block_name(self) -> str:
        return "html"

    def preprocess(self, payload: Any) -> float:
        return bounds.number(payload.get("value") if isinstance(payload, dict) else payload, self.label)

    def postprocess(self, value: Any) -> dict | None:
        if value is None:
            return None
        return value if isinstance(value, dict) else {"value": value}

    def api_info(self) -> dict[str, Any]:
        return {"type": "object"}


class Choices(gr.HTML):
    """Buttons made by the server, of which one is chosen; a click triggers ``select``.

    As an input the value is the ``data-index`` of the button that was clicked last, None before any; so it is always
    the newest one that a handler gets, however many clicks came before. As an output it is markup, in which every
    ``<button data-index=...>`` is a choice.

    Args:
        markup: to begin with.
        elem_id: of the element around it.
    """

    def __init__(self, markup: str = "", *, elem_id: str | None = None, render: bool = True) -> None:
        super().__init__(
            markup,
            html_template="${value ? value.markup : ''}",
            js_on_load="window.hscChoices(element, props, trigger, 'select')",
            apply_default_css=False,
            elem_id=elem_id,
            render=render,
        )

    def get_block_name(self) -> str:
        return "html"

    def preprocess(self, payload: Any) -> float | None:
        index = payload.get("index") if isinstance(payload, dict) else None
        if isinstance(index, bool) or not isinstance(index, (int, float)) or not abs(index) <= bounds.LARGEST:
            return None
        return float(index)

    def postprocess(self, value: str | None) -> dict:
        return {"markup": value or "", "index": None}

    def api_info(self) -> dict[str, Any]:
        return {"type": "object"}


class Keeper(gr.HTML):
    """Carries a face between the server and what the visitor's own browser keeps of it; there is nothing to see.

    As an output, a dictionary that the page keeps: the file goes into its address, the photo into the storage of this
    tab of the browser. As an input, what the page brings: an upload's path and what it belongs to. A file that is
    dropped or pasted anywhere on the page, or that another place would not take, triggers ``given``; a face that
    comes while the step with the edits is open, and shows none of this face, ``arrived``.
    """

    def __init__(self, *, elem_id: str | None = None, render: bool = True) -> None:
        super().__init__(
            None,
            html_template="",
            js_on_load="window.hscKeeper(element, props, trigger, watch, upload, 'given', 'arrived')",
            apply_default_css=False,
            elem_id=elem_id,
            render=render,
        )

    def get_block_name(self) -> str:
        return "html"

    def preprocess(self, payload: Any) -> Kept:
        brought = payload.get("brought") if isinstance(payload, dict) else None
        return Kept.read(brought if isinstance(brought, dict) else {})

    def postprocess(self, value: dict | None) -> dict | None:
        return value

    def api_info(self) -> dict[str, Any]:
        return {"type": "object"}


def zoom_grid(value: str = "", *, elem_id: str) -> gr.HTML:
    """Pictures side by side that zoom and pan together; see :func:`app.compare_cards.grid` for the markup."""
    script = "window.hscZoom(element, watch)"
    return gr.HTML(value, js_on_load=script, apply_default_css=False, elem_id=elem_id)


def stage(elem_id: str) -> gr.ImageSlider:
    """Two pictures of the same size under one divider."""
    return gr.ImageSlider(
        format="png",
        type="filepath",
        show_label=False,
        interactive=False,
        max_height=640,
        elem_id=elem_id,
        elem_classes="stage",
        buttons=["fullscreen"],
        container=False,
    )


class PhotoInput(gr.Image):
    """An image input that hands over the very file that was uploaded, unread.

    Decoding is left to :mod:`hsc.imaging.images`, which knows more formats, limits and errors.
    """

    def get_block_name(self) -> str:
        return "image"

    def preprocess(self, payload: Any) -> str | None:
        return None if payload is None else payload.path
