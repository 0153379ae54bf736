"""Where aligned squares overlap, each place has one owner."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from hsc.imaging import alignment, neighbours
from hsc.imaging.alignment import Alignment, Face


def square(left: float, top: float, side: float) -> Alignment:
    face = Face((left, top, left + side, top + side), np.zeros((68, 2)), 1.0)
    return Alignment(np.array([[side, 0.0, left], [0.0, side, top]]), (400, 300), face)


def test_a_face_alone_has_its_whole_square() -> None:
    (share,) = neighbours.shares([square(0, 0, 200)])
    assert np.asarray(share).min() == 255


@pytest.mark.parametrize("reverse", [False, True])
def test_overlapping_squares_share_each_place_and_keep_their_middles(reverse: bool) -> None:
    both = [square(20, 20, 200), square(140, 20, 200)]
    first, second = (np.asarray(each, float) for each in neighbours.shares(both[::-1] if reverse else both))
    first, second = (second, first) if reverse else (first, second)
    assert first[136, 128] == second[136, 128] == 255
    # Columns 154 and beyond of the first lie in the second, 120 pixels of the photo further on.
    shift = round(120 / 200 * 256)
    assert np.abs(first[:, shift:-1] + second[:, : -shift - 1] - 255).max() < 12


def test_a_pasted_face_leaves_what_is_its_neighbours() -> None:
    photo, white = Image.new("RGB", (400, 300)), Image.new("RGB", (64, 64), "white")
    both = [square(20, 20, 200), square(140, 20, 200)]
    shares = neighbours.shares(both)
    pasted = np.asarray(alignment.paste_back(photo, white, both[0], share=shares[0]))
    plain = np.asarray(alignment.paste_back(photo, white, both[0]))
    assert pasted[126, 120].min() == 255
    assert pasted[126, 195].max() == 0 < plain[126, 195].min()
