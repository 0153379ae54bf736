"""All faces of a photo at once: what a visitor has made of them, and the place on the page for it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import gradio as gr

from app import cards, editing
from app.controls import stage
from hsc.media import group_photo
from hsc.media.group_photo import Group, Member

if TYPE_CHECKING:
    from app.session import Session

MOST = 8
"""Faces of one photo that are compressed, the largest first."""
NOBODY, EVERYBODY, CHOSEN = "", "all", "one"
"""Whom the edits of the second step are for."""


@dataclass
class Faces:
    """What a session has made of all faces of its photo.

    Attributes:
        upload: the photo's file.
        recipes: strengths of edits of each face that has some, by its index.
    """

    upload: Path | None
    recipes: dict[int, dict] = field(default_factory=dict)

    def edit(self, whom: str, chosen: int, strengths: Mapping[Any, float], count: int) -> None:
        """Give the visitor's edits to all faces, to the chosen one beside what others have, or take all away."""
        active = {key: value for key, value in strengths.items() if value}
        if whom == CHOSEN:
            self.recipes[chosen] = active
        else:
            self.recipes = {index: dict(active) for index in range(count)} if whom == EVERYBODY else {}


def of(session: Session) -> Faces:
    """That of a session's photo; what was made of another one is forgotten."""
    upload = session.picture.upload if session.picture is not None else None
    if session.group is None or session.group.upload != upload:
        session.group = Faces(upload)
    return session.group


def build(ui: SimpleNamespace) -> None:
    """The place, which is seen where a photo has several faces."""
    with gr.Column(visible=False, elem_id="group") as ui.group:
        with gr.Row(elem_classes="downloads"):
            ui.group_make = gr.Button("All faces at once", size="sm", elem_id="make-group", min_width=140)
            ui.group_whom = gr.Radio(
                [("Without edits", NOBODY), ("My edits on all faces", EVERYBODY), ("On the chosen face only", CHOSEN)],
                value=NOBODY,
                label="Edits of the second step",
                container=False,
                elem_id="group-whom",
            )
        ui.group_progress = gr.HTML(cards.progress(), apply_default_css=False, elem_id="group-progress")
        with gr.Column(visible=False, elem_id="group-result") as ui.group_result:
            ui.group_facts = gr.HTML("", apply_default_css=False, elem_id="group-facts")
            ui.group_stage = stage("group-stage")
            with gr.Row(elem_classes="downloads"):
                ui.group_picture = gr.DownloadButton("Whole picture, PNG", size="sm", elem_id="download-group")
                ui.group_files = gr.DownloadButton("All .hsc files", size="sm", elem_id="download-group-files")


def outputs(ui: SimpleNamespace) -> list:
    """What a handler of another step may change of it, see :func:`offered`."""
    return [ui.group, ui.group_make, ui.group_result]


def wire(ui: SimpleNamespace, events: Any) -> None:
    """Which handler answers to what."""
    results = [*outputs(ui), ui.group_facts, ui.group_stage, ui.group_picture, ui.group_files, ui.group_progress]
    press = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": None, "trigger_mode": "once"}
    made = ui.group_make.click(events.make, [ui.group_whom], results, **press)
    made.success(None, js="() => window.hscInSight('group-result')", api_visibility="private")
    ui.group_whom.input(events.apply, [ui.group_whom], results, **{**press, "trigger_mode": "always_last"})


def offered(ui: SimpleNamespace, session: Session) -> dict:
    """Whether there is something to choose, and whether what was made is of this photo."""
    faces = session.picture.faces
    result = session.group is not None and session.group.upload == session.picture.upload
    return {
        ui.group: gr.Column(visible=len(faces) > 1),
        ui.group_make: gr.Button(_button(len(faces))),
        **({} if result else {ui.group_result: gr.Column(visible=False)}),
    }


def _button(count: int) -> str:
    return f"All {count} faces at once" if count <= MOST else f"The {MOST} largest faces at once"


def facts(group: Group, recipes: Mapping[int, Mapping]) -> str:
    """Bytes together, and of each face, with its edits; and the shape of the photo, for the stylesheet."""
    lines = []
    for index, member in enumerate(group.members):
        edits = recipes.get(index)
        more = f" <span>{escape(editing.described(edits))}</span>" if edits else ""
        size = f"<span>{cards.amount(len(member.data))}</span>"
        lines.append(f"<li><b>Face {index + 1}</b> {size}{more}</li>")
    width, height = group.size
    return (
        f"<style>#group-stage {{ --shape: {width / height:.4f}; }}</style>"
        f'<div class="group-facts"><p><strong>{cards.amount(group.bytes)}</strong> for {len(group.members)} faces;'
        f" what is around them is your photo’s.</p><ol>{''.join(lines)}</ol></div>"
    )


def archive(group: Group, recipes: Mapping[int, Mapping]) -> bytes:
    """A ZIP file of all files, with the edits that they can hold, as ``hsc group decode`` takes them."""
    members = [
        Member(editing.with_edits(member.data, recipes.get(index, {})) or member.data, member.where)
        for index, member in enumerate(group.members)
    ]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in group_photo.files(Group(group.size, tuple(members))):
            archive.writestr(name, data)
    return buffer.getvalue()
