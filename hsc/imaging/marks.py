"""The marks that our own pictures carry: who made them, one sentence about what they are, and the same for machines."""

from __future__ import annotations

import base64
import io
import os
from pathlib import Path

from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from hsc.imaging import provenance
from hsc.imaging.provenance import DigitalSource

SOFTWARE = "HSC Studio"
"""What files name as their maker."""
NOT_CODED = ("Aligned by HSC", "The aligned face as it was given")
"""Begin the notes of our pictures that show no restoration."""
PASTED = "It is part of a photo."
"""Ends the notes of pictures that a face was pasted into."""
_WHOLE = (*NOT_CODED, "Restored by HSC from a compressed file", "Synthetic: restored and edited", "Face restored")
_CODED = "HSC file"
"""Keyword of a PNG's text: the file that it shows, in base64."""
_FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "TIFF")
_TEXT_BYTES = 10_000
"""No note is as long; other people's comments may be."""


def options(
    suffix: str, note: str, coded: bytes | None = None, source: DigitalSource | None = DigitalSource.EDITED
) -> dict[str, object]:
    """What Pillow's writer of a format takes, so that a picture carries a note; nothing where it has no place.

    Args:
        suffix: ``.png``, ...
        note: one sentence.
        coded: the ``.hsc`` file that the picture shows, with nothing added; PNG, which loses nothing, has a place for
            it.
        source: the same for machines, see :mod:`hsc.imaging.provenance`; None for pictures that no generator made.
    """
    found = _note(suffix, note, coded)
    if source is not None:
        provenance.add(found, suffix, provenance.xmp(source, note, SOFTWARE))
    return found


def _note(suffix: str, note: str, coded: bytes | None) -> dict[str, object]:
    if suffix in (".png", ".apng"):
        info = PngInfo()
        info.add_text("Software", SOFTWARE)
        info.add_text("Comment", note)
        if coded:
            info.add_text(_CODED, base64.b64encode(coded).decode())
        return {"pnginfo": info}
    if suffix == ".gif":
        return {"comment": f"{note} ({SOFTWARE})"}
    exif = Image.Exif()
    exif[ExifTags.Base.Software] = SOFTWARE
    exif[ExifTags.Base.ImageDescription] = note
    return {"exif": exif}


def mark_of(source: str | os.PathLike | bytes) -> str | None:
    """The note of a picture that :func:`options` marked, or None: of a path, or of a whole file's bytes.

    What cannot be read has no mark. Only the file's head is decoded.
    """
    try:
        stream = io.BytesIO(source) if isinstance(source, bytes) else Path(source).open("rb")
        with stream, Image.open(stream, formats=_FORMATS) as image:
            return _mark(image)
    except Exception:  # Pillow fails in many ways on what is damaged or no picture
        return None


def coded_of(data: bytes) -> bytes | None:
    """The ``.hsc`` file that a PNG of ours says that it shows, or None. Somebody may have painted on it since.

    Args:
        data: the PNG file.
    """
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            return (
                base64.b64decode(image.info[_CODED], validate=True) if image.info.get("Software") == SOFTWARE else None
            )
    except Exception:  # Pillow fails in many ways on what is damaged or no PNG
        return None


def is_aligned(data: bytes, size: tuple[int, int]) -> bool:
    """Whether a picture is an aligned face as this project writes it: it needs no alignment, which would move it again.

    Args:
        data: the file.
        size: width and height of its picture, which tell whether it was cut since.
    """
    note = mark_of(data)
    whole = note is not None and not note.endswith(PASTED) and note.startswith(_WHOLE)
    return whole and size[0] == size[1] and size[0] in (1024, 512, 256)


def warning(data: bytes, name: str = "This picture") -> tuple[str, ...]:
    """What to say where a picture that is to be compressed shows a restoration of ours: one sentence, or none.

    Args:
        data: a whole file. It is searched and not parsed, so that any sender's may be given.
        name: what to call it.
    """
    if SOFTWARE.encode() not in data or any(note.encode() in data for note in NOT_CODED):
        return ()
    return (f"{name} was restored by HSC before: each time that it is coded again, less of the person is left.",)


def _mark(image: Image.Image) -> str | None:
    if image.format == "GIF":  # which has no place but for a comment
        comment = image.info.get("comment", b"")
        text = comment.decode("utf-8", "replace") if isinstance(comment, bytes) else str(comment)
        end = f" ({SOFTWARE})"
        return text.removesuffix(end) if text.endswith(end) and len(text) < _TEXT_BYTES else None
    if image.info.get("Software") == SOFTWARE:
        return str(image.info.get("Comment", ""))[:_TEXT_BYTES]
    exif = image.getexif()
    if str(exif.get(ExifTags.Base.Software, "")).strip("\0 ") != SOFTWARE:
        return None
    return str(exif.get(ExifTags.Base.ImageDescription, ""))[:_TEXT_BYTES].strip("\0 ")
