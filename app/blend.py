"""Blending with another face: the other one, and the place on the page for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np

from app import cards
from app.controls import Choices, RangeInput, stage
from app.examples import Example
from hsc.semantics import Semantics

BOTH, CODES, FEATURES = "both", "codes", "features"
"""What of the other face is blended in: all, S alone, F alone."""


@dataclass
class Other:
    """The face that a session's own is blended with.

    Attributes:
        title: what to call it.
        semantics: decoded, its stored edits included.
        landmarks: (68, 2), as shares of the side; None where they cannot be seen.
    """

    title: str
    semantics: Semantics
    landmarks: np.ndarray | None


def shares(amount: float, what: str | None) -> tuple[float, float]:
    """How much of S and how much of F is the other's."""
    amount = min(max(0.0, amount), 1.0)
    return (0.0 if what == FEATURES else amount), (0.0 if what == CODES else amount)


def build(ui: SimpleNamespace, examples: Sequence[Example]) -> None:
    """The place, folded up until somebody wants it."""
    with gr.Accordion("Blend with another face", open=False, elem_id="blend"):
        with gr.Row(elem_classes="sources", equal_height=False):
            with gr.Column(scale=5, min_width=320):
                ui.blend_caption = gr.HTML("", apply_default_css=False)
                ui.blend_stage = stage("blend-stage")
            with gr.Column(scale=5, min_width=320):
                ui.blend_faces = Choices(strip(examples), elem_id="blend-faces")
                ui.blend_file = gr.UploadButton("Another .hsc file", size="sm", elem_id="blend-hsc")
                ui.blend_amount = RangeInput(
                    "How much of the other face",
                    0.0,
                    1.0,
                    0.5,
                    0.01,
                    home=0.5,
                    elem_id="blend-amount",
                    hint="0 is your face, 1 the other: the pictures of the two files themselves.",
                )
                ui.blend_what = gr.Radio(
                    [("S and F", BOTH), ("S alone: meaning", CODES), ("F alone: shape", FEATURES)],
                    value=BOTH,
                    label="What of it",
                    container=False,
                    elem_id="blend-what",
                )
                with gr.Row(elem_classes="downloads"):
                    ui.blended = gr.DownloadButton(
                        "Blended PNG", interactive=False, size="sm", elem_id="download-blend"
                    )


def strip(examples: Sequence[Example], chosen: int | None = None) -> str:
    """The prepared faces to choose from."""
    buttons = "".join(
        f'<button type="button" data-index="{index}" title="{escape(example.title)}"'
        f' aria-label="Blend with: {escape(example.title)}" aria-pressed="{str(index == chosen).lower()}">'
        f'<img src="{example.thumbnail()}" width="56" height="56" alt=""></button>'
        for index, example in enumerate(examples)
    )
    return f'<div class="blend-row" role="group" aria-label="Faces to blend with">{buttons}</div>' if buttons else ""


def caption(other: str, codes: float, features: float) -> str:
    """What is seen on the left and on the right."""
    if codes == features:
        mixed = f"{100 * codes:.0f}% {other}"
    else:
        mixed = f"{100 * codes:.0f}% of S, {100 * features:.0f}% of F of {other}"
    return cards.caption("Yours", mixed, "a blend of two faces", "blend-stage")


def wire(ui: SimpleNamespace, events: Any) -> None:
    """Which handler answers to what."""
    hidden = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": None}
    choice, slide = {**hidden, "trigger_mode": "multiple"}, {**hidden, "trigger_mode": "always_last"}
    how = [ui.blend_amount, ui.blend_what]
    results = [ui.blend_stage, ui.blend_caption, ui.blended, ui.blend_faces]
    ui.blend_faces.select(events.pick, [ui.blend_faces, *how], results, **choice)
    ui.blend_file.upload(events.open_other, [ui.blend_file, *how], results, **choice)
    ui.blend_amount.input(events.preview, how, [ui.blend_stage, ui.blend_caption], **slide)
    ui.blend_amount.release(events.blend, how, results, **slide)
    ui.blend_what.input(events.blend, how, results, **slide)
