"""What happens when a visitor does something: one method for each event of the page."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr

from app import cards, comparison, editing, memory, plots
from app.session import Picture, Session, Sessions
from app.studio import SMALLEST_FILE, Studio, reopen
from hsc import alignment, bitstream, film
from hsc.errors import HSCError

log = logging.getLogger(__name__)

MODEL = "model"
"""Concurrency id that all events share which run the networks."""


def designed(method: Callable) -> Callable:
    """Show what a visitor can act on as one sentence, and never a traceback; the page stays as it was."""

    @functools.wraps(method)
    def handler(self: Events, *arguments: Any, **keywords: Any) -> Any:
        try:
            return method(self, *arguments, **keywords)
        except HSCError as error:
            gr.Warning(str(error), title="That did not work", duration=8)
        except gr.Error:
            raise
        except Exception:
            log.exception("%s failed", method.__name__)
            gr.Warning("Something went wrong on our side; please try again.", title="Sorry", duration=8)
        finally:
            memory.release()
        return gr.skip()

    return handler


class Events:
    """Handlers of the page.

    Args:
        studio: runs the models.
        sessions: what is known of the visitors.
        ui: the page's components by name.
    """

    def __init__(self, studio: Studio, sessions: Sessions, ui: SimpleNamespace) -> None:
        self.studio, self.sessions, self.ui = studio, sessions, ui

    # ------------------------------------------------------------------ 1 compress

    @designed
    def start(self, request: gr.Request, max_bytes: float) -> dict:
        """A page was opened: show the first example, so that there is something to play with."""
        if not self.studio.examples:
            return gr.skip()
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
        session = self._session(request)
        picture, data = self.studio.open(Path(path))
        progress(0.4, "Compressing")
        with session.lock:
            return self._show(session, picture, max_bytes, data)

    @designed
    def pick_example(self, request: gr.Request, max_bytes: float, event: gr.EventData) -> dict:
        """An example was clicked."""
        session = self._session(request)
        with session.lock:
            return self._show(session, self.studio.example(_index(event)), max_bytes) | {self.ui.photo: None}

    @designed
    def pick_face(self, request: gr.Request, max_bytes: float, event: gr.EventData) -> dict:
        """Another face of the photo was clicked."""
        session = self._session(request)
        with session.lock:
            picture = self.studio.pick_face(self._picture(session), _index(event))
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
    def receive_preview(self, request: gr.Request, received: float) -> dict:
        """The received-bytes slider moves."""
        session = self._session(request)
        with session.lock:
            size = round(received)
            if session.picture is None or size == session.full_received:
                return gr.skip()  # let go already: the large picture is on its way, or there
            layers, semantics = self.studio.prefix(session, size)
            path = session.restored.get(layers) or session.previews.get(layers)
            if path is None or not path.exists():
                preview = self.studio.codec.render_preview(semantics)
                path = session.folder.png(
                    preview, "preview", f"Preview of a face restored by HSC from {size} bytes."
                )
                session.previews[layers] = path
            return {
                self.ui.stage: (str(session.left), str(path)),
                self.ui.caption: self._caption(session, size),
                self.ui.numbers: self._numbers(session, size),
                self.ui.bytemap: self._byte_map(session, size),
            }

    @designed
    def receive(self, request: gr.Request, received: float) -> dict:
        """The received-bytes slider was let go."""
        session = self._session(request)
        with session.lock:
            if session.picture is None:
                return gr.skip()
            return self._received(session, round(received))

    def _show(self, session: Session, picture: Picture, max_bytes: float, data: bytes | None = None) -> dict:
        """A picture in all three steps: encode it, restore it, start editing from zero."""
        enough = []
        if data is None:
            data, edits = self.studio.encode(session, picture, round(max_bytes)), []
            if len(data) < 0.85 * max_bytes and len(data) >= SMALLEST_FILE:
                enough = [f"More bytes do not help: {cards.amount(len(data))} are this model’s best."]
        else:
            edits = self.studio.codec.parse(data).edits
            data = bitstream.strip_edits(data) if edits else data
        if session.picture is not None and session.picture.upload != picture.upload:
            session.forget_upload()
        changed = session.picture is not picture
        session.picture, session.data = picture, data
        session.forget_bitstream()
        if changed:
            left = picture.crop or self.studio.codec.render(self.studio.codec.parse(b""))
            note = "The aligned face as it was given." if picture.crop else "The mean face of HSC: synthetic."
            session.left = session.folder.png(left, "original" if picture.crop else "mean-face", note)
        session.folder.keep(session.left)
        whole = self.studio.whole(session)
        strengths = editing.stored(edits)
        view = self._received(session, len(data)) | {
            self.ui.received: {
                "value": len(data),
                "max": len(data),
                "marks": [
                    [layer.end, layer.name] for layer in whole.layers if layer.name in ("S", "F1", "F4")
                ],
            },
            self.ui.notes: cards.notes([*picture.notes, *enough]),
            self.ui.faces: self._faces(picture),
            self.ui.file: gr.DownloadButton(
                value=str(session.folder.data(data, "face.hsc")),
                label=f"The file, {cards.amount(len(data))}",
                interactive=bool(data),
            ),
            self.ui.grid: cards.empty("Not compared yet", "Open this step and the codecs start to work."),
            self.ui.table: "",
            self.ui.plot: gr.Plot(value=None, visible=False),
            self.ui.strip: "",
            self.ui.pasted: gr.Image(value=None, visible=False),
            self.ui.video: gr.Video(value=None, visible=False),
            self.ui.paste: gr.Button(interactive=picture.alignment is not None),
        }
        for name, slider in self.ui.sliders.items():
            view[slider] = strengths.get(name, 0.0)
        view[self.ui.own_strength] = 0.0
        view |= self._edited(session, strengths)
        session.full_edit = self._key([*(strengths.get(name, 0.0) for name in self.ui.sliders), 0.0])
        return view

    def _received(self, session: Session, size: int) -> dict:
        """The large picture of a prefix, and everything that says how long it is."""
        layers, semantics = self.studio.prefix(session, size)
        path = session.restored.get(layers)
        if path is None or not path.exists():
            picture = self.studio.codec.render(semantics)
            path = session.folder.png(
                picture, "restored", f"Face restored by HSC from {size} bytes; not a photograph."
            )
            session.restored[layers] = path
        session.folder.keep(session.left, path)
        session.full_received = size
        return {
            self.ui.stage: (str(session.left), str(path)),
            self.ui.caption: self._caption(session, size),
            self.ui.numbers: self._numbers(session, size),
            self.ui.bytemap: self._byte_map(session, size),
            self.ui.layers: plots.layers(len(session.data), self.studio.whole(session), size),
            self.ui.restored: gr.DownloadButton(value=str(path), interactive=True),
        }

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

    @staticmethod
    def _faces(picture: Picture) -> str:
        return (
            cards.face_picker(reopen(picture), picture.faces, picture.face) if len(picture.faces) > 1 else ""
        )

    # ------------------------------------------------------------------ 2 edit

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
            return {self.ui.own_strength: _number(event)}
        return {self.ui.sliders[name]: _number(event)} if name in self.ui.sliders else gr.skip()

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
            from PIL import Image

            with Image.open(session.edited) as face:
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
                self._moved(session, others),
                key,
                (-1.0, 1.0),
                path,
                editing.FILM_FRAMES,
                progress=lambda done, total: progress((done, total), "Rendering frames"),
            )
            return {self.ui.video: gr.Video(value=str(path), visible=True)}

    def _edited(self, session: Session, strengths: dict) -> dict:
        """The large edited picture, and its downloads."""
        before = self._unedited(session)
        active = {key: value for key, value in strengths.items() if value}
        if active:
            picture = self.studio.codec.render(self._moved(session, active))
            note = editing.note(len(session.data), active)
            session.edited = session.folder.png(picture, "edited", note)
        else:
            session.edited = before
        session.folder.keep(session.left, before, session.edited)
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
                label=f"Edited file, {cards.amount(len(stored))}" if stored else "Edited file",
                interactive=bool(stored),
            ),
        }

    def _moved(self, session: Session, strengths: dict) -> Any:
        return editing.move(self.studio.codec, self.studio.whole(session), strengths)

    def _unedited(self, session: Session) -> Path:
        """The large picture of the whole bitstream."""
        whole = self.studio.whole(session)
        path = session.restored.get(len(whole.layers))
        if path is None or not path.exists():
            self._received(session, len(session.data))
            path = session.restored[len(whole.layers)]
        return path

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

    # ------------------------------------------------------------------ 3 compare

    def compare(self, request: gr.Request) -> Iterator[dict]:
        """The Compare step was opened: ask every codec, and show what each gives as it comes."""
        ui, session = self.ui, self._session(request)
        picture, data = session.picture, session.data
        if picture is None:
            return
        if picture.crop is None:
            text = (
                "A comparison needs the original, and this face came as a bitstream: open the photo in the"
                " first step."
            )
            yield {ui.grid: cards.empty("There is no original to compare with", text)}
            return
        if not data:
            text = "No codec can do anything in 0 bytes: move the bytes slider of the first step."
            yield {ui.grid: cards.empty("Nothing to compare", text)}
            return
        if session.compared is not None:
            return
        try:
            yield from self._compare(session, picture, data)
        except HSCError as error:
            gr.Warning(str(error), title="That did not work", duration=8)
        except Exception:
            log.exception("compare failed")
            gr.Warning("The comparison broke off; please open this step again.", title="Sorry", duration=8)
        finally:
            memory.release()

    def _compare(self, session: Session, picture: Picture, data: bytes) -> Iterator[dict]:
        ui = self.ui
        yield {ui.grid: cards.empty("The codecs are getting ready", "Their pictures appear here one by one.")}
        chosen = comparison.codecs(self.studio.codec, data)
        names = comparison.working(chosen)
        pictures: dict[str, Path] = {}
        original = session.folder.png(picture.crop, "original", "The aligned face as it was given.")
        yield {ui.grid: comparison.grid(original, [], {}, list(names.values())), ui.table: ""}
        for results in comparison.run(picture.crop, chosen, len(data), self.studio.judge):
            if session.data is not data:
                return  # another face meanwhile
            for result in results:
                if result.restored is not None and result.codec not in pictures:
                    note = f"A face restored by {result.name} from {result.bytes} bytes; not a photograph."
                    pictures[result.codec] = session.folder.png(result.restored, result.codec, note)
            done = {result.codec for result in results}
            waiting = [name for key, name in names.items() if key not in done]
            yield {
                ui.grid: comparison.grid(original, results, pictures, waiting),
                ui.table: comparison.table(results),
            }
        session.compared = tuple(results)
        yield {
            ui.plot: self._plot(session, "lpips_alex"),
            ui.metric: gr.Radio(visible=True, value="lpips_alex"),
        }

    @designed
    def pick_metric(self, request: gr.Request, metric: str) -> dict:
        """Another metric for the plot."""
        session = self._session(request)
        return {self.ui.plot: self._plot(session, metric)} if session.compared else gr.skip()

    def _plot(self, session: Session, metric: str) -> gr.Plot:
        return gr.Plot(
            value=plots.rate_distortion(session.compared, metric, self.studio.benchmark), visible=True
        )

    # ------------------------------------------------------------------ the rest

    def leave(self, request: gr.Request) -> None:
        """The page was closed."""
        self.sessions.close(request.session_hash)

    def _session(self, request: gr.Request) -> Session:
        return self.sessions.get(request.session_hash or "")

    @staticmethod
    def _picture(session: Session) -> Picture:
        if session.picture is None:
            raise HSCError("The page was idle for too long and its face is gone; please choose one again.")
        return session.picture


def _number(event: gr.EventData) -> float:
    return float(event._data["index"])


def _index(event: gr.EventData) -> int:
    return int(_number(event))
