"""A group photo of people who do not exist: shipped faces, cut close and put side by side."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

EXAMPLES = Path(__file__).resolve().parents[2] / "assets" / "examples"
NAMES = ("fair-hair", "glasses", "black-hair")


def group_picture(names: tuple[str, ...] = NAMES, side: int = 360) -> Image.Image:
    """So close together that the aligned squares of neighbours overlap; the first face is the largest."""
    sides = [side + 40 * (index == 0) for index in range(len(names))]
    photo = Image.new("RGB", (sum(sides), max(sides)), (180, 190, 200))
    left = 0
    for name, width in zip(names, sides):
        with Image.open(EXAMPLES / f"{name}.jpg") as face:
            photo.paste(face.convert("RGB").crop((172, 150, 852, 830)).resize((width, width)), (left, 0))
        left += width
    return photo
