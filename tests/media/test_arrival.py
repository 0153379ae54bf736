"""Films of a file arriving, and of before and after."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image, ImageChops

from hsc.errors import HSCError
from hsc.media import arrival

EXAMPLES = Path(__file__).resolve().parents[2] / "assets" / "examples"


def test_every_layer_of_a_file_is_in_the_film_with_its_bytes(codec, tmp_path):
    data = (EXAMPLES / "beard.hsc").read_bytes()
    whole = codec.parse(data)
    shown = list(arrival.stages(codec, data, 256))
    assert [name for _, name, _ in shown] == ["nothing", *(layer.name for layer in whole.layers)]
    assert [size for size, _, _ in shown] == [0, *(layer.end for layer in whole.layers[:-1]), len(data)]
    assert not ImageChops.difference(shown[-1][2], codec.decode(data, 256)).getbbox()
    frames = list(arrival.frames(shown))
    assert len(frames) == len(shown) * (arrival.HOLD + arrival.FADE) + arrival.END
    assert ImageChops.difference(frames[-1], shown[-1][2]).getbbox()[1] > 200  # the label in the corner, no more


def test_a_divider_goes_over_both_pictures_and_back(tmp_path):
    before, after = Image.new("RGB", (64, 64), "red"), Image.new("RGB", (64, 64), "blue")
    frames = list(arrival.wipe(before, after))
    assert frames[0].getpixel((5, 5)) == (255, 0, 0) and frames[len(frames) // 2].getpixel((5, 5)) == (0, 0, 255)
    assert frames[-1].getpixel((5, 5)) == (255, 0, 0)
    for suffix in (".gif", ".mp4"):
        arrival.save(iter(frames), tmp_path / f"a{suffix}", 64, "Synthetic.")
        assert (tmp_path / f"a{suffix}").stat().st_size > 300
    with pytest.raises(HSCError, match=".mp4 or .gif"):
        arrival.save(iter(frames), tmp_path / "a.avi", 64, "Synthetic.")
