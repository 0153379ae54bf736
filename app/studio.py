"""The codec as the app uses it: loaded once, shared by all visitors, never run twice for the same thing."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PIL import Image

from app import cards, comparison, examples, memory
from app.gpu import lent, on_gpu
from app.session import Picture, Session
from hsc import alignment, bitstream, compare, images
from hsc.baselines import ImageCodec
from hsc.codec import REFINE, Codec, Semantics
from hsc.compare import Judge
from hsc.errors import FaceError, HSCError, ImageError

DEFAULT_BYTES = 800
MAX_BYTES = 8000
SMALLEST_FILE = bitstream.EMPTY_BYTES
"""A file without layers; a request for less is answered with no file, which decodes to the mean face."""
MAX_UPLOAD = 20_000_000
_KEPT_EXAMPLES = 64
_EXAMPLE = "example-"
"""Begins the digest of a prepared picture, whatever its pixels."""


class Studio:
    """Model work of the app.

    Args:
        load: gives the codec; called once, when it is first needed.
    """

    def __init__(self, load: Callable[[], Codec] = Codec.load) -> None:
        self._load, self._lock = load, threading.Lock()
        self._codec: Codec | None = None
        self._examples: OrderedDict[tuple[str, int, int], bytes] = OrderedDict()
        self._judge: Judge | None = None
        self._rivals: list[ImageCodec] | None = None
        self._rivals_lock = threading.Lock()
        self.examples = examples.read()
        self.benchmark = comparison.benchmark()
        self._encode: Callable[..., bytes] = self._encode_here
        if lent():  # the model must be on the GPU before the first call
            self._encode = self._lent_encoder()

    @property
    def codec(self) -> Codec:
        """The codec, loaded on first use.

        Raises:
            WeightsError: weights are missing.
        """
        with self._lock:
            if self._codec is None:
                self._codec = self._load()
            return self._codec

    @property
    def judge(self) -> Judge:
        """The metrics of comparisons, loaded on first use."""
        with self._lock:
            if self._judge is None:
                self._judge = compare.default_judge()
            return self._judge

    @property
    def rivals(self) -> list[ImageCodec]:
        """The codecs that ours is compared with, made on first use."""
        with self._rivals_lock:
            if self._rivals is None:
                self._rivals = comparison.rivals()
            return self._rivals

    def warm_up(self) -> None:
        """Load the codec and run every network once, so that the first visitor does not wait for it."""
        codec = self.codec
        semantics = codec.parse(b"")
        codec.render_preview(semantics)
        codec.render(semantics)

    # ------------------------------------------------------------------ opening

    def open(self, path: Path, face: int | None = None) -> tuple[Picture, bytes | None]:
        """A photo or a bitstream from an uploaded file.

        Returns:
            The picture, and the bitstream where the file is one.

        Raises:
            HSCError: it is neither, or shows no face.
        """
        data = read_upload(path)
        if data.startswith(bitstream.MAGIC):
            semantics = self.codec.parse(data)
            notes = (
                () if semantics.complete else ("The end of this file is missing; what is there is shown.",)
            )
            return Picture(path.name, notes=notes, description="the face stored in the file"), data
        photo = images.open_image(data)
        faces = alignment.detect(photo)
        crop, aligned = alignment.align(photo, face, faces=faces)
        return Picture(
            path.name,
            crop,
            digest(crop),
            path,
            len(data),
            faces,
            face or 0,
            cards.face_picker(photo, faces, face or 0),
            aligned,
            aligned.notes,
            description="the face in your photo",
        ), None

    def pick_face(self, picture: Picture, face: int) -> Picture:
        """Another face of the same photo.

        Raises:
            HSCError: there is no such face, or the upload is gone.
        """
        photo = reopen(picture)
        crop, aligned = alignment.align(photo, face, faces=picture.faces)
        picker = cards.face_picker(photo, picture.faces, face)
        return replace(
            picture, crop=crop, digest=digest(crop), face=face, picker=picker, alignment=aligned, notes=aligned.notes
        )

    def example(self, index: int) -> Picture:
        """A prepared face."""
        if not 0 <= index < len(self.examples):
            raise FaceError("There is no such example.")
        chosen = self.examples[index]
        if not chosen.synthetic:  # a whole photo, to be aligned like any other
            picture, _ = self.open(chosen.path)
            return replace(picture, title=chosen.title, digest=_EXAMPLE + chosen.name, description=chosen.title)
        crop = chosen.open()
        return Picture(chosen.title, crop, _EXAMPLE + chosen.name, synthetic=True, description=chosen.title)

    # ------------------------------------------------------------------ coding

    def encode(
        self, session: Session, picture: Picture, max_bytes: int, steps: int = REFINE,
        progress: Callable[[int, int], None] | None = None,
    ) -> bytes:
        """The bitstream of a picture at a size; remembered for the session, examples for everybody.

        Args:
            steps: of refinement, see :meth:`hsc.codec.Codec.encode`.
            progress: called with steps done and steps in all.
        """
        if max_bytes < SMALLEST_FILE:
            return b""
        key = (picture.digest, max_bytes, steps)
        cache = self._examples if picture.digest.startswith(_EXAMPLE) else session.encodings
        data = cache.get(key)  # once: another queue may drop it
        if data is None:
            prepared = self._prepared(picture, max_bytes) if steps == REFINE else None
            data = cache[key] = prepared or self._encode(picture.crop, max_bytes, steps, progress)
            if len(self._examples) > _KEPT_EXAMPLES:
                self._examples.popitem(last=False)
        return data

    def _prepared(self, picture: Picture, max_bytes: int) -> bytes | None:
        """An example's file of the default size, as it lies beside the picture; None for anything else."""
        if max_bytes != DEFAULT_BYTES or not picture.digest.startswith(_EXAMPLE):
            return None
        name = picture.digest.removeprefix(_EXAMPLE)
        try:
            data = next(example.prepared for example in self.examples if example.name == name).read_bytes()
            fits = len(data) <= max_bytes and self.codec.parse(data).complete
        except (OSError, HSCError):  # not there, or of another model
            return None
        return data if fits else None

    def _encode_here(self, crop: Image.Image, max_bytes: int, steps: int, progress) -> bytes:
        memory.release()  # encoding needs the most: what finding the face left behind goes first
        return self.codec.encode(crop, max_bytes, refine=steps, progress=progress)

    def _lent_encoder(self) -> Callable[..., bytes]:
        """Encoding on a lent GPU by a copy of the networks; what it writes decodes to the same symbols anywhere."""
        codec = self._load()
        for part in (codec.generator, codec.networks, codec.preview):
            part.to("cuda")
        codec.lpips, codec.looking_glass  # loaded here, since what a call loads on a lent GPU is gone after it

        @on_gpu(seconds=15)
        def encode(crop: Image.Image, max_bytes: int, steps: int) -> bytes:
            return codec.encode(crop, max_bytes, refine=steps)

        # A lent GPU is in another process, which cannot call back.
        return lambda crop, max_bytes, steps, progress: encode(crop, max_bytes, steps)

    def prefix(self, session: Session, size: int) -> tuple[int, Semantics]:
        """What the first bytes of the session's bitstream say: number of layers, and the semantics.

        A prefix says the same until the next layer is complete, so there are only as many as layers.
        """
        whole = self.whole(session)
        received = sum(layer.end <= size for layer in whole.layers)
        if size >= len(session.data):
            received = len(whole.layers)
        if received not in session.prefixes:
            end = whole.layers[received - 1].end if received else 0
            session.prefixes[received] = self.codec.parse(bitstream.truncate(session.data, end))
        return received, session.prefixes[received]

    def whole(self, session: Session) -> Semantics:
        """What the session's whole bitstream says, without stored edits."""
        if -1 not in session.prefixes:
            session.prefixes[-1] = self.codec.parse(session.data)
            session.prefixes[len(session.prefixes[-1].layers)] = session.prefixes[-1]
        return session.prefixes[-1]


def read_upload(path: Path) -> bytes:
    """The bytes of an uploaded file.

    Raises:
        ImageError: it is empty, too large, or gone.
    """
    try:
        size = path.stat().st_size
        if size > MAX_UPLOAD:
            raise ImageError(f"The file has {size / 1e6:.0f} MB; at most {MAX_UPLOAD // 10**6} MB are read.")
        data = path.read_bytes()
    except OSError as error:
        raise ImageError("The upload is no longer here; please choose the file again.") from error
    if not data:
        raise ImageError("The file is empty.")
    return data


def reopen(picture: Picture) -> Image.Image:
    """The photo that a picture was cut from.

    Raises:
        HSCError: there is none, or it was deleted meanwhile.
    """
    if picture.upload is None or picture.alignment is None:
        raise HSCError("There is no photo to paste into: open one in the first step.")
    return images.open_image(read_upload(picture.upload))


def digest(image: Image.Image) -> str:
    """Identifies the pixels of a picture."""
    return hashlib.sha256(image.tobytes()).hexdigest()


__all__ = ["DEFAULT_BYTES", "MAX_BYTES", "MAX_UPLOAD", "Studio", "digest", "read_upload", "reopen"]
