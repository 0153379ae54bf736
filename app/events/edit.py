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
            if session.picture is None:
                return gr.skip()  # said when the slider is let go
            if self._key(strengths) == session.full_edit:
                # Let go already, or back where it was: not a preview, but what was rendered for it.
                path = self._edited_picture(session)
            else:
                semantics = self._moved(session, self._strengths(session, strengths))
                preview = self.studio.codec.render_preview(semantics)
                path = session.folder.png(preview, "preview", "Preview of a face edited by HSC: synthetic.")
            return {self.ui.edit_stage: (str(self._unedited(session)), str(path))}

    @designed
    def edit(self, request: gr.Request, *strengths: float) -> dict:
        """An edit slider was let go."""
        session = self._session(request)
        with session.lock:
            self._picture(session)
            view = self._edited(session, self._strengths(session, strengths))
            session.full_edit = self._key(strengths)
            return view | {self.ui.pasted: gr.Image(value=None, visible=False)} | self._stale(session)

    @designed
    def filmstrip(self, request: gr.Request, name: str | None, *strengths: float) -> dict:
        """One direction at several strengths, the others as they are."""
        session = self._session(request)
        with session.lock:
            self._picture(session)
            if name is None:
                return gr.skip()
            key = self._chosen(session, name)
            others, frames = self._others(session, strengths, key), []
            for strength in editing.frames(editing.span(key)):
                semantics = self._moved(session, {**others, key: strength})
                frames.append((strength, self.studio.codec.render_preview(semantics)))
            session.strip = key, name, others
            return {self.ui.strip: cards.filmstrip(frames, editing.label(name, session.foreign))}

    @designed
    def pick_frame(self, request: gr.Request, event: gr.EventData) -> dict:
        """A frame of the filmstrip was clicked: take its strength over, for the direction that the strip is of."""
        session = self._session(request)
        with session.lock:
            self._picture(session)
            if not session.strip:
                return gr.skip()
            _, name, _ = session.strip
            return {self._slider(name): clicked(event)}

    @designed
    def pick_subject(self, request: gr.Request) -> dict:
        """Another direction was chosen: the strip and the film are of the last one."""
        session = self._session(request)
        with session.lock:
            session.strip = session.film = ()
            return self._stale(session)

    @designed
    def own_direction(
        self, request: gr.Request, path: str | None, first: float | None, last: float | None, scale: float | None
    ) -> dict:
        """The visitor brought a direction file."""
        if not path:
            return gr.skip()
        session, own = self._session(request), None
        try:
            with session.lock:
                own = session.folder.copy(Path(path), "direction")
                session.foreign = self._bound(own, first, last, scale)
                session.foreign_file, own = own, session.foreign_file
        finally:
            Path(path).unlink(missing_ok=True)
            session.folder.drop(own)  # the one before, or the refused one
        gr.Info(f"“{session.foreign.label}” is ready: move its slider.", duration=5)
        return {self.ui.own_strength: gr.update(visible=True), self.ui.own_file: str(session.foreign_file)}

    @designed
    def bind_direction(
        self, request: gr.Request, first: float | None, last: float | None, scale: float | None
    ) -> dict:
        """The layers or the scale of the visitor's own direction were changed."""
        session = self._session(request)
        with session.lock:
            if session.foreign_file is not None and None not in (first, last, scale):  # None: being typed
                session.foreign = self._bound(session.foreign_file, first, last, scale)
        return gr.skip()

    @designed
    def drop_direction(self, request: gr.Request) -> dict:
        """The visitor took the direction file away."""
        session = self._session(request)
        with session.lock:
            session.folder.drop(session.foreign_file)
            session.foreign = session.foreign_file = None
        return {self.ui.own_strength: gr.update(value=0.0, visible=False)}

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
        """A film of one direction over its tested range and back."""
        session = self._session(request)
        with session.lock:
            self._picture(session)
            if name is None:
                return gr.skip()
            key = self._chosen(session, name)
            others = self._others(session, strengths, key)
            title = editing.label(name, session.foreign).lower().replace(" ", "-")
            path = session.folder.new(f"morph-{title}.mp4")
            film.write(
                self.studio.codec,
                self.studio.whole(session),
                key,
                editing.span(key),
                path,
                editing.FILM_FRAMES,
                others=others,
                progress=lambda done, total: progress((done, total), "Rendering frames"),
            )
            session.film = key, name, others
            return {self.ui.video: gr.Video(value=str(path), visible=True)}

    def _stale(self, session: Session) -> dict:
        """Takes the strip and the film away where they no longer fit the sliders."""
        view = {}
        if not self._fits(session, session.strip):
            session.strip, view[self.ui.strip] = (), ""
        if not self._fits(session, session.film):
            session.film, view[self.ui.video] = (), gr.Video(value=None, visible=False)
        return view

    @staticmethod
    def _fits(session: Session, made: tuple) -> bool:
        """Whether a strip or a film shows the session's strengths, but for the one that varies in it."""
        if not made:
            return False
        key, name, others = made
        now = {other: value for other, value in session.strengths.items() if other != key}
        before = {other: value for other, value in others.items() if value}
        return now == before and (name != editing.OWN or key is session.foreign)

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

    def _others(self, session: Session, values: tuple[float, ...], key: Any) -> dict:
        """Strengths of all directions but one."""
        return {other: value for other, value in self._strengths(session, values).items() if other != key}

    def _slider(self, name: str) -> Any:
        return self.ui.own_strength if name == editing.OWN else self.ui.sliders[name]

    @staticmethod
    def _bound(path: Path, first: float | None, last: float | None, scale: float | None) -> Any:
        if None in (first, last, scale):
            raise HSCError("Your own direction needs a first layer, a last layer and a scale.")
        return editing.foreign(path, first, last, scale)

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
