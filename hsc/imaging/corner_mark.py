"""A mark that people see, for pictures that will be copied as pixels: screenshots carry no metadata."""

from __future__ import annotations

from PIL import Image, ImageDraw, ImageFont

TEXT = "AI: restored by HSC"
_HEIGHT = 0.035
"""Of the mark, as a share of the picture's shorter side; never less than can be read."""
_LEAST = 14


def draw(image: Image.Image, text: str = TEXT) -> Image.Image:
    """A copy with a small label in the lower right corner.

    Args:
        image: a picture, RGB.
        text: what the label says.
    """
    height = max(_LEAST, round(_HEIGHT * min(image.size)))
    font = ImageFont.load_default(0.62 * height)
    left, _, right, _ = font.getbbox(text)
    width, gap = round(right - left + height), max(4, height // 3)
    label = Image.new("RGBA", (width, height))
    pen = ImageDraw.Draw(label)
    pen.rounded_rectangle((0, 0, width - 1, height - 1), height // 3, fill=(18, 17, 16, 190))
    pen.text((width / 2, height / 2), text, fill=(255, 255, 255, 255), font=font, anchor="mm")
    marked = image.convert("RGB")
    marked.paste(label, (image.width - width - gap, image.height - height - gap), label)
    return marked
