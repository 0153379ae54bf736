from __future__ import annotations

import numpy as np
import pytest

from app import editing


def test_sliders_go_little_further_than_was_tested() -> None:
    for direction in editing.shipped():
        (low, high), (first, last) = direction.range, editing.reach(direction)
        assert first <= low and high <= last
        assert low - first <= 0.1 * -low + 0.01 and last - high <= 0.1 * high + 0.01


@pytest.mark.parametrize("ends", [(-1.0, 1.0), (-0.5, 1.0), (-1.5, 1.5), (0.0, 1.0), (-0.1, 2.0), (-2.0, 0.1)])
def test_a_strip_goes_over_the_range_and_through_zero(ends: tuple[float, float]) -> None:
    frames = editing.frames(ends)
    assert len(frames) == editing.FILMSTRIP and frames == sorted(set(frames)) and 0.0 in frames
    assert (frames[0], frames[-1]) == ends


def test_a_file_name_becomes_a_title(tmp_path) -> None:
    path = tmp_path / "__Up & away (2).npy"
    np.save(path, np.ones((1, 512), np.float32))
    assert editing.foreign(path, 0, 15, 1.0).label == "Up away 2"
