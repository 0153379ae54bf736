"""The first step: choose a face, spend bytes, receive them.

Every choice of a face or of a size is a turn, see :mod:`app.turns`: its handler shows the aligned crop at once, then
the first picture, then better ones, and ends as soon as a newer turn begins.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import gradio as gr
from PIL import Image

import directions
from app import cards, editing, languages, rivals
from app.background import Step, Stopped
from app.events.common import Handlers, refuse, said, user_errors, wait_for
from app.kept import Kept
from app.lanes import CROWD, LATER, NEXT, SOON
from app.session import Picture, Session
from app.studio import SMALLEST_FILE, is_bitstream, shown
from app.turns import Turn
from app.view import face
from hsc import bitstream
from hsc.encoder.presets import DEFAULT, THOROUGH
from hsc.errors import HSCError
from hsc.runtime import threads

_VISIBLE = 0.02
"""Share of LPIPS below which nobody sees that a picture got better."""


class CompressEvents(Handlers):
    """Handlers of the first step."""

    def after_error(self, request: gr.Request) -> dict:
        """Nothing is being done any more; the place for a photo shows the one that is worked on."""
        return self.view.rested() | {self.ui.photo: self._photo(self.session(request))}

    # ------------------------------------------------------------------ choosing

    @user_errors
    def start(self, request: gr.Request, max_bytes: float, kept: Kept) -> Iterator[dict]:
        """A page was opened: bring back what its browser kept, or show an example, so that there is something to play
        with."""
        session = self.session(request)
        with session.turns.take() as turn:
            if kept.max_bytes is not None:
                max_bytes = kept.max_bytes
                yield {self.ui.bytes: max_bytes}
            try:
                yield from self._bring_back(session, turn, kept, max_bytes)
            except HSCError as error:  # of another version, damaged, or no face any more
                refuse(error)
                yield from self._example(session, turn, 0, max_bytes)

    def _bring_back(self, session: Session, turn: Turn, kept: Kept, max_bytes: float) -> Iterator[dict]:
        """What a page's address and its browser's storage say."""
        strengths = {name: value for name, value in kept.strengths.items() if name in self.ui.sliders}
        directions.combine(strengths)
        data = kept.data
        if kept.photo is not None:
            own = session.folder.copy(kept.photo, "photo")
            kept.photo.unlink(missing_ok=True)
            try:
                picture, foreign = yield from self._opened(own, turn, kept.face)
                if foreign is None:
                    yield from self._show(session, turn, picture, max_bytes, data, strengths, restored=True)
                    yield {self.ui.photo: self._photo(session)}
                    return
            except HSCError:
                if data is None:
                    raise
            finally:
                self._drop_unused(session, own)
        if kept.example:
            index = self.studio.example_index(kept.example)
            yield from self._example(session, turn, index, max_bytes, data, strengths)
        elif data is not None:
            picture = Picture("face.hsc", description="the face in this address")
            yield from self._show(session, turn, picture, max_bytes, data)
        else:
            yield from self._example(session, turn, 0, max_bytes, None, strengths)

    def _example(
        self,
        session: Session,
        turn: Turn,
        index: int,
        max_bytes: float,
        data: bytes | None = None,
        strengths: dict | None = None,
    ) -> Iterator[dict]:
        """A prepared face, with the ring around it."""
        if not self.studio.examples:
            return
        yield {self.ui.examples: cards.example_strip(self.studio.examples, index), self.ui.photo: None}
        picture = self.studio.example(index)
        yield from self._show(session, turn, picture, max_bytes, data, strengths, restored=data is not None)

    @user_errors
    def open_upload(self, request: gr.Request, path: str | None, max_bytes: float) -> Iterator[dict]:
        """A photo or a bitstream was chosen, pasted or taken."""
        if path:
            yield from self._open(request, Path(path), max_bytes)

    @user_errors
    def open_given(self, request: gr.Request, kept: Kept, max_bytes: float) -> Iterator[dict]:
        """A photo or a bitstream was dropped or pasted somewhere on the page."""
        if kept.photo is None:
            raise HSCError("That file did not arrive; please try again.")
        yield from self._open(request, kept.photo, max_bytes)

    def _open(self, request: gr.Request, path: Path, max_bytes: float) -> Iterator[dict]:
        session, own = self.session(request), None
        with session.turns.take() as turn:
            try:
                if turn.over:
                    return
                own = session.folder.copy(path, "photo")
                yield self.view.working("Looking for faces")
                picture, data = yield from self._opened(own, turn)
                yield {self.ui.examples: cards.example_strip(self.studio.examples)}
                yield from self._show(session, turn, picture, max_bytes, data)
                yield {self.ui.photo: self._photo(session)}
            finally:
                # Not before the page had time to show it: from now on it shows our copy.
                path.unlink(missing_ok=True)
                self._drop_unused(session, own)

    def _opened(
        self, path: Path, turn: Turn, face: int | None = None
    ) -> Generator[dict, None, tuple[Picture, bytes | None]]:
        """:meth:`app.studio.Studio.open`, in the place of the lane that has come where there are faces to be found.

        Raises:
            Stopped: something newer was chosen meanwhile.
        """
        if is_bitstream(path):
            return self.studio.open(path)
        lane = self.studio.lanes.find
        with lane.enter() as ticket:
            for words in wait_for(ticket, "Looking for faces"):
                if turn.over:
                    raise Stopped
                if words:
                    yield self.view.working(words)
            self.studio.lanes.give_way(lane)
            return self.studio.open(path, face)

    @staticmethod
    def _drop_unused(session: Session, own: Path | None) -> None:
        if session.picture is None or session.picture.upload != own:
            session.folder.drop(own)

    @user_errors
    def pick_example(self, request: gr.Request, index: float | None, max_bytes: float) -> Iterator[dict]:
        """An example was clicked."""
        if index is None:
            return
        session = self.session(request)
        with session.turns.take() as turn:
            if turn.over:
                return
            picture = self.studio.example(round(index))
            yield {self.ui.photo: None}
            yield from self._show(session, turn, picture, max_bytes)

    @user_errors
    def pick_face(self, request: gr.Request, index: float | None, max_bytes: float) -> Iterator[dict]:
        """Another face of the photo was clicked."""
        session = self.session(request)
        if index is None or session.picture is None:
            return
        with session.turns.take() as turn:
            if turn.over:
                return
            picture = self.studio.pick_face(session.picture, round(index))
            yield from self._show(session, turn, picture, max_bytes)

    @user_errors
    def set_bytes(self, request: gr.Request, max_bytes: float) -> Iterator[dict]:
        """The bytes slider was let go: compress again."""
        session = self.session(request)
        picture = session.picture
        if picture is None:
            face(session)
        if picture.crop is None:
            raise HSCError("This face came as a bitstream; its size cannot be changed without the photo.")
        with session.turns.take() as turn:
            yield from self._show(session, turn, picture, max_bytes)

    @user_errors
    def stop(self, request: gr.Request) -> dict:
        """Be content with the picture that is there."""
        self.session(request).turns.stop()
        return {self.ui.stop: gr.Button(visible=False)}

    # ------------------------------------------------------------------ showing

    def _show(
        self,
        session: Session,
        turn: Turn,
        picture: Picture,
        max_bytes: float,
        data: bytes | None = None,
        strengths: dict | None = None,
        restored: bool = False,
    ) -> Iterator[dict]:
        """A picture in all three steps: its crop, its first file, better ones.

        Args:
            data: its bitstream, where there is one already.
            strengths: of edits to begin with; by default those that the visitor has set, or those in the file.
            restored: whether the file comes back to the page that it is of, with the visitor's edits in it.
        """
        max_bytes = round(max_bytes)
        if turn.over:
            return
        if data is not None:
            edits = self.studio.codec.inspect(data).edits
            strengths = {**editing.stored(edits), **(strengths or {})}
            data = bitstream.strip_edits(data) if edits else data
        # All that may refuse the file or its edits comes first: the session keeps its face then.
        directions.combine(strengths or {})
        known = self.studio.known(session, picture, max_bytes) if data is None or picture.example else None
        prepared = bool(picture.example) and (data is None or data == known)
        known = known if data is None else data
        with session.lock:
            self._take(session, picture, max_bytes, strengths)
            session.prepared = prepared
        if known is not None:
            yield from self._final(session, turn, known, "" if data is not None else _unspent(known, max_bytes))
        else:
            with session.lock:
                view = self.view.crop(session)
            view[self.ui.file] = gr.DownloadButton("Download .hsc", interactive=False)  # its size is not known yet
            yield view | self.view.working("Compressing", stop=False)
            yield from self._compress(session, turn, picture, max_bytes)

    @staticmethod
    def _take(session: Session, picture: Picture, max_bytes: int, strengths: dict | None) -> None:
        """The session works on a picture from now on; there is no file of it yet."""
        if session.picture is not None and session.picture.upload != picture.upload:
            session.folder.drop(session.picture.upload)
        if session.picture is not picture:
            session.left = None
        other = session.picture is not picture
        session.picture, session.ready, session.max_bytes = picture, False, max_bytes
        if strengths is not None:
            session.strengths = {name: value for name, value in strengths.items() if value}
        session.beside.begin(picture.digest)
        if other:
            session.history.begin(session.strengths)

    def _compress(self, session: Session, turn: Turn, picture: Picture, max_bytes: int) -> Iterator[dict]:
        """Ever better files, in the place of the lane that has come."""
        lane, best = self.studio.lanes.code, None
        with lane.enter() as ticket:
            for words in wait_for(ticket, "Compressing"):
                if turn.over:
                    return
                if words:
                    yield self.view.working(words)
            try:
                for event in self.studio.improve(session, picture, max_bytes, stopped=lambda: turn.stopped):
                    if turn.over:
                        return
                    if isinstance(event, Step):
                        text = f"Compressing, step {min(event.done + 1, event.total)} of {event.total}"
                        yield self.view.working(text, event.done, event.total, stop=best is not None)
                        continue
                    begins, best = best is None, event.data
                    if not event.final:
                        yield from self._first(session, best, begins)
                    if turn.stopped:
                        break
            except Stopped:
                if turn.over or best is None:
                    return
        yield from self._final(session, turn, best, _unspent(best, max_bytes))

    def _first(self, session: Session, data: bytes, begins: bool) -> Iterator[dict]:
        """A file that better ones will follow; not shown in a crowd, where the next photo would wait for it as well.

        Args:
            begins: whether it is the first one.
        """
        view = self.view.working("Compressing", 0, 1, stop=True) if begins else {}
        if len(self.studio.lanes.look) <= CROWD:
            with self.studio.lanes.look.place(), session.lock:
                self._have(session, data)
                view = self.view.first(session) | view
        if view:
            yield view

    def _final(self, session: Session, turn: Turn, data: bytes, note: str) -> Iterator[dict]:
        # What a page shows first goes before what others wait for: there is little to do for a prepared face.
        prepared = session.prepared and not session.strengths
        with self.studio.lanes.look.place(NEXT if prepared else LATER), session.lock:
            if turn.over:
                return
            self._have(session, data)
            view, session.offered = self.view.whole(session, note), None
        yield view
        yield from self._rival(session, len(data))

    @staticmethod
    def _have(session: Session, data: bytes) -> None:
        """The session's face has a file."""
        if session.ready and session.data is data:
            return  # the last of better ones, which is shown
        session.data, session.ready = data, True
        session.forget_bitstream()

    # ------------------------------------------------------------------ sharpening

    @user_errors
    def sharpen(self, request: gr.Request, max_bytes: float) -> Iterator[dict]:
        """Spend seconds instead of bytes: encode again with many steps of refinement, and say what that gained."""
        session = self.session(request)
        with session.lock:
            face(session)
            picture, before = session.picture, session.data
            nothing = not self.studio.whole(session).layers
        if picture.crop is None:
            raise HSCError("This face came as a bitstream; only a photo can be compressed with more care.")
        if nothing:
            raise HSCError("There is nothing to sharpen in so few bytes: move the bytes slider first.")
        lane, most = self.studio.lanes.work, round(max_bytes)

        def gone() -> bool:
            return session.data is not before or session.turns.closed

        # Not under the lock: the page stays usable meanwhile.
        with lane.enter() as ticket:
            for words in wait_for(ticket, "Sharpening"):
                if gone():
                    return
                if words:
                    yield {self.ui.progress: cards.progress(words)}
            for event in self.studio.improve(session, picture, most, THOROUGH.steps, stopped=gone, first=False):
                if isinstance(event, Step):
                    text = f"Sharpening, step {min(event.done + 1, event.total)} of {event.total}"
                    yield {self.ui.progress: cards.progress(text, event.done, event.total)}
                else:
                    data = event.data
        yield self._sharpened(session, before, data)

    def _sharpened(self, session: Session, before: bytes, data: bytes) -> dict:
        """The sharpened file where it is better, and the picture before it to compare with."""
        with self.studio.lanes.look.place(), session.lock:
            if session.data is not before:  # another face or another size was chosen meanwhile
                return gr.skip()
            crop, blurred = session.picture.crop, self.view.restored(session, len(before))
            pictures = _opened(blurred), self.studio.codec.render(self.studio.codec.parse(data))
            old, new = (self.studio.difference(crop, picture) for picture in pictures)
            if new >= old:
                text = f"Sharpening gained nothing here (LPIPS {old:.3f} before, {new:.3f} after): the file stays."
                gr.Info(languages.said(text), duration=12)  # wherever on the page the button was pressed
                return {self.ui.progress: cards.told(text)}
            self._have(session, data)
            session.blurred, session.beside_blurred = blurred, False
            gain = 1 - new / old
            seen = "" if gain >= _VISIBLE else " That is hardly visible."
            note = (
                f"Sharpened by {THOROUGH.steps} steps instead of {DEFAULT.steps}: difference to the original (LPIPS) "
                f"{old:.3f} before, {new:.3f} after, {100 * gain:.1f}% less, in {cards.amount(len(data))} "
                f"({len(before):,} before).{seen}"
            )
            view, session.offered = self.view.whole(session, note), None
            gr.Info(languages.said(note), duration=12)  # the note itself may be far above the button
            return view | {self.ui.compare_sharp: gr.Button("Compare with before", visible=True)}

    @user_errors
    def compare_sharpened(self, request: gr.Request) -> dict:
        """The picture before it was sharpened on the left, or the original again."""
        session = self.session(request)
        with session.lock:
            face(session)
            if session.blurred is None or not session.blurred.exists():
                raise HSCError("The picture before sharpening is gone; sharpen once more to compare.")
            size = len(session.data)
            with_before = not session.beside_blurred
            session.beside_blurred = with_before
            view = self.view.received(session, size)
            if with_before:
                description = session.picture.description
                view[self.ui.stage] = (str(session.blurred), view[self.ui.stage][1])
                view[self.ui.caption] = cards.caption("Before sharpening", "Sharpened", description, "stage", size)
            label = "Compare with the original" if with_before else "Compare with before"
            return view | {self.ui.compare_sharp: gr.Button(label)}

    # ------------------------------------------------------------------ receiving

    @user_errors
    def receive_preview(self, request: gr.Request, received: float) -> dict:
        """The received-bytes slider moves."""
        session = self.session(request)
        if not session.ready:
            return gr.skip()  # said when the slider is let go
        with self.studio.lanes.look.place(SOON), session.lock:
            return self.view.received_preview(session, self._within(session, received))

    @user_errors
    def receive(self, request: gr.Request, received: float) -> Iterator[dict]:
        """The received-bytes slider was let go."""
        session = self.session(request)
        if session.picture is not None and not session.ready:
            return  # another face is on its way
        face(session)
        lane = self.studio.lanes.look
        if len(lane) > CROWD:
            yield self.receive_preview(request, received)
        with lane.enter() as ticket:
            yield from said(ticket, self.ui.progress, self.view.rested())
            with session.lock:
                size = self._within(session, received)
                view = self.view.received(session, size)
        yield view
        yield from self._rival(session, size)

    @user_errors
    def pick_beside(self, request: gr.Request, key: str | None, received: float) -> Iterator[dict]:
        """Another codec, or the original, is to stand on the left of the stage."""
        session = self.session(request)
        session.beside.key = key if key in rivals.OFFERED else ""
        if not session.ready:
            return
        size = self._within(session, received)
        if session.beside.knows(size):
            with self.studio.lanes.look.place(), session.lock:
                view = self.view.received(session, size)
            yield view
        else:
            yield from self._rival(session, size)

    def _rival(self, session: Session, size: int) -> Iterator[dict]:
        """The codec on the left at so many bytes, in its own lane, unless something newer is shown meanwhile."""
        beside, data, crop = session.beside, session.data, session.picture.crop
        key, digest = beside.key, beside.digest
        if crop is None or beside.knows(size):
            return
        name, lane = rivals.OFFERED[key], self.studio.lanes.rival
        with lane.enter() as ticket:
            for words in wait_for(ticket, name):
                if words:
                    yield {self.ui.progress: cards.progress(words)}
            if (session.data, beside.key, beside.digest) != (data, key, digest) or session.turns.closed:
                return
            yield {self.ui.progress: cards.progress(f"{name} is coding the same face")}
            with ThreadPoolExecutor(1, initializer=threads.step_back) as own:
                picture, took = own.submit(beside.compute, rivals.codec(key), crop, size).result()
        with session.lock:
            if (session.data, beside.key, beside.digest) != (data, key, digest):
                return
            note = f"A face restored by {name} from {took} bytes; not a photograph."
            path = session.folder.png(picture, f"beside-{key}", note, rivals.source(key))
            beside.pictures[key, size] = path, took
            view = self.view.received(session, size) | {self.ui.progress: cards.progress("")}
        yield view

    def _within(self, session: Session, received: float) -> int:
        """Bytes received, of this file: the slider may still be at the last one's end."""
        return min(max(0, round(received)), self.view.size(session))

    @staticmethod
    def _photo(session: Session) -> str | None:
        """What the place for a photo shows: the photo that the session works on, if it was uploaded."""
        picture = session.picture
        if picture is None or not session.folder.holds(picture.upload):
            return None
        small = shown(picture)
        if small is None:
            return str(picture.upload)
        return str(session.folder.png(small, "shown", "The photo as it was given.", None))


def _unspent(data: bytes, max_bytes: int) -> str:
    """What to say of bytes that were allowed and are not used."""
    if len(data) < 0.85 * max_bytes and len(data) > SMALLEST_FILE:
        return f"More bytes do not help: {cards.amount(len(data))} are this model’s best."
    return ""


def _opened(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("RGB")
