"""The first step: choose a face, spend bytes, receive them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import gradio as gr

import directions
from app import cards, editing, plots
from app.events.common import clicked, designed, refuse
from app.events.edit import EditEvents
from app.session import Picture, Session
from app.studio import SMALLEST_FILE
from hsc import bitstream
from hsc.codec import REFINE, THOROUGH
from hsc.errors import HSCError


class CompressEvents(EditEvents):
    """Handlers of the first step; a new face starts the Edit step anew."""

    @designed
    def start(self, request: gr.Request, max_bytes: float, progress: gr.Progress = gr.Progress()) -> dict:
        """A page was opened: show the first example, so that there is something to play with."""
        if not self.studio.examples:
            return gr.skip()
        progress(0.3, "Compressing")
        session = self._session(request)
        with session.lock:
            return self._show(session, self.studio.example(0), max_bytes) | {
                self.ui.examples: cards.example_strip(self.studio.examples, 0)
            }

    @designed
    def open_upload(
        self, request: gr.Request, path: str | None, max_bytes: float, progress: gr.Progress = gr.Progress()
    ) -> dict:
        """A photo or a bitstream was chosen, pasted, taken or dropped."""
        if not path:
            return gr.skip()
        progress(0.1, "Looking for faces")
        session, own = self._session(request), None
        try:
            own = session.folder.copy(Path(path), "photo")
            picture, data = self.studio.open(own)
            progress(0.4, "Compressing")
            with session.lock:
                view = self._show(session, picture, max_bytes, data)
                return view | {self.ui.photo: self._photo(session)}
        except HSCError as error:
            refuse(error)
            return {self.ui.photo: self._photo(session)}
        finally:
            # Not before the page had time to show it: from now on it shows our copy.
            Path(path).unlink(missing_ok=True)
            if session.picture is None or session.picture.upload != own:
                session.folder.drop(own)

    @designed
    def pick_example(
        self, request: gr.Request, max_bytes: float, event: gr.EventData, progress: gr.Progress = gr.Progress()
    ) -> dict:
        """An example was clicked."""
        progress(0.3, "Compressing")
        session = self._session(request)
        with session.lock:
            picture = self.studio.example(round(clicked(event)))
            return self._show(session, picture, max_bytes) | {self.ui.photo: None}

    @designed
    def pick_face(
        self, request: gr.Request, max_bytes: float, event: gr.EventData, progress: gr.Progress = gr.Progress()
    ) -> dict:
        """Another face of the photo was clicked."""
        progress(0.2, "Compressing")
        session = self._session(request)
        with session.lock:
            picture = self.studio.pick_face(self._picture(session), round(clicked(event)))
            return self._show(session, picture, max_bytes)

    @designed
    def set_bytes(self, request: gr.Request, max_bytes: float, progress: gr.Progress = gr.Progress()) -> dict:
        """The bytes slider was let go: compress again."""
        session = self._session(request)
        with session.lock:
            picture = self._picture(session)
            if picture.crop is None:
                raise HSCError("This face came as a bitstream; its size cannot be changed without the photo.")
            progress(0.2, "Compressing")
            return self._show(session, picture, max_bytes)

    @designed
    def sharpen(self, request: gr.Request, max_bytes: float, progress: gr.Progress = gr.Progress()) -> dict:
        """Spend seconds instead of bytes: encode again with many steps of refinement."""
        session = self._session(request)
        with session.lock:
            picture, before = self._picture(session), session.data
            nothing = not self.studio.whole(session).layers
        if picture.crop is None:
            raise HSCError("This face came as a bitstream; only a photo can be compressed with more care.")
        if nothing:
            raise HSCError("There is nothing to sharpen in so few bytes: move the bytes slider first.")
        progress(0, "Looking closer")
        # Not under the lock: the page stays usable meanwhile.
        data = self.studio.encode(
            session, picture, round(max_bytes), THOROUGH,
            lambda done, total: progress((done, total), "Looking closer", unit="steps"),
        )  # fmt: skip
        with session.lock:
            if session.data is not before:  # another face or another size was chosen meanwhile
                return gr.skip()
            note = f"Sharpened by {THOROUGH} steps instead of {REFINE}. Anybody can open the file as before."
            kept = {name: strength for name, strength in session.strengths.items() if name in self.ui.sliders}
            return self._show(session, picture, max_bytes, data, note, kept)

    @designed
    def receive_preview(self, request: gr.Request, received: float) -> dict:
        """The received-bytes slider moves."""
        session = self._session(request)
        with session.lock:
            if session.picture is None:
                return gr.skip()  # said when the slider is let go
            size = self._within(session, received)
            layers, semantics = self.studio.prefix(session, size)
            path = session.restored.get(layers) or session.previews.get(layers)
            if path is None or not path.exists():
                preview = self.studio.codec.render_preview(semantics)
                path = session.folder.png(
                    preview, "preview", f"Preview of a face restored by HSC from {size} bytes."
                )
                session.previews[layers] = path
            return {
                self.ui.stage: (str(self._left(session)), str(path)),
                self.ui.caption: self._caption(session, size),
                self.ui.numbers: self._numbers(session, size),
                self.ui.bytemap: self._byte_map(session, size),
            }

    @designed
    def receive(self, request: gr.Request, received: float) -> dict:
        """The received-bytes slider was let go."""
        session = self._session(request)
        with session.lock:
            self._picture(session)
            return self._received(session, self._within(session, received))

    def _show(
        self, session: Session, picture: Picture, max_bytes: float, data: bytes | None = None, note: str = "",
        kept: Mapping[str, float] | None = None,
    ) -> dict:
        """A picture in all three steps: encode it, restore it, start editing.

        Args:
            data: its bitstream, where there is one already.
            note: something to say of it.
            kept: strengths to start editing with, instead of zero.
        """
        if data is None:
            data, edits = self.studio.encode(session, picture, round(max_bytes)), []
            if len(data) < 0.85 * max_bytes and len(data) > SMALLEST_FILE:
                note = f"More bytes do not help: {cards.amount(len(data))} are this model’s best."
        else:
            edits = self.studio.codec.parse(data).edits
            data = bitstream.strip_edits(data) if edits else data
            if edits:
                said = editing.described(editing.stored(edits))
                note = f"This file holds edits ({said}). The next step shows them; here is the face without."
        # All that may refuse the file or its edits comes first: the session keeps its face then.
        strengths = {**editing.stored(edits), **(kept or {})}
        directions.combine(strengths)
        if session.picture is not None and session.picture.upload != picture.upload:
            session.folder.drop(session.picture.upload)
        if session.picture is not picture:
            session.left = None
        session.picture, session.data = picture, data
        session.forget_bitstream()
        session.file = session.folder.data(data, "face.hsc")
        whole = self.studio.whole(session)
        view = self._received(session, len(data)) | {
            self.ui.received: {
                "value": len(data),
                "max": len(data),
                "marks": [
                    [layer.end, layer.name] for layer in whole.layers if layer.name in ("S", "F1", "F4", "F9")
                ],
            },
            self.ui.notes: cards.notes([*picture.notes, note] if note else picture.notes),
            self.ui.faces: picture.picker,
            self.ui.sharpen: gr.Button(interactive=picture.crop is not None and bool(whole.layers)),
            self.ui.file: gr.DownloadButton(
                value=str(session.file),
                label=f"Download .hsc, {cards.amount(len(data))}",
                interactive=bool(data),
            ),
            self.ui.grid: cards.empty("Not compared yet", "Open this step and the codecs start to work."),
            self.ui.table: "",
            self.ui.plot: gr.Plot(value=None, visible=False),
            self.ui.metric: gr.Radio(visible=False),
            self.ui.strip: "",
            self.ui.pasted: gr.Image(value=None, visible=False),
            self.ui.video: gr.Video(value=None, visible=False),
            self.ui.paste: gr.Button(visible=picture.alignment is not None),
        }
        for name, slider in self.ui.sliders.items():
            view[slider] = self._reaching(name, strengths.get(name, 0.0))
        view[self.ui.own_strength] = 0.0
        view |= self._edited(session, strengths)
        session.full_edit = self._key([*(strengths.get(name, 0.0) for name in self.ui.sliders), 0.0])
        return view

    @staticmethod
    def _reaching(name: str, strength: float) -> dict:
        """A slider at a strength; a file may hold one that is beyond what the slider offers."""
        low, high = editing.reach(directions.load(name))
        return {"value": strength, "min": min(low, strength), "max": max(high, strength)}

    @staticmethod
    def _within(session: Session, received: float) -> int:
        """Bytes received, of this file: the slider may still be at the last one's end."""
        return min(max(0, round(received)), len(session.data))

    def _received(self, session: Session, size: int) -> dict:
        """The large picture of a prefix, and everything that says how long it is."""
        path = self._restored(session, size)
        self._keep_shown(session, path)
        return {
            self.ui.stage: (str(self._left(session)), str(path)),
            self.ui.caption: self._caption(session, size),
            self.ui.numbers: self._numbers(session, size),
            self.ui.bytemap: self._byte_map(session, size),
            self.ui.layers: plots.layers(len(session.data), self.studio.whole(session), size),
            self.ui.restored: gr.DownloadButton(value=str(path), interactive=True),
        }

    @staticmethod
    def _photo(session: Session) -> str | None:
        """What the place for a photo shows: the photo that the session works on, if it was uploaded."""
        picture = session.picture
        return str(picture.upload) if picture is not None and session.folder.holds(picture.upload) else None

    def _caption(self, session: Session, size: int) -> str:
        left = "Original" if session.picture.crop else "0 bytes: the mean face"
        return cards.caption(
            left, f"Restored from {cards.amount(size)}", session.picture.description, "stage"
        )

    def _numbers(self, session: Session, size: int) -> str:
        whole = self.studio.whole(session)
        _, semantics = self.studio.prefix(session, size)
        return cards.numbers(
            len(session.data),
            size,
            semantics,
            max(whole.total_layers, len(whole.layers)),
            session.picture.upload_bytes if not session.picture.synthetic else 0,
        )

    def _byte_map(self, session: Session, size: int) -> str:
        return cards.byte_map(session.data, self.studio.whole(session), size)
