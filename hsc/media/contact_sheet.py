"""Sheets of captioned pictures: originals in the first column, restorations from ever more bytes beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PIL import Image, ImageDraw, ImageFont

from hsc.codec import Codec
from hsc.encoder.presets import DEFAULT

CAPTION = 22
"""Height in pixels of the line under a picture."""


def grid(rows: Sequence[Sequence[tuple[Image.Image, str]]], size: int = 256) -> Image.Image:
    """Rows of (picture, caption), each picture ``size`` pixels wide and high, on white."""
    sheet = Image.new("RGB", (size * max(map(len, rows)), (size + CAPTION) * len(rows)), "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(14)
    for row, cells in enumerate(rows):
        for column, (picture, caption) in enumerate(cells):
            left, top = column * size, row * (size + CAPTION)
            sheet.paste(picture.resize((size, size), Image.Resampling.LANCZOS), (left, top))
            draw.text((left + size / 2, top + size + CAPTION / 2), caption, "black", font, anchor="mm")
    return sheet


def contact_sheet(
    codec: Codec,
    faces: Sequence[Image.Image],
    targets: Sequence[int],
    size: int = 256,
    refine: int = DEFAULT.steps,
    progress: Callable[[], None] | None = None,
) -> Image.Image:
    """Encode every aligned face at every target size in bytes; captions give the bytes of the whole file.

    Args:
        faces: FFHQ-aligned squares.
        targets: ``max_bytes`` of the encoder.
        size: side of one picture in pixels.
        refine: refinement steps of the encoder.
        progress: called after every picture.
    """
    rows = []
    for face in faces:
        rows.append([(face, "original")])
        for target in targets:
            data = codec.encode(face, max_bytes=target, refine=refine)
            rows[-1].append((codec.decode(data), f"{len(data):,} bytes"))
            if progress:
                progress()
    return grid(rows, size)
