"""What the page shows of a session: the values of its components, for the handlers of all steps to return."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
from PIL import Image

import directions
from app import cards, editing, group, kept, plots, recipes
from app.prepared import PreparedPictures, PreparedValues
from app.rivals import OFFERED
from app.session import Session
from app.studio import Studio
from hsc.errors import HSCError
from hsc.imaging import corner_mark
from hsc.imaging.provenance import DigitalSource

_PREVIEW = "preview"
_PREVIEWS = 500
"""Previews of edited prepared faces that are remembered, 90 kB each."""


_PARTS = 200
"""Small pictures and plots of prepared faces that are remembered, some tens of kB each."""


class View:
    """Builds outputs; every method is called under the session's lock, and returns values by component.

    Args:
        studio: renders the pictures.
        ui: the page's components by name.
    """

    def __init__(self, studio: Studio, ui: SimpleNamespace) -> None:
        self._studio, self._ui = studio, ui
        self._prepared, self._prepared_previews = PreparedPictures(), PreparedPictures(_PREVIEWS)
        self._prepared_parts = PreparedValues(_PARTS)

    # ------------------------------------------------------------------ work

    def working(self, text: str, done: int = 0, total: int = 0, stop: bool = False) -> dict:
        """What is being done for the first step.

        Args:
            stop: whether it can be stopped.
        """
        return {self._ui.progress: cards.progress(text, done, total), self._ui.stop: gr.Button(visible=stop)}

    def rested(self) -> dict:
        """Nothing is being done."""
        return self.working("")

    def crop(self, session: Session) -> dict:
        """A face that there is no file of yet: the aligned crop, and nothing of the face before."""
        ui, picture, left = self._ui, session.picture, str(self.left(session))
        return {
            ui.stage: (left, left),
            ui.caption: cards.caption("Original", "Compressing", picture.description, "stage"),
            ui.numbers: cards.pending(),
            ui.bytemap: "",
            ui.layers: gr.Plot(value=None, visible=False),
            ui.notes: cards.notes(picture.notes),
            ui.faces: cards.face_picker(picture.small, picture.size, picture.faces, picture.face),
            **group.offered(ui, session),
            ui.compare_sharp: gr.Button(visible=False),
            **self._waiting_buttons(),
        }

    def _waiting_buttons(self) -> dict:
        ui = self._ui
        idle = [ui.file, ui.restored, ui.edited, ui.edited_file]
        return {button: gr.DownloadButton(interactive=False) for button in idle} | {
            button: gr.Button(interactive=False)
            for button in (ui.sharpen, ui.film, ui.morph, ui.link, ui.arrive, ui.wipe)
        }

    # ------------------------------------------------------------------ a file

    def first(self, session: Session) -> dict:
        """The first file of a face, to be followed by better ones."""
        more = {self._ui.received: self._stream(session), self._ui.kept: self.kept(session)}
        return self.received(session, self.size(session)) | more

    def whole(self, session: Session, note: str = "") -> dict:
        """A file in all three steps, with the visitor's edits.

        Args:
            note: something to say of it.
        """
        ui, picture, whole = self._ui, session.picture, self._studio.whole(session)
        size = self.size(session)
        session.file = session.folder.data(self.file(session), "face.hsc")
        notes = [*picture.notes, *([note] if note else []), *self._recipe(session)]
        view = self._edited(session) | self.received(session, size)
        view |= {
            ui.received: self._stream(session),
            ui.notes: cards.notes(notes),
            ui.faces: cards.face_picker(picture.small, picture.size, picture.faces, picture.face),
            **group.offered(ui, session),
            ui.sharpen: gr.Button(interactive=picture.crop is not None and bool(whole.layers)),
            ui.compare_sharp: gr.Button(visible=False),
            ui.beside: gr.Radio(visible=picture.crop is not None),
            ui.file: gr.DownloadButton(
                value=str(session.file), label=f"Download .hsc, {cards.amount(size)}", interactive=bool(size)
            ),
            ui.link: gr.Button(interactive=bool(size)),
            ui.film: gr.Button(interactive=True),
            ui.morph: gr.Button("Film (MP4)", interactive=True),
            ui.grid: cards.empty("Not compared yet", "Open this step and the codecs start to work."),
            ui.table: "",
            ui.plot: gr.Plot(value=None, visible=False),
            ui.metric: gr.Radio(visible=False),
            ui.csv: gr.DownloadButton(value=None, visible=False),
            ui.html: gr.DownloadButton(value=None, visible=False),
            ui.arrival: gr.Video(value=None, visible=False),
            ui.made: gr.File(value=None, visible=False),
            ui.arrive: gr.Button("Film of it arriving", interactive=bool(size)),
            ui.wipe: gr.Button(interactive=True),
            ui.strip: "",
            ui.pasted: gr.Image(value=None, visible=False),
            ui.video: gr.Video(value=None, visible=False),
            ui.paste: gr.Button(visible=picture.alignment is not None),
            ui.kept: self.kept(session),
        }
        return view | self.sliders(session) | self.rested() | self.recipe(session) | {ui.presets: ""}

    def recipe(self, session: Session) -> dict:
        """The visitor's edits as text, and the versions that were before and after."""
        ui, history = self._ui, session.history
        version = history.follow(session.strengths)
        if not version.picture and session.edited is not None and session.edited.exists():
            edit, path = _edit(session, session.strengths), session.edited

            def draw() -> str:
                with Image.open(path) as image:
                    return cards.small(image.convert("RGB"), 64)

            version.picture = draw() if edit is None else self._prepared_parts.get(session, ("small", edit), draw)
        shown = [
            (editing.described(each.strengths) if each.strengths else "unedited", each.picture)
            for each in history.versions
        ]
        return {
            ui.recipe: recipes.written(session.strengths),
            ui.versions: cards.version_strip(shown, history.at),
            ui.undo: gr.Button(interactive=history.at > 0),
            ui.redo: gr.Button(interactive=history.at + 1 < len(history.versions)),
        }

    def sliders(self, session: Session, opening: bool = False) -> dict:
        """Every edit slider at the strength of the visitor's recipe.

        Args:
            opening: the sliders have just come into the page; one that was moved since stays where it is.
        """
        view: dict[Any, Any] = {}
        for name, slider in self._ui.sliders.items():
            view[slider] = self._reaching(name, session.strengths.get(name, 0.0))
        view[self._ui.own_strength] = {"value": session.strengths.get(session.foreign, 0.0)}
        return {slider: value | {"opening": True} for slider, value in view.items()} if opening else view

    @staticmethod
    def _reaching(name: str, strength: float) -> dict:
        """A slider at a strength; a file may hold one that is beyond what the slider offers."""
        low, high = editing.reach(directions.load(name))
        return {"value": strength, "min": min(low, strength), "max": max(high, strength)}

    def _stream(self, session: Session) -> dict:
        """The slider of bytes received, at its end, with a mark for every layer."""
        size = self.size(session)
        marks = [[layer.end, layer.name] for layer in self._studio.whole(session).layers]
        return {"value": size, "max": size, "marks": marks}

    def _recipe(self, session: Session) -> list[str]:
        """Says which edits are at work where the first step does not show them."""
        if not session.strengths or session.picture.crop is None:
            return []
        return [f"Your edits are kept for the next step: {editing.described(session.strengths)}."]

    @staticmethod
    def file(session: Session) -> bytes:
        """The file that is offered: that of a photo, or the one that was opened, with the edits it holds now."""
        if session.picture.crop is not None:
            return session.data
        return editing.with_edits(session.data, session.strengths) or session.data

    def size(self, session: Session) -> int:
        """Bytes of :meth:`file`."""
        return len(self.file(session))

    def kept(self, session: Session) -> dict:
        """What the visitor's browser keeps: the file with its edits, and where it finds the photo."""
        picture = session.picture
        stored = editing.with_edits(session.data, session.strengths) or session.data
        photo = picture.upload if session.folder.holds(picture.upload) else None
        return {
            "file": kept.encoded(stored),
            "photo": None if photo is None else str(photo),
            "crop": str(self.left(session)) if picture.crop is not None else None,
            "name": picture.title,
            "face": picture.face,
            "example": picture.example,
            "bytes": session.max_bytes,
        }

    # ------------------------------------------------------------------ the first step

    def left(self, session: Session) -> Path:
        """The left picture: the original; of a file that was opened, the face without its edits."""
        if session.picture.crop is None:
            return self.restored(session, len(session.data))
        if session.left is None or not session.left.exists():
            session.left = self._prepared.file(
                session, "original.png", "original", lambda: self._draw_original(session)
            )
        return session.left

    def _draw_original(self, session: Session) -> Path:
        note = "The aligned face as it was given."
        return session.folder.png(session.picture.crop, "original", note, self._origin(session))

    @staticmethod
    def _origin(session: Session) -> DigitalSource | None:
        """How the original came about: most examples were made by the generator from nobody's photo."""
        return DigitalSource.CREATED if session.picture.synthetic else None

    def restored(self, session: Session, size: int) -> Path:
        """The large picture of the first ``size`` bytes of the session's bitstream, without edits."""
        layers, semantics = self._studio.prefix(session, size)
        path = session.restored.get(layers)
        if path is None or not path.exists():
            note = f"Face restored by HSC from {size} bytes; not a photograph."

            def draw() -> Path:
                picture = self._studio.codec.render(semantics)
                return session.folder.png(picture, "restored", note, _source(layers))

            path = self._prepared.file(session, "restored.png", (session.data, size), draw)
            session.restored[layers] = path
        return path

    def received(self, session: Session, size: int) -> dict:
        """The large picture of a prefix, and everything that says how long it is."""
        path = self._large(session, size)
        self.keep_shown(session, path)
        stored, whole = self.size(session), self._studio.whole(session)
        if size == stored:  # what a page begins with
            key = "layers", session.data, stored
            layers = self._prepared_parts.get(session, key, lambda: plots.layers(stored, whole, size))
        else:
            layers = plots.layers(stored, whole, size)
        return self._beside(session, size, path) | {
            self._ui.layers: gr.Plot(value=layers, visible=True),
            self._ui.restored: self._download(session, path),
        }

    def received_preview(self, session: Session, size: int) -> dict:
        """The same with a small picture, while the slider moves or many visitors wait."""
        if self._has_edits(session, size) and session.edited is not None and session.edited.exists():
            return self._beside(session, size, session.edited)
        layers, semantics = self._studio.prefix(session, size)
        path = session.restored.get(layers) or session.previews.get(layers)
        if path is None or not path.exists():
            preview = self._studio.codec.render_preview(semantics)
            note = f"Preview of a face restored by HSC from {size} bytes."
            path = session.folder.png(preview, "preview", note, _source(layers))
            session.previews[layers] = path
        return self._beside(session, size, path)

    def _has_edits(self, session: Session, size: int) -> bool:
        """Whether the first step shows edits: those of a whole file that was opened."""
        return session.picture.crop is None and bool(session.strengths) and size >= self.size(session)

    def _large(self, session: Session, size: int) -> Path:
        return self.edited_picture(session) if self._has_edits(session, size) else self.restored(session, size)

    def _beside(self, session: Session, size: int, path: Path) -> dict:
        rival = session.beside.at(size) if session.beside.key and session.picture.crop is not None else None
        left = self.left(session) if rival is None else rival[0]
        return {
            self._ui.stage: (str(left), str(path)),
            self._ui.caption: self._caption(session, size, None if rival is None else rival[1]),
            self._ui.numbers: self._numbers(session, size),
            self._ui.bytemap: cards.byte_map(self.file(session), self._studio.whole(session), size),
        }

    def _caption(self, session: Session, size: int, rival: int | None = None) -> str:
        right = f"Restored from {cards.amount(size)}"
        if rival is not None:
            over = f", {rival / size:.0f}× more" if size and rival >= 2 * size else ""
            left, right = f"{OFFERED[session.beside.key]}, {cards.amount(rival)}{over}", f"HSC, {cards.amount(size)}"
        elif session.picture.crop is not None:
            left = "Original"
        elif self._has_edits(session, size):
            left, right = "Without its edits", f"{right}: {editing.described(session.strengths)}"
        else:
            left = "Without its edits" if session.strengths else f"All {cards.amount(len(session.data))}"
        return cards.caption(left, right, session.picture.description, "stage", size)

    def _numbers(self, session: Session, size: int) -> str:
        whole = self._studio.whole(session)
        _, semantics = self._studio.prefix(session, size)
        return cards.numbers(
            self.size(session),
            size,
            semantics,
            max(whole.total_layers, len(whole.layers)),
            session.picture.upload_bytes if not session.picture.synthetic else 0,
        )

    # ------------------------------------------------------------------ the second step

    def edited(self, session: Session) -> dict:
        """The large edited picture and its downloads; the first step as well, where it shows them."""
        view = self._edited(session) | {self._ui.kept: self.kept(session)} | self.recipe(session)
        if session.picture.crop is None:
            view |= self._opened(session)
        return view

    def _opened(self, session: Session) -> dict:
        """The first step of a file that was opened, whose edits have changed."""
        ui, size = self._ui, self.size(session)
        session.file = session.folder.data(self.file(session), "face.hsc")
        label = f"Download .hsc, {cards.amount(size)}"
        return self.received(session, size) | {
            ui.received: self._stream(session),
            ui.file: gr.DownloadButton(value=str(session.file), label=label, interactive=bool(size)),
        }

    def _edited(self, session: Session) -> dict:
        ui, active = self._ui, session.strengths
        path, before = self.edited_picture(session), self.restored(session, len(session.data))
        self.keep_shown(session)
        stored = editing.with_edits(session.data, active)
        return {
            ui.edit_stage: (str(before), str(path)),
            ui.edit_caption: cards.caption(
                "Restored",
                editing.described(active).capitalize() if active else "Move a slider",
                session.picture.description,
                "edit-stage",
            ),
            ui.edited: self._download(session, path),
            ui.edited_file: gr.DownloadButton(
                value=str(session.folder.data(stored, "edited.hsc")) if stored else None,
                label=f"Edited .hsc, {cards.amount(len(stored))}" if stored else "Edited .hsc",
                interactive=bool(stored),
            ),
        }

    @staticmethod
    def _download(session: Session, path: Path) -> gr.DownloadButton:
        """Offers a picture, with the visible mark in its corner where the visitor wants it."""
        if session.visible_mark:
            with Image.open(path) as image:
                marked, note = corner_mark.draw(image), str(image.info.get("Comment", ""))
            path = session.folder.png(marked, f"{path.stem}-marked", note)
        return gr.DownloadButton(value=str(path), interactive=True)

    def downloads(self, session: Session) -> dict:
        """The pictures that are offered."""
        size = self.size(session)
        restored, edited = self._large(session, size), self.edited_picture(session)
        return {
            self._ui.restored: self._download(session, restored),
            self._ui.edited: self._download(session, edited),
        }

    def edited_preview(self, session: Session, strengths: dict) -> dict:
        """A small picture of an edit, drawn where :meth:`seen_preview` has none."""

        def draw() -> Path:
            preview = self._studio.codec.render_preview(self.moved(session, strengths))
            return session.folder.png(preview, _PREVIEW, "Preview of a face edited by HSC: synthetic.")

        seen = self.seen_preview(session, strengths)
        if seen is not None:
            return seen
        edit = _edit(session, strengths)
        path = draw() if edit is None else self._prepared_previews.file(session, f"{_PREVIEW}.png", edit, draw)
        return self._edited_beside(session, path)

    def seen_preview(self, session: Session, strengths: dict) -> dict | None:
        """The same where there is nothing to draw; else None.

        There is the large picture where the slider was let go already, or is back where it was; and of a prepared face
        what anybody has seen.
        """
        path, edit = session.edited, _edit(session, strengths)
        active = {key: value for key, value in strengths.items() if value}
        if path is None or active != session.strengths or not path.exists():
            path = None if edit is None else self._prepared_previews.known(session, f"{_PREVIEW}.png", edit)
        return None if path is None else self._edited_beside(session, path)

    def _edited_beside(self, session: Session, path: Path) -> dict:
        return {self._ui.edit_stage: (str(self.restored(session, len(session.data))), str(path))}

    def edited_picture(self, session: Session) -> Path:
        """The large picture with the session's strengths."""
        if session.edited is None or not session.edited.exists():
            if session.strengths:
                picture = self._studio.codec.render(self.moved(session, session.strengths))
                note = editing.note(len(session.data), session.strengths)
                session.edited = session.folder.png(picture, "edited", note)
            else:
                session.edited = self.restored(session, len(session.data))
        return session.edited

    def moved(self, session: Session, strengths: dict) -> Any:
        """The session's face moved along directions."""
        return editing.move(self._studio.codec, self._studio.whole(session), strengths)

    def keep_shown(self, session: Session, *others: Path) -> None:
        """Nothing that the page shows or offers may be pushed out or deleted for its age."""
        whole = session.restored.get(len(self._studio.whole(session).layers))
        shown = [session.left, session.file, whole, session.edited, session.foreign_file, session.blurred]
        session.folder.keep(*shown, session.picture.upload, *others)


def _edit(session: Session, strengths: dict) -> Hashable | None:
    """Stands for a face and what is done to it; None where a visitor's own direction does it, which goes with them."""
    if any(not isinstance(key, str) for key, value in strengths.items() if value):
        return None
    return session.data, frozenset((key, value) for key, value in strengths.items() if value)


def _source(layers: int) -> DigitalSource:
    """Without a layer there is nothing of a photo in a picture: the mean of all faces."""
    return DigitalSource.EDITED if layers else DigitalSource.CREATED


def face(session: Session) -> None:
    """Refuse what needs a face where there is none.

    Raises:
        HSCError: there is none yet, or none any more.
    """
    if session.ready:
        return
    if session.picture is not None or session.turns.newest:
        raise HSCError("The face is still on its way: this can be done as soon as it is here.")
    raise HSCError("The page was idle for too long, and its face is gone here; reload the page to bring it back.")
