"""The second step: slide edits over what was decoded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from app import cards, editing
from app.events.common import Handlers, clicked, designed
from app.session import Session
from app.studio import reopen
from hsc import alignment, film
from hsc.errors import HSCError


class EditEvents(Handlers):
    """Handlers of the second step."""

    @designed
    def edit_preview(self, request: gr.Request, *strengths: float) -> dict:
        """An edit slider moves; the last strength is that of the visitor's own direction."""
        session = self._session(request)
        with session.lock:
            if session.picture is None or self._key(strengths) == session.full_edit:
                return gr.skip()
            semantics = self._moved(session, self._strengths(session, strengths))
            preview = self.studio.codec.render_preview(semantics)
            path = session.folder.png(preview, "preview", "Preview of a face edited by HSC: synthetic.")
            return {self.ui.edit_stage: (str(self._unedited(session)), str(path))}

    @designed
    def edit(self, request: gr.Request, *strengths: float) -> dict:
        """An edit slider was let go."""
        session = self._session(request)
        with session.lock:
            if session.picture is None:
                return gr.skip()
            view = self._edited(session, self._strengths(session, strengths))
            session.full_edit = self._key(strengths)
            return view | {self.ui.pasted: gr.Image(value=None, visible=False)}

    @designed
    def filmstrip(self, request: gr.Request, name: str | None, *strengths: float) -> dict:
        """One direction at several strengths, the others as they are."""
        session = self._session(request)
        with session.lock:
            if session.picture is None or name is None:
                return gr.skip()
            now, frames = self._strengths(session, strengths), []
            key = self._chosen(session, name)
            for strength in editing.FILMSTRIP:
                semantics = self._moved(session, {**now, key: strength})
                frames.append((strength, self.studio.codec.render_preview(semantics)))
            return {self.ui.strip: cards.filmstrip(frames, editing.label(name, session.foreign))}

    def pick_frame(self, name: str | None, event: gr.EventData) -> dict:
        """A frame of the filmstrip was clicked: take its strength over."""
        if name == editing.OWN:
            return {self.ui.own_strength: clicked(event)}
        return {self.ui.sliders[name]: clicked(event)} if name in self.ui.sliders else gr.skip()

    @designed
    def own_direction(
        self, request: gr.Request, path: str | None, first: float, last: float, scale: float
    ) -> dict:
        """The visitor brought a direction file."""
        session = self._session(request)
        if not path:
            return gr.skip()
        with session.lock:
            session.foreign = editing.foreign(Path(path), int(first), int(last), scale)
        gr.Info(f"“{session.foreign.label}” is ready: move its slider.", duration=5)
        return {self.ui.own_strength: gr.update(value=0.0, visible=True)}

    @designed
    def paste(self, request: gr.Request) -> dict:
        """Put the edited face back into the photo that it was cut from."""
        session = self._session(request)
        with session.lock:
            picture = self._picture(session)
            photo = reopen(picture)
            with Image.open(self._edited_picture(session)) as face:
                result = alignment.paste_back(photo, face.convert("RGB"), picture.alignment)
            path = session.folder.png(
                result, "photo", "A photo with a face restored and edited by HSC: synthetic."
            )
            return {self.ui.pasted: gr.Image(value=str(path), visible=True)}

    @designed
    def morph(
        self, request: gr.Request, name: str | None, *strengths: float, progress: gr.Progress = gr.Progress()
    ) -> dict:
        """A film of one direction from -1 to 1 and back."""
        session = self._session(request)
        with session.lock:
            if session.picture is None or name is None:
                return gr.skip()
            now, key = self._strengths(session, strengths), self._chosen(session, name)
            others = {other: value for other, value in now.items() if other != key}
            title = editing.label(name, session.foreign).lower().replace(" ", "-")
            path = session.folder.new(f"morph-{title}.mp4")
            film.write(
                self.studio.codec,
                self.studio.whole(session),
                key,
                (-1.0, 1.0),
                path,
                editing.FILM_FRAMES,
                others=others,
                progress=lambda done, total: progress((done, total), "Rendering frames"),
            )
            return {self.ui.video: gr.Video(value=str(path), visible=True)}

    def _edited(self, session: Session, strengths: dict) -> dict:
        """The large edited picture, and its downloads."""
        active = {key: value for key, value in strengths.items() if value}
        session.strengths, session.edited = active, None
        self._edited_picture(session)
        before = self._unedited(session)
        self._keep_shown(session)
        stored = editing.with_edits(session.data, active)
        return {
            self.ui.edit_stage: (str(before), str(session.edited)),
            self.ui.edit_caption: cards.caption(
                "Restored",
                editing.described(active).capitalize() if active else "Move a slider",
                session.picture.description,
                "edit-stage",
            ),
            self.ui.edited: gr.DownloadButton(value=str(session.edited), interactive=True),
            self.ui.edited_file: gr.DownloadButton(
                value=str(session.folder.data(stored, "edited.hsc")) if stored else None,
                label=f"Edited .hsc, {cards.amount(len(stored))}" if stored else "Edited .hsc",
                interactive=bool(stored),
            ),
        }

    def _edited_picture(self, session: Session) -> Path:
        """The large picture with the session's strengths."""
        if session.edited is None or not session.edited.exists():
            if session.strengths:
                picture = self.studio.codec.render(self._moved(session, session.strengths))
                note = editing.note(len(session.data), session.strengths)
                session.edited = session.folder.png(picture, "edited", note)
            else:
                session.edited = self._unedited(session)
        return session.edited

    def _keep_shown(self, session: Session, *others: Path) -> None:
        """Nothing that the page shows or offers may be pushed out or deleted for its age."""
        whole = session.restored.get(len(self.studio.whole(session).layers))
        session.folder.keep(
            session.left, session.file, whole, session.edited, session.picture.upload, session.foreign_file, *others
        )

    def _moved(self, session: Session, strengths: dict) -> Any:
        return editing.move(self.studio.codec, self.studio.whole(session), strengths)

    def _unedited(self, session: Session) -> Path:
        """The large picture of the whole bitstream."""
        return self._restored(session, len(session.data))

    def _strengths(self, session: Session, values: tuple[float, ...]) -> dict:
        """Slider values as strengths by name; the visitor's own direction is the last one."""
        strengths: dict = dict(zip(self.ui.sliders, values))
        if session.foreign is not None:
            strengths[session.foreign] = values[-1]
        return strengths

    @staticmethod
    def _chosen(session: Session, name: str) -> Any:
        """The direction of a name, as :func:`directions.combine` takes it."""
        if name != editing.OWN:
            return name
        if session.foreign is None:
            raise HSCError(
                "Bring a direction file of your own first: there is a place for it beside the face."
            )
        return session.foreign

    @staticmethod
    def _key(strengths: Any) -> tuple:
        return tuple(round(value, 4) for value in strengths)
