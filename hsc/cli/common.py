"""What several commands do alike: load the codec, find the face in a photo, read a compressed file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hsc.cli.files import Input, InputFile, warn
from hsc.encoder.presets import DEFAULT
from hsc.errors import BitstreamError, HSCError

if TYPE_CHECKING:
    from PIL import Image

    from hsc.codec import Codec

REFINE = DEFAULT.steps
"""Refinement steps of an ordinary encode."""
SIZES = ["1024", "512", "256"]
_LARGEST_FILE = 1_000_000
"""In bytes, ten times what a file with all its edits has."""

face_option = click.option("--face", type=click.IntRange(0), help="Which face, 0 for the largest.")
refine_option = click.option(
    "--refine", type=click.IntRange(0, 1000), default=REFINE, show_default=True, help="As in encode."
)
sign_option = click.option(
    "--sign",
    metavar="PEM",
    type=InputFile(),
    help="Sign Content Credentials (C2PA) with the key and certificates of this file; needs c2pa-python.",
)


def load_codec() -> Codec:
    """The codec; its first load fetches weights and says so on stderr."""
    import hsc

    return hsc.Codec.load()


def read_coded(file: Input) -> bytes:
    """The bytes of an ``.hsc`` file, or of its first bytes; white space after its end is left out, with a note.

    Raises:
        BitstreamError: it is empty, foreign or damaged, as far as its header and its checksum tell.
        HSCError: it cannot be read.
    """
    from hsc.bitstream import BitstreamReader, transport

    data = file.read(_LARGEST_FILE)
    if not data:
        raise BitstreamError(f"{file.name} is empty.")
    mended = transport.without_white_space(data)
    if mended != data:
        warn([transport.NOTE])
    BitstreamReader(mended)  # what is no such file is refused before seconds of loading
    return mended


def aligned(photo: Input, face: int | None, no_align: bool) -> Image.Image:
    """The face of a photo as an FFHQ-aligned square; what a user should know of it goes to stderr.

    A picture that this project aligned or restored, and that is whole, is taken as it is.

    Args:
        face: which one, 0 for the largest; None for the largest, with a note where there are others.
        no_align: the photo is such a square already.

    Raises:
        HSCError: it is no picture, shows no face, or is no square.
    """
    from hsc.imaging import alignment, images, marks

    data = photo.read()
    picture = images.open_image(data, photo.name)
    warn(marks.warning(data, photo.name))
    if face is None and marks.is_aligned(data, picture.size):
        return picture
    if no_align:
        if picture.width != picture.height:
            raise HSCError(f"{photo.name} is {picture.width}x{picture.height}; an aligned face is square.")
        return picture
    crop, found = alignment.align(picture, face)
    warn(found.notes)
    return crop


def strengths_of(edits: tuple[str, ...]) -> dict[str, float]:
    """``NAME=VALUE`` words to strengths by name.

    Raises:
        UsageError: one is nothing of the kind.
    """
    found = {}
    for edit in edits:
        name, _, value = edit.partition("=")
        try:
            found[name] = float(value)
        except ValueError:
            raise click.UsageError(f"{edit!r} is not NAME=VALUE, such as smile=0.8.") from None
    return found


def signed(data: bytes, suffix: str, pem: Input | None, note: str) -> bytes:
    """A picture or a film with a manifest in it, where a key is given.

    Args:
        data: the whole file.
        suffix: names its format.
        pem: the key and its certificates, or None.
        note: one sentence about the picture.
    """
    if pem is None:
        return data
    from hsc.imaging import content_credentials
    from hsc.imaging.provenance import DigitalSource

    with pem.file() as path:
        return content_credentials.sign(data, suffix, path, DigitalSource.EDITED, note)
