"""`python -m hsc encode` and `align`: from a photo to a compressed file, or to an aligned face."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from hsc.cli import common
from hsc.cli.files import Command, Input, InputFile, Output, OutputFile, say, warn

if TYPE_CHECKING:
    from PIL import Image

    from hsc.codec import Codec

_LAST_BITS = 3
"""Levels by which two renderings of one file may differ."""


@click.command(cls=Command)
@click.argument("photo", type=InputFile())
@click.argument("out", type=OutputFile("data"))
@click.option("--bytes", "max_bytes", type=click.IntRange(1, 65535), help="Largest size of the file. [800]")
@click.option("--quality", type=click.IntRange(0, 255), help="Quality instead of a size.")
@common.face_option
@click.option("--no-align", is_flag=True, help="PHOTO is an FFHQ-aligned square already.")
@click.option(
    "--refine",
    type=click.IntRange(0, 1000),
    default=common.REFINE,
    show_default=True,
    help="Steps that improve the latents: half of them learned, at most four, then gradient descent. "
    "0 leaves out detail, too.",
)
@click.option(
    "--progressive",
    is_flag=True,
    help="Write OUT at once, and again each time that a better file is found. An interrupt leaves the best so far.",
)
def encode(
    photo: Input,
    out: Output,
    max_bytes: int | None,
    quality: int | None,
    face: int | None,
    no_align: bool,
    refine: int,
    progressive: bool,
) -> None:
    """Compress the face in PHOTO to the file OUT; - is standard input or output.

    Example: python -m hsc encode me.jpg me.hsc --bytes 800
    """
    from tqdm import tqdm

    if max_bytes is not None and quality is not None:
        raise click.UsageError("Give --bytes or --quality, not both.")
    if max_bytes is None and quality is None:
        max_bytes = 800
    if progressive and (max_bytes is None or out.path is None):
        raise click.UsageError("--progressive needs --bytes and a file to write.")
    crop = common.aligned(photo, face, no_align)
    from hsc import metrics
    from hsc.imaging import alignment

    alignment.release_models()  # the encoder can do with the memory, and there is no second photo

    with tqdm(total=refine, unit="step", disable=refine < 10) as bar:

        def report(done: int, total: int) -> None:
            bar.total = total  # with the looks for detail of a longer file
            bar.update()

        codec = common.load_codec()
        known = None if max_bytes is None else _known(codec, photo, crop, max_bytes)
        files: Iterable[bytes]
        if known is not None:
            files = [known]
        elif progressive and max_bytes is not None:
            files = codec.improve(crop, max_bytes, refine, report)
        else:
            files = [codec.encode(crop, max_bytes, quality, refine, report)]
        for data in files:
            out.write(data)
    say(f"{out}: {len(data)} bytes, {metrics.bpp(len(data)):.5f} bpp")


def _known(codec: Codec, photo: Input, face: Image.Image, max_bytes: int) -> bytes | None:
    """The file that a picture of ours was restored from, where it fits and still is what the picture shows.

    A restoration says no more than that file, and each new search for its latents loses some of the person.
    """
    import numpy as np

    from hsc.errors import BitstreamError
    from hsc.imaging import marks

    data = marks.coded_of(photo.read())
    if data is None or not 0 < len(data) <= max_bytes or face.size not in ((1024, 1024), (512, 512), (256, 256)):
        return None
    try:
        restored = codec.render(codec.parse(data), face.width)
    except BitstreamError:
        return None
    # Machines may differ in the last bit of a pixel, and whoever painted on a picture in more.
    difference = np.asarray(restored).astype(np.int16) - np.asarray(face)
    if np.abs(difference).max() > _LAST_BITS:
        return None
    warn([f"{photo.name} shows nothing but the file that it was restored from: that is written again."])
    return data


@click.command(cls=Command)
@click.argument("photo", type=InputFile())
@click.argument("out", type=OutputFile("picture"))
@common.face_option
def align(photo: Input, out: Output, face: int | None) -> None:
    """Cut the face out of PHOTO as an FFHQ-aligned 1024x1024 picture; - is standard input or output (PNG)."""
    from hsc.imaging import images

    out.write(images.as_file(common.aligned(photo, face, False), out.suffix(".png"), "Aligned by HSC.", source=None))
