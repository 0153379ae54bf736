from __future__ import annotations

import pytest
from PIL import Image, ImageChops

from hsc.imaging import corner_mark


@pytest.mark.parametrize("size", [(1024, 1024), (256, 256), (640, 1600)])
def test_the_mark_is_in_the_corner_and_can_be_seen_on_any_ground(size: tuple[int, int]) -> None:
    for colour in ("white", "black", "grey"):
        plain = Image.new("RGB", size, colour)
        marked = corner_mark.draw(plain)
        left, top, right, bottom = ImageChops.difference(plain, marked).getbbox()
        assert left > 0.2 * size[0] and top > 0.85 * size[1] and right < size[0] and bottom < size[1]
        inside = marked.crop((left, top, right, bottom)).convert("L").getextrema()
        assert inside[1] - inside[0] > 150
    assert plain.getpixel((0, 0)) == marked.getpixel((0, 0))
