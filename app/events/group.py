"""All faces of a photo at once: compressed one after the other, edited, and back in one picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import gradio as gr
from PIL import Image

from app import background, cards, group
from app.background import Done, Step, Stopped
from app.events.common import Handlers, user_errors, wait_for
from app.session import Picture, Session
from app.studio import Better, digest, reopen
from app.view import face
from hsc.errors import HSCError
from hsc.imaging import alignment
from hsc.media import group_photo
from hsc.media.group_photo import Group, Member

_SHOWN = (1600, 1600)


class GroupEvents(Handlers):
    """Handlers of the place for all faces."""

    def after_error(self, request: gr.Request) -> dict:
        """Nothing is being done any more."""
        return {self.ui.group_progress: cards.progress("")}

    @user_errors
    def apply(self, request: gr.Request, whom: str | None) -> Iterator[dict]:
        """It was said whom the edits are for: the picture follows, where there is one."""
        session = self.session(request)
        if session.group is not None and session.ready and session.group.upload == session.picture.upload:
            yield from self._make(session, whom)

    @user_errors
    def make(self, request: gr.Request, whom: str | None) -> Iterator[dict]:
        """All faces were asked for."""
        yield from self._make(self.session(request), whom)

    def _make(self, session: Session, whom: str | None) -> Iterator[dict]:
        with session.lock:
            face(session)
            picture, max_bytes, own = session.picture, session.max_bytes, session.data
            if len(picture.faces) < 2:
                raise HSCError("This photo has one face only.")
            count = min(len(picture.faces), group.MOST)
            faces = group.of(session)
            faces.edit(whom or group.NOBODY, picture.face, session.strengths, count)
            recipes = [faces.recipes.get(index, {}) for index in range(count)]

        def gone() -> bool:
            now = session.picture
            return session.turns.closed or now is None or now.upload != picture.upload

        photo, members = reopen(picture), []
        for index in range(count):
            crop, where = alignment.align(photo, index, faces=picture.faces)
            one = replace(picture, crop=crop, digest=digest(crop), face=index, alignment=where)
            data = own if one.digest == picture.digest else None
            if data is None:
                data = yield from self._coded(session, one, max_bytes, f"Face {index + 1} of {count}", gone)
            members.append(Member(data, where))
        made = Group(photo.size, tuple(members))
        result = yield from self._pasted(made, photo, recipes, gone)
        yield self._shown(session, made, photo, result)

    def _coded(
        self, session: Session, one: Picture, max_bytes: int, what: str, gone: Callable[[], bool]
    ) -> Iterator[dict]:
        """The file of one face; in its lane, where somebody has to compute it."""
        data = self.studio.known(session, one, max_bytes)
        if data is not None:
            return data
        with self.studio.lanes.code.enter() as ticket:
            for words in wait_for(ticket, what):
                if gone():
                    raise Stopped
                if words:
                    yield self._said(words)
            for event in self.studio.improve(session, one, max_bytes, stopped=gone, first=False):
                if isinstance(event, Step):
                    step = f"{what}, step {min(event.done + 1, event.total)} of {event.total}"
                    yield self._said(step, event.done, event.total)
                elif isinstance(event, Better):
                    data = event.data
        return data

    def _pasted(self, made: Group, photo: Image.Image, recipes: list[dict], gone: Callable[[], bool]) -> Iterator[dict]:
        """All faces in one picture, in the lane of patient work."""
        lane, result = self.studio.lanes.work, None

        def work(report: background.Report) -> Image.Image:
            return group_photo.paste(self.studio.codec, made, photo, recipes, progress=report)

        with lane.enter() as ticket:
            for words in wait_for(ticket, "The whole picture"):
                if gone():
                    raise Stopped
                if words:
                    yield self._said(words)
            for event in background.run(work, gone, lambda: self.studio.lanes.give_way(lane)):
                if isinstance(event, Step):
                    text = f"Restoring face {min(event.done + 1, event.total)} of {event.total}"
                    yield self._said(text, event.done, event.total)
                elif isinstance(event, Done):
                    result = event.result
        return result

    def _shown(self, session: Session, made: Group, photo: Image.Image, result: Image.Image) -> dict:
        ui, recipes = self.ui, group.of(session).recipes
        with session.lock:
            edited = any(recipes.values())
            note = "Synthetic: faces restored and edited by HSC." if edited else group_photo.NOTE
            whole = session.folder.png(result, "group", note)
            before = session.folder.png(_small(photo), "group-before", "The photo as it was given.", None)
            after = session.folder.png(_small(result), "group-shown", note)
            files = session.folder.data(group.archive(made, recipes), "faces.zip")
            return {
                **group.offered(ui, session),
                ui.group_result: gr.Column(visible=True),
                ui.group_facts: group.facts(made, recipes),
                ui.group_stage: (str(before), str(after)),
                ui.group_picture: gr.DownloadButton(value=str(whole)),
                ui.group_files: gr.DownloadButton(value=str(files)),
                ui.group_progress: cards.progress(""),
            }

    def _said(self, text: str, done: int = 0, total: int = 0) -> dict:
        return {self.ui.group_progress: cards.progress(text, done, total)}


def _small(picture: Image.Image) -> Image.Image:
    """As large as the page shows it."""
    small = picture.convert("RGB").copy()
    small.thumbnail(_SHOWN)
    return small
