"""The codec as the app uses it: loaded once, shared by all visitors, never run twice for the same thing."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from app import background, comparison, examples, memory
from app.background import Given, Step
from app.gpu import lent, on_gpu
from app.lanes import Lanes
from app.prepared import PreparedValues
from app.session import Picture, Session
from hsc import bitstream, compare
from hsc.baselines import ImageCodec
from hsc.bitstream import transport
from hsc.codec import Codec
from hsc.compare import Judge
from hsc.encoder.presets import DEFAULT
from hsc.errors import FaceError, HSCError, ImageError
from hsc.imaging import alignment, decoding, images, marks
from hsc.imaging.alignment import SIZE
from hsc.runtime import threads
from hsc.semantics import Semantics

DEFAULT_BYTES = 800
MAX_BYTES = 8000
SMALLEST_FILE = bitstream.EMPTY_BYTES
"""A file without layers; a request for less is answered with no file, which decodes to the mean face."""
MAX_UPLOAD = 20_000_000
_KEPT_EXAMPLES = 64
_KEPT_SEMANTICS = 16
"""Parsed files of examples that all who look at them share, eleven megabytes each."""
_KEPT_PREFIXES = 2
"""Of a session, beside the whole file and the one that is shown."""
_EXAMPLE = "example-"
"""Begins the digest of a prepared picture, whatever its pixels."""
_SMALL = (720, 720)


@dataclass(frozen=True)
class Better:
    """A file of a picture, better than the one before.

    Attributes:
        data: bytes of the file.
        final: whether it is the last one.
    """

    data: bytes
    final: bool = True


class Studio:
    """Model work of the app.

    Args:
        load: gives the codec; called once, when it is first needed.
    """

    def __init__(self, load: Callable[[], Codec] = Codec.load) -> None:
        self._load, self._lock = load, threading.Lock()
        self._codec: Codec | None = None
        self._examples: OrderedDict[tuple[str, int, int], bytes] = OrderedDict()
        self._prepared_semantics = PreparedValues(_KEPT_SEMANTICS)
        self._judge: Judge | None = None
        self._judge_lock = threading.Lock()
        self._rivals: list[ImageCodec] | None = None
        self._rivals_lock = threading.Lock()
        self.lanes = Lanes()
        self.examples = examples.read()
        self.benchmark = comparison.benchmark()
        self._improve: Callable[..., Iterator[bytes]] = self._improve_here
        if lent():  # the model must be on the GPU before the first call
            self._improve = self._lent_encoder()

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
        with self._judge_lock:
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
            sent, data = data, transport.without_white_space(data)
            semantics = self.codec.parse(data)
            notes = () if semantics.complete else ("The end of this file is missing; what is there is shown.",)
            notes += () if data == sent else (transport.NOTE,)
            return Picture(path.name, notes=notes, description="the face stored in the file"), data
        photo = decoding.open_image(data)
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
            photo.size,
            _small(photo) if len(faces) > 1 or not _shown_by_browsers(data) else None,
            aligned,
            (*marks.warning(data), *aligned.notes),
            description="the face in your photo",
        ), None

    def pick_face(self, picture: Picture, face: int) -> Picture:
        """Another face of the same photo.

        Raises:
            HSCError: there is no such face, or the upload is gone.
        """
        photo = reopen(picture)
        crop, aligned = alignment.align(photo, face, faces=picture.faces)
        own = digest(crop)
        return replace(picture, crop=crop, digest=own, face=face, alignment=aligned, notes=aligned.notes, example="")

    def example(self, index: int) -> Picture:
        """A prepared face."""
        if not 0 <= index < len(self.examples):
            raise FaceError("There is no such example.")
        chosen = self.examples[index]
        if not chosen.synthetic:  # a whole photo, to be aligned like any other
            picture, _ = self.open(chosen.path)
            digest, title = _EXAMPLE + chosen.name, chosen.title
            return replace(picture, title=title, digest=digest, description=title, example=chosen.name)
        crop, digest = chosen.open(), _EXAMPLE + chosen.name
        return Picture(chosen.title, crop, digest, synthetic=True, description=chosen.title, example=chosen.name)

    def example_index(self, name: str) -> int:
        """Where a prepared face of a name is.

        Raises:
            FaceError: there is none.
        """
        for index, example in enumerate(self.examples):
            if example.name == name:
                return index
        raise FaceError("There is no such example.")

    # ------------------------------------------------------------------ coding

    def known(self, session: Session, picture: Picture, max_bytes: int, steps: int = DEFAULT.steps) -> bytes | None:
        """The file of a picture at a size where nobody has to compute it: prepared, remembered, or without bytes."""
        if max_bytes < SMALLEST_FILE:
            return b""
        cache, key = self._cache(session, picture), (picture.digest, max_bytes, steps)
        data = cache.get(key)  # once: another thread may drop it
        if data is None and steps == DEFAULT.steps:
            data = self._prepared(picture, max_bytes)
            if data is not None:
                self._remember(cache, key, data)
        return data

    def improve(
        self,
        session: Session,
        picture: Picture,
        max_bytes: int,
        steps: int = DEFAULT.steps,
        stopped: Callable[[], bool] = lambda: False,
        first: bool = True,
    ) -> Iterator[Step | Better]:
        """Ever better files of a picture at a size, and the steps between them; the last file is remembered.

        Examples are remembered for everybody, other pictures for their session.

        Args:
            steps: of refinement, see :meth:`hsc.codec.Codec.encode`.
            stopped: asked at every step: nobody wants more than there is.
            first: whether to give the files before the last one, which come sooner.

        Raises:
            Stopped: so it is.
        """
        known = self.known(session, picture, max_bytes, steps)
        if known is not None:
            yield Better(known)
            return
        lane, best = self.lanes.code if steps <= DEFAULT.steps else self.lanes.work, b""

        def work(report: background.Report) -> None:
            threads.step_back()  # what people look at while they slide goes first
            for data in self._improve(picture.crop, max_bytes, steps, report):
                report.give(data)

        memory.release()  # encoding needs the most: what finding the face left behind goes first
        for event in background.run(work, stopped, lambda: self.lanes.give_way(lane)):
            if isinstance(event, Step):
                yield event
            elif isinstance(event, Given):
                best = event.value
                if first:
                    yield Better(best, final=False)
        self._remember(self._cache(session, picture), (picture.digest, max_bytes, steps), best)
        yield Better(best)

    def encode(
        self,
        session: Session,
        picture: Picture,
        max_bytes: int,
        steps: int = DEFAULT.steps,
        progress: Callable[[int, int], None] | None = None,
    ) -> bytes:
        """The file of a picture at a size, in the place of the lane that has come.

        Args:
            progress: called with steps done and steps in all; what it raises ends the work.
        """
        data = self.known(session, picture, max_bytes, steps)
        if data is not None:
            return data
        with self.lanes.code.place():
            for event in self.improve(session, picture, max_bytes, steps, first=False):
                if isinstance(event, Better):
                    data = event.data
                elif progress is not None:
                    progress(event.done, event.total)
        return data

    def _cache(self, session: Session, picture: Picture) -> dict[tuple[str, int, int], bytes]:
        return self._examples if picture.digest.startswith(_EXAMPLE) else session.encodings

    def _remember(self, cache: dict, key: tuple[str, int, int], data: bytes) -> None:
        cache[key] = data
        while len(self._examples) > _KEPT_EXAMPLES:
            self._examples.popitem(last=False)

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

    def _improve_here(
        self, crop: Image.Image, max_bytes: int, steps: int, progress: Callable[[int, int], None]
    ) -> Iterator[bytes]:
        return self.codec.improve(crop, min(max_bytes, MAX_BYTES), refine=steps, progress=progress)

    def _lent_encoder(self) -> Callable[..., Iterator[bytes]]:
        """Encoding on a lent GPU by a copy of the networks; what it writes decodes to the same symbols anywhere."""
        codec = self._load()
        for part in (codec.generator, codec.networks, codec.preview):
            part.to("cuda")
        codec.encoder_context.preload()  # loaded here, since what a call loads on a lent GPU is gone after it

        @on_gpu(seconds=15)
        def encode(crop: Image.Image, max_bytes: int, steps: int) -> bytes:
            return codec.encode(crop, max_bytes, refine=steps)

        # A lent GPU is in another process, which cannot call back, and gives one file.
        return lambda crop, max_bytes, steps, progress: iter([encode(crop, max_bytes, steps)])

    def difference(self, crop: Image.Image, restored: Image.Image) -> float:
        """LPIPS-Alex of a restoration to the original at 1024: 0 for the same picture, about 0.3 at 400 bytes."""
        import torch

        with torch.no_grad():
            return float(self.codec.lpips(images.to_tensor(crop, SIZE), images.to_tensor(restored, SIZE)))

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
            kept = {-1, received, len(whole.layers)}  # megabytes each
            for other in [key for key in session.prefixes if key not in kept][:-_KEPT_PREFIXES]:
                del session.prefixes[other]
        return received, session.prefixes[received]

    def whole(self, session: Session) -> Semantics:
        """What the session's whole bitstream says, without stored edits."""
        if -1 not in session.prefixes:
            data = session.data
            session.prefixes[-1] = self._prepared_semantics.get(session, data, lambda: self.codec.parse(data))
            session.prefixes[len(session.prefixes[-1].layers)] = session.prefixes[-1]
        return session.prefixes[-1]


def is_bitstream(path: Path) -> bool:
    """Whether an uploaded file says of itself that it is an ``.hsc`` file."""
    try:
        with open(path, "rb") as file:
            return file.read(len(bitstream.MAGIC)) == bitstream.MAGIC
    except OSError:
        return False  # said by whoever reads it


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
    return decoding.open_image(read_upload(picture.upload))


def _shown_by_browsers(data: bytes) -> bool:
    """Whether a picture's file is of a kind that any browser shows: HEIC, TIFF and others are not."""
    return data.startswith((b"\xff\xd8", b"\x89PNG", b"RIFF", b"GIF8", b"BM")) or data[4:12] == b"ftypavif"


def shown(picture: Picture) -> Image.Image | None:
    """What stands for an upload that no browser can show; None where it can."""
    if picture.upload is None or picture.small is None:
        return None
    with open(picture.upload, "rb") as file:
        return None if _shown_by_browsers(file.read(16)) else picture.small


def _small(photo: Image.Image) -> Image.Image:
    """A photo as large as a page shows it."""
    small = photo.copy()
    small.thumbnail(_SMALL)
    return small


def digest(image: Image.Image) -> str:
    """Identifies the pixels of a picture."""
    return hashlib.sha256(image.tobytes()).hexdigest()
