"""The second step's blend: this face, another one, and a slider between their files."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from app import blend
from app.blend import Other
from app.events.common import Handlers, user_errors
from app.lanes import SOON
from app.session import Session
from app.studio import read_upload
from app.view import face
from hsc import bitstream
from hsc.bitstream import transport
from hsc.errors import BitstreamError
from hsc.imaging import alignment
from hsc.semantics import Semantics

_SEEN = 512


class BlendEvents(Handlers):
    """Handlers of the place for blends."""

    @user_errors
    def pick(self, request: gr.Request, index: float | None, amount: float, what: str | None) -> dict:
        """A prepared face was clicked."""
        session = self.session(request)
        face(session)
        if index is None or not 0 <= index < len(self.studio.examples):
            return gr.skip()
        example = self.studio.examples[round(index)]
        self._take(session, example.title, example.prepared.read_bytes())
        strip = blend.strip(self.studio.examples, round(index))
        return self._blended(session, amount, what) | {self.ui.blend_faces: strip}

    @user_errors
    def open_other(self, request: gr.Request, path: str | None, amount: float, what: str | None) -> dict:
        """A file was given."""
        session = self.session(request)
        if not path:
            return gr.skip()
        upload = Path(path)
        try:
            face(session)
            data = read_upload(upload)
        finally:
            upload.unlink(missing_ok=True)
        if not data.startswith(bitstream.MAGIC):
            raise BitstreamError(f"{upload.name} is no .hsc file: compress the other photo first.")
        self._take(session, upload.name, transport.without_white_space(data))
        strip = blend.strip(self.studio.examples)
        return self._blended(session, amount, what) | {self.ui.blend_faces: strip}

    @user_errors
    def preview(self, request: gr.Request, amount: float, what: str | None) -> dict:
        """The slider moves."""
        session = self.session(request)
        if not session.ready or session.other is None:
            return gr.skip()
        with self.studio.lanes.look.place(SOON), session.lock:
            picture = self.studio.codec.render_preview(self._mixed(session, amount, what))
            path = session.folder.png(picture, "preview", "Preview of two faces blended by HSC: synthetic.")
            return self._shown(session, path, amount, what)

    @user_errors
    def blend(self, request: gr.Request, amount: float, what: str | None) -> dict:
        """The slider was let go, or it was said what is blended."""
        session = self.session(request)
        face(session)
        return gr.skip() if session.other is None else self._blended(session, amount, what)

    def _take(self, session: Session, title: str, data: bytes) -> None:
        """Another face is to be blended with.

        Raises:
            BitstreamError: the file cannot be decoded.
        """
        codec = self.studio.codec
        with self.studio.lanes.look.place():
            semantics = codec.parse(data)
            semantics = codec.edit(semantics, codec.stored_edits(semantics))
            landmarks = alignment.landmarks_of(codec.render(semantics, _SEEN))
        session.other = Other(title, semantics, landmarks)

    def _blended(self, session: Session, amount: float, what: str | None) -> dict:
        with self.studio.lanes.look.place(), session.lock:
            picture = self.studio.codec.render(self._mixed(session, amount, what))
            codes, features = blend.shares(amount, what)
            note = f"Synthetic: two faces blended by HSC (S {codes:g}, F {features:g} of the second)."
            path = session.folder.png(picture, "blended", note)
            return self._shown(session, path, amount, what) | {
                self.ui.blended: gr.DownloadButton(value=str(path), interactive=True)
            }

    def _shown(self, session: Session, path: Path, amount: float, what: str | None) -> dict:
        own = self.view.edited_picture(session)
        self.view.keep_shown(session, path)
        return {
            self.ui.blend_stage: (str(own), str(path)),
            self.ui.blend_caption: blend.caption(session.other.title, *blend.shares(amount, what)),
        }

    def _mixed(self, session: Session, amount: float, what: str | None) -> Semantics:
        """Between the session's face, its edits included, and the other one."""
        codes, features = blend.shares(amount, what)
        own, other = self.view.moved(session, session.strengths), session.other
        landmarks = None
        if 0 < features < 1 and other.landmarks is not None:
            key = session.data, tuple(session.strengths.items())
            if session.own_landmarks is None or session.own_landmarks[0] != key:
                session.own_landmarks = key, alignment.landmarks_of(self.studio.codec.render(own, _SEEN))
            found = session.own_landmarks[1]
            landmarks = None if found is None else (found, other.landmarks)
        return self.studio.codec.blend(own, other.semantics, codes, features, landmarks)
