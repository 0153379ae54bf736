"""A contact sheet: originals in the first column, restorations from ever more bytes beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PIL import Image, ImageDraw, ImageFont

from hsc.codec import REFINE, Codec

CAPTION = 22
"""Height in pixels of the line under a picture."""


def contact_sheet(
    codec: Codec, faces: Sequence[Image.Image], targets: Sequence[int], size: int = 256, refine: int = REFINE,
    progress: Callable[[], None] | None = None,
) -> Image.Image:
    """Encode every aligned face at every target size in bytes; captions give the bytes of the whole file.

    Args:
        faces: FFHQ-aligned squares.
        targets: ``max_bytes`` of the encoder.
        size: side of one picture in pixels.
        refine: gradient steps of the encoder.
        progress: called after every picture.
    """
    sheet = Image.new("RGB", (size * (1 + len(targets)), (size + CAPTION) * len(faces)), "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(14)

    def place(picture: Image.Image, column: int, row: int, caption: str) -> None:
        left, top = column * size, row * (size + CAPTION)
        sheet.paste(picture.resize((size, size), Image.Resampling.LANCZOS), (left, top))
        draw.text((left + size / 2, top + size + CAPTION / 2), caption, "black", font, anchor="mm")

    for row, face in enumerate(faces):
        place(face, 0, row, "original")
        for column, target in enumerate(targets, start=1):
            data = codec.encode(face, max_bytes=target, refine=refine)
            place(codec.decode(data), column, row, f"{len(data):,} bytes")
            if progress:
                progress()
    return sheet
