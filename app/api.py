"""Typed endpoints for programs: compress, decode, edit, compare.

Files go in and out as Gradio's file data: ``gradio_client.handle_file("me.jpg")`` in Python, an upload and
its path with curl. Nothing is remembered between calls.
"""

# Annotations are evaluated here: Gradio reads the types of results from the functions themselves.
import functools
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
from gradio import FileData

from app import arguments, comparison, editing, memory, messages
from app.events import MODEL
from app.fair_queue import still_wanted
from app.guard import caller
from app.session import Folder, Picture, Session, Sessions
from app.studio import DEFAULT_BYTES, MAX_BYTES, Studio
from hsc import bitstream, metrics
from hsc.bitstream import transport
from hsc.compare import Result
from hsc.errors import HSCError, ImageError
from hsc.rendering.renderer import SIZES
from hsc.semantics import Semantics

log = logging.getLogger(__name__)


def register(studio: Studio, sessions: Sessions) -> None:
    """Add the endpoints to the app that is being built.

    Args:
        studio: the models.
        sessions: keep account of the files that are sent.
    """

    def compress(photo: FileData, max_bytes: int = DEFAULT_BYTES, face: int = 0) -> tuple[FileData, dict[str, Any]]:
        """Compress one face of a photo to an .hsc file of at most max_bytes bytes.

        Args:
            photo: A picture file (JPEG, PNG, WebP, AVIF and others, up to 20 MB and 40 megapixels).
            max_bytes: Largest size of the file in bytes, 0 to 8000.
            face: Which face, 0 for the largest.

        Returns:
            The .hsc file, and a description: bytes, bpp, layers (name, bytes, end), faces found, notes.
        """
        max_bytes, face = arguments.whole("max_bytes", max_bytes, 0, MAX_BYTES), arguments.whole("face", face, 0)
        with studio.lanes.find.place():
            picture, data = studio.open(_received(photo), face)
        if data is not None:
            raise ImageError("That is an .hsc file already, not a photo.")
        data = _encoded(studio, picture, max_bytes)
        about = _description(studio.codec.parse(data)) | {
            "faces": len(picture.faces),
            "notes": list(picture.notes),
        }
        return _sent(_results(sessions).data(data, "face.hsc")), about

    def decode(file: FileData, size: int = 1024, received_bytes: int = -1) -> tuple[FileData, dict[str, Any]]:
        """Restore the face from an .hsc file, or from its first bytes only.

        Args:
            file: An .hsc file; edits that are stored in it are applied.
            size: Side of the picture: 1024, 512 or 256.
            received_bytes: Decode only this many bytes from the start; -1 for all.

        Returns:
            The restored picture as PNG, and a description: bytes, bpp, layers (name, bytes, end), complete.
        """
        size = arguments.one_of("size", size, SIZES)
        received_bytes = arguments.whole("received_bytes", received_bytes)
        data = _file(file)
        if received_bytes >= 0:
            data = bitstream.truncate(data, received_bytes)
        semantics = studio.codec.parse(data)
        shown = editing.move(studio.codec, semantics, editing.stored(semantics.edits))
        picture = studio.codec.render(shown, size)
        note = f"Face restored by HSC from {len(data)} bytes; not a photograph."
        return _sent(_results(sessions).png(picture, "restored", note)), _description(semantics)

    def edit(file: FileData, strengths: dict[str, float], size: int = 1024) -> tuple[FileData, FileData]:
        """Edit a compressed face along named directions, such as {"smile": 0.8, "eyeglasses": 1}.

        Args:
            file: An .hsc file; edits that are stored in it are replaced.
            strengths: Direction names and strengths; 1 is a clear effect, -1 its opposite.
            size: Side of the picture: 1024, 512 or 256.

        Returns:
            The edited picture as PNG, and the .hsc file with the edits stored in it.
        """
        size, strengths = arguments.one_of("size", size, SIZES), arguments.strengths(strengths)
        data = bitstream.strip_edits(_file(file))
        moved = editing.move(studio.codec, studio.codec.parse(data), strengths)
        picture, folder = studio.codec.render(moved, size), _results(sessions)
        note = editing.note(len(data), strengths)
        active = {name: value for name, value in strengths.items() if value}
        stored = editing.with_edits(data, active) or data
        return _sent(folder.png(picture, "edited", note)), _sent(folder.data(stored, "edited.hsc"))

    def compare(photo: FileData, max_bytes: int = DEFAULT_BYTES, face: int = 0) -> list[dict[str, Any]]:
        """Compress one face with every codec to at most max_bytes bytes, and measure what comes back.

        Args:
            photo: A picture file.
            max_bytes: Largest size of each file in bytes, 12 to 8000.
            face: Which face, 0 for the largest.

        Returns:
            For each codec: codec, name, bytes, fits, metrics, reason (why there is no result) and note.
        """
        max_bytes = arguments.whole("max_bytes", max_bytes, bitstream.file_bytes([]), MAX_BYTES)
        face = arguments.whole("face", face, 0)
        with studio.lanes.find.place():
            picture, data = studio.open(_received(photo), face)
        if data is not None:
            raise ImageError("A comparison needs a photo, not an .hsc file.")
        chosen = [comparison.CurrentFile(studio.codec, _encoded(studio, picture, max_bytes)), *studio.rivals]
        *_, results = comparison.run(picture.crop, chosen, max_bytes, studio.judge)
        return [_row(result) for result in results]

    # In a queue of its own: a program that compresses does not keep others from looking at what they have.
    gr.api(_told(compress), api_name="compress", concurrency_id="compress", concurrency_limit=1)
    for endpoint in (decode, edit):
        gr.api(_told(endpoint), api_name=endpoint.__name__, concurrency_id=MODEL, concurrency_limit=1)
    gr.api(_told(compare), api_name="compare", concurrency_id="compare", concurrency_limit=1)


def _told(endpoint: Callable) -> Callable:
    """Turn what a caller can act on into Gradio's error: one sentence."""

    @functools.wraps(endpoint)
    def told(*arguments: Any, **keywords: Any) -> Any:
        try:
            return endpoint(*arguments, **keywords)
        except HSCError as error:
            raise gr.Error(messages.sentence(error), print_exception=False) from error
        except Exception as error:
            log.exception("%s failed", endpoint.__name__)
            raise gr.Error(messages.BROKEN, print_exception=False) from error
        finally:
            memory.release()

    return told


def _encoded(studio: Studio, picture: Picture, max_bytes: int) -> bytes:
    """The file of a picture; given up where nobody waits for it any more."""

    def watch(done: int, total: int) -> None:
        if not still_wanted():
            raise HSCError("Nobody waits for this any more.")

    return studio.encode(Session(), picture, max_bytes, progress=watch)


def _results(sessions: Sessions) -> Folder:
    """Where results of whoever calls lie."""
    from gradio.context import LocalContext

    return sessions.results(caller(LocalContext.request.get(None)))


def _received(file: Any) -> Path:
    """Path of an uploaded file; a path outside the uploads is refused, whatever it names."""
    from gradio.utils import get_upload_folder, is_in_or_equal

    path = file.get("path") if isinstance(file, dict) else getattr(file, "path", None)
    if not isinstance(path, str) or not is_in_or_equal(path, get_upload_folder()):
        raise ImageError("Upload the file first, and pass the path that the upload returned.")
    return Path(path)


def _file(file: Any) -> bytes:
    """The bytes of an uploaded .hsc file; an empty one is the stream of 0 bytes."""
    path = _received(file)
    try:
        if path.stat().st_size > 1_000_000:
            raise ImageError("That is not an .hsc file: it is too large.")
        return transport.without_white_space(path.read_bytes())
    except OSError as error:
        raise ImageError("The upload is no longer here; please send the file again.") from error


def _sent(path: Path) -> FileData:
    return FileData(path=str(path), orig_name=path.name, meta={"_type": "gradio.FileData"}).model_dump()


def _row(result: Result) -> dict[str, Any]:
    reason = None if result.reason is None else messages.sentence(result.reason)
    return {
        "codec": result.codec,
        "name": result.name,
        "bytes": result.bytes,
        "fits": result.fits,
        "metrics": result.metrics,
        "reason": reason,
        "note": reason or result.note,
    }


def _description(semantics: Semantics) -> dict[str, Any]:
    return {
        "bytes": semantics.bytes,
        "bpp": metrics.bpp(semantics.bytes),
        "quality": semantics.quality,
        "layers": [{"name": layer.name, "bytes": layer.bytes, "end": layer.end} for layer in semantics.layers],
        "total_layers": semantics.total_layers,
        "complete": semantics.complete,
        "edits": editing.stored(semantics.edits),
    }
