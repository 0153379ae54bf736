"""The second step: slide edits over what was decoded."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from app import background, cards, editing, languages
from app.background import Step
from app.events.common import Handlers, said, user_errors, wait_for
from app.lanes import CROWD, SOON
from app.session import Session
from app.studio import reopen
from app.view import face
from directions import Direction
from hsc.errors import HSCError
from hsc.imaging import alignment
from hsc.media import morph

_COARSE = 0.05
"""Steps of strengths of previews where many wait: of a prepared face, somebody has often seen these before."""


class EditEvents(Handlers):
    """Handlers of the second step."""

    def after_error(self, request: gr.Request) -> dict:
        """Nothing is being done any more."""
        session = self.session(request)
        return self._rested() | {self.ui.morph: gr.Button("Film (MP4)", interactive=session.ready)}

    def _rested(self) -> dict:
        return {self.ui.edit_progress: cards.progress("")}

    @user_errors
    def edit_preview(self, request: gr.Request, *strengths: float) -> dict:
        """An edit slider moves; the last strength is that of the visitor's own direction."""
        session = self.session(request)
        if not session.ready:
            return gr.skip()  # said when the slider is let go
        chosen, lane = self._strengths(session, strengths), self.studio.lanes.look
        if len(lane) > CROWD:
            chosen = {key: round(_COARSE * math.trunc(round(value / _COARSE, 6)), 2) for key, value in chosen.items()}
        with session.lock:
            seen = self.view.seen_preview(session, chosen)
        if seen is not None:
            return seen
        with lane.place(SOON), session.lock:
            return self.view.edited_preview(session, chosen)

    @user_errors
    def show_sliders(self, request: gr.Request) -> dict:
        """The step is opened: what its sliders were set to while it was not in the page did not reach them."""
        return self.view.sliders(self.session(request), opening=True)

    @user_errors
    def edit(self, request: gr.Request, *strengths: float) -> Iterator[dict]:
        """An edit slider was let go."""
        session = self.session(request)
        with session.lock:
            recipe = {key: value for key, value in self._strengths(session, strengths).items() if value}
            if session.picture is not None and not session.ready:
                session.strengths = recipe  # for the file that is on its way
                return
            face(session)
            session.asked = mine = session.asked + 1
            same = recipe == session.strengths
        if len(self.studio.lanes.look) > CROWD:
            yield self.edit_preview(request, *strengths)
        yield from self._follow(session, recipe, mine, same)

    @user_errors
    def show_version(self, request: gr.Request) -> Iterator[dict]:
        """Another version was gone to, which is the session's recipe already."""
        session = self.session(request)
        if not session.ready:
            return  # said where the version was gone to
        with session.lock:
            recipe, mine = session.strengths, session.asked
        yield from self._follow(session, recipe, mine)

    def _follow(self, session: Session, recipe: dict, mine: int, same: bool = False) -> Iterator[dict]:
        """The large picture of a recipe, unless a newer one was asked for meanwhile.

        Args:
            mine: which one this is of those that were asked for.
            same: whether nothing has changed: a text that was refused as a recipe then stays, to be mended.
        """
        with self.studio.lanes.look.enter() as ticket:
            yield from said(ticket, self.ui.edit_progress, self._rested())
            with session.lock:
                if session.asked != mine:
                    return
                if recipe != session.strengths:
                    session.strengths, session.edited = recipe, None
                view = self.view.edited(session) | {self.ui.pasted: gr.Image(value=None, visible=False)}
                view |= self._stale(session)
                if same:
                    view.pop(self.ui.recipe)
        yield view

    @user_errors
    def filmstrip(self, request: gr.Request, name: str | None, *strengths: float) -> Iterator[dict]:
        """One direction at several strengths, the others as they are."""
        session = self.session(request)
        if name is not None and session.ready:
            yield {self.ui.edit_progress: cards.progress("Filmstrip")}  # at once, whatever is rendered before
        with session.lock:
            face(session)
            if name is None:
                return
            key, whole = self._chosen(session, name), self.studio.whole(session)
            others, frames = self._others(session, strengths, key), []
        steps = editing.frames(editing.span(key))
        for index, strength in enumerate(steps):
            yield {self.ui.edit_progress: cards.progress(f"Filmstrip, picture {index + 1} of {len(steps)}", index, 7)}
            with self.studio.lanes.look.place(), session.lock:
                moved = editing.move(self.studio.codec, whole, {**others, key: strength})
                frames.append((strength, self.studio.codec.render_preview(moved)))
        with session.lock:
            stale = self.studio.whole(session) is not whole
            if not stale:
                session.strip = key, name, others
        # Nothing is given while a lock is held: another thread may take the next, and could not let go of it.
        if stale:
            yield self._rested()
            return
        yield {self.ui.strip: cards.filmstrip(frames, name, editing.label(name, session.foreign))} | self._rested()

    @user_errors
    def pick_frame(self, request: gr.Request, strength: float | None) -> dict:
        """A frame of the filmstrip was clicked: take its strength over, for the direction that the strip is of."""
        session = self.session(request)
        with session.lock:
            face(session)
            if not session.strip or strength is None:
                return gr.skip()
            _, name, _ = session.strip
            return {self._slider(name): strength}

    @user_errors
    def pick_subject(self, request: gr.Request) -> dict:
        """Another direction was chosen: the strip and the film are of the last one."""
        session = self.session(request)
        with session.lock:
            session.strip = session.film = ()
            return self._stale(session)

    @user_errors
    def own_direction(
        self, request: gr.Request, path: str | None, first: float | None, last: float | None, scale: float | None
    ) -> dict:
        """The visitor brought a direction file."""
        if not path:
            return gr.skip()
        session, own = self.session(request), None
        try:
            with session.lock:
                own = session.folder.copy(Path(path), "direction")
                session.foreign = self._bound(own, first, last, scale)
                session.foreign_file, own = own, session.foreign_file
        finally:
            Path(path).unlink(missing_ok=True)
            session.folder.drop(own)  # the one before, or the refused one
        self._say_effect(session.foreign, scale)
        return {self.ui.own_strength: gr.update(visible=True), self.ui.own_file: str(session.foreign_file)}

    @user_errors
    def bind_direction(self, request: gr.Request, first: float | None, last: float | None, scale: float | None) -> dict:
        """The layers or the scale of the visitor's own direction were changed."""
        session = self.session(request)
        with session.lock:
            if session.foreign_file is None or None in (first, last, scale):  # None: being typed
                return gr.skip()
            session.foreign = self._bound(session.foreign_file, first, last, scale)
        self._say_effect(session.foreign, scale, ready="")
        return gr.skip()

    @user_errors
    def drop_direction(self, request: gr.Request) -> dict:
        """The visitor took the direction file away."""
        session = self.session(request)
        with session.lock:
            session.folder.drop(session.foreign_file)
            session.foreign = session.foreign_file = None
        return {self.ui.own_strength: gr.update(value=0.0, visible=False)}

    @user_errors
    def paste(self, request: gr.Request) -> dict:
        """Put the edited face back into the photo that it was cut from."""
        session = self.session(request)
        with session.lock:
            face(session)
            picture = session.picture
        photo = reopen(picture)  # which may wait for other pictures to be decoded
        with self.studio.lanes.look.place(), session.lock:
            if session.picture is not picture:
                return gr.skip()
            face(session)
            with Image.open(self.view.edited_picture(session)) as shown:
                edited = shown.convert("RGB")
            before = self.studio.codec.render(self.studio.whole(session))
            if alignment.changed_share(edited, before) > alignment.MUCH_CHANGED:
                gr.Info(languages.said("The edit changes most of the picture, so its seam in the photo may show."))
            result = alignment.paste_back(photo, edited, picture.alignment, before)
            path = session.folder.png(result, "photo", "A photo with a face restored and edited by HSC: synthetic.")
            return {self.ui.pasted: gr.Image(value=str(path), visible=True)}

    @user_errors
    def mark(self, request: gr.Request, visible: bool) -> dict:
        """The visitor wants the mark in the corner of downloads, or does not."""
        session = self.session(request)
        session.visible_mark = bool(visible)
        if not session.ready:
            return gr.skip()
        with self.studio.lanes.look.place(), session.lock:
            return self.view.downloads(session)

    @user_errors
    def film(self, request: gr.Request, name: str | None, *strengths: float) -> Iterator[dict]:
        """A film of one direction over its tested range and back; the button says how far it is."""
        session = self.session(request)
        if name is not None and session.ready:
            yield self._filming("Film")  # at once: an edit may be rendered before anything else can be said
        with session.lock:
            face(session)
            if name is None:
                return
            key, data, whole = self._chosen(session, name), session.data, self.studio.whole(session)
            others = self._others(session, strengths, key)
            title = editing.label(name, session.foreign).lower().replace(" ", "-")
            path = session.folder.new(f"morph-{title}.mp4")
        lane = self.studio.lanes.work

        def gone() -> bool:
            return session.turns.closed or session.data is not data

        def write(report: Any) -> None:
            ends = editing.span(key)
            morph.write(self.studio.codec, whole, key, ends, path, editing.FILM_FRAMES, others=others, progress=report)

        with lane.enter() as ticket:
            for words in wait_for(ticket, "Film"):
                if gone():
                    return
                if words:
                    yield self._filming(words)
            for event in background.run(write, gone, lambda: self.studio.lanes.give_way(lane)):
                if isinstance(event, Step) and event.done <= editing.FILM_FRAMES // 2 + 1:  # the rest is the way back
                    total = editing.FILM_FRAMES // 2 + 1
                    yield self._filming(f"Film, picture {event.done} of {total}", event.done, total)
        with session.lock:
            session.film = key, name, others
        video = gr.Video(value=str(path), visible=True)
        yield {self.ui.video: video, self.ui.morph: gr.Button("Film (MP4)", interactive=True)} | self._rested()

    def _filming(self, text: str, done: int = 0, total: int = 0) -> dict:
        share = f"Film: {100 * done // total}%" if total else "Film: waiting"
        return {
            self.ui.morph: gr.Button(share, interactive=False),
            self.ui.edit_progress: cards.progress(text, done, total),
        }

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

    def _say_effect(self, direction: Direction, scale: float | None, ready: str = "Move its slider.") -> None:
        """That a visitor's direction is ready, and what scale would show it where this one does not."""
        with self.studio.lanes.look.place():
            words = editing.advice(self.studio.codec, direction, scale or 1.0) or ready
        if words:
            gr.Info(languages.said(f"“{direction.label}”: {words}"), duration=5 if words == ready else 12)

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
            raise HSCError("Bring a direction file of your own first: there is a place for it beside the face.")
        return session.foreign
