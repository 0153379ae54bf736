"""Films of what is on the screen: the file as it arrives, and the face before and after its edits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr
from PIL import Image

from app import background, cards
from app.background import Step
from app.events.common import Handlers, user_errors, wait_for
from app.session import Session
from app.view import face
from hsc.media import arrival

_SIDE, _GIF_SIDE = 512, 320


class FilmEvents(Handlers):
    """Handlers that make films, in the lane of patient work."""

    def after_error(self, request: gr.Request) -> dict:
        """Nothing is being done any more."""
        button = gr.Button("Film of it arriving", interactive=self.session(request).ready)
        return {self.ui.arrive: button, self.ui.progress: cards.progress("")}

    @user_errors
    def arrival(self, request: gr.Request) -> Iterator[dict]:
        """The file as it arrives, layer by layer; the button says how far its film is."""
        session = self.session(request)
        with session.lock:
            face(session)
            data, path = self.view.file(session), session.folder.new("arriving.mp4")

        def write(report: Callable[[int, int], None]) -> None:
            arrival.write(self.studio.codec, data, path, _SIDE, report)

        for step in self._work(session, write):
            if isinstance(step, str):
                yield {self.ui.progress: cards.progress(step)}
            else:
                text = f"Film, layer {step.done} of {step.total}"
                share = gr.Button(f"Film: {100 * step.done // step.total}%", interactive=False)
                yield {self.ui.arrive: share, self.ui.progress: cards.progress(text, step.done, step.total)}
        video = gr.Video(value=str(path), visible=True)
        yield {self.ui.arrival: video} | self.after_error(request)

    @user_errors
    def wipe(self, request: gr.Request) -> Iterator[dict]:
        """A divider that goes over the face before and after, as GIF and as MP4."""
        session = self.session(request)
        with self.studio.lanes.look.place(), session.lock:
            face(session)
            left = self.view.left(session) if not session.strengths else self.view.restored(session, len(session.data))
            right = self.view.edited_picture(session)
            before, after = (_opened(path) for path in (left, right))
            gif, mp4 = session.folder.new("before-after.gif"), session.folder.new("before-after.mp4")

        def write(report: Callable[[int, int], None]) -> None:
            for done, (path, side) in enumerate(((gif, _GIF_SIDE), (mp4, _SIDE))):
                report(done, 2)
                pair = (picture.resize((side, side), Image.Resampling.LANCZOS) for picture in (before, after))
                arrival.save(arrival.wipe(*pair), path, side, "Synthetic: a face restored and edited by HSC.")

        for step in self._work(session, write):
            text = step if isinstance(step, str) else "Before and after"
            yield {self.ui.edit_progress: cards.progress(text)}
        yield {
            self.ui.made: gr.File(value=[str(gif), str(mp4)], visible=True),
            self.ui.edit_progress: cards.progress(""),
        }

    def _work(self, session: Session, write: Callable[[Any], None]) -> Iterator[str | Step]:
        """Steps of work in its lane; before, who is before it."""
        lane, data = self.studio.lanes.work, session.data

        def gone() -> bool:
            return session.turns.closed or session.data is not data

        with lane.enter() as ticket:
            for words in wait_for(ticket, "Film"):
                if gone():
                    raise background.Stopped
                if words:
                    yield words
            for event in background.run(write, gone, lambda: self.studio.lanes.give_way(lane)):
                if isinstance(event, Step):
                    yield event


def _opened(path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("RGB")
