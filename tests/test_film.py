"""Films of one edit."""

from __future__ import annotations

import subprocess

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from hsc import film
from hsc.errors import HSCError


@pytest.fixture(scope="module")
def semantics(codec):
    return codec.parse(b"")


def test_a_gif_goes_there_and_back_and_says_what_it_is(codec, semantics, tmp_path):
    out, seen = tmp_path / "smile.gif", []
    film.write(codec, semantics, "smile", (-1.0, 1.0), out, 4, 256, progress=lambda *step: seen.append(step))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    with Image.open(out) as picture:
        assert (picture.n_frames, picture.size) == (4, (256, 256))
        assert b"Synthetic" in picture.info["comment"]


def test_a_film_says_what_it_is(codec, semantics, tmp_path):
    out = tmp_path / "smile.mp4"
    film.write(codec, semantics, "smile", (0.0, 1.0), out, 3, 256)
    told = subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-i", str(out)], capture_output=True, text=True)
    assert "Synthetic" in told.stderr and "256x256" in told.stderr


def test_other_edits_stay(codec, semantics):
    first, *_ = film.frames(codec, semantics, "smile", (0.0, 1.0), 2, 256, {"eyeglasses": 1.0, "smile": -1.0})
    expected = codec.render(codec.edit(semantics, {"eyeglasses": 1.0}), 256)
    assert np.array_equal(np.asarray(first), np.asarray(expected))


def test_strengths_are_looked_at_before_any_frame(codec, semantics, tmp_path):
    with pytest.raises(HSCError, match="strength"):
        film.write(codec, semantics, "smile", (0.0, 9.0), tmp_path / "a.gif", 2, 256,
                   progress=lambda *_: pytest.fail("a frame was rendered"))


@pytest.mark.parametrize("name", ["film.avi", "missing/film.gif", "missing/film.mp4"])
def test_what_cannot_be_written_is_refused(codec, semantics, tmp_path, name):
    with pytest.raises(HSCError):
        film.write(codec, semantics, "smile", (0.0, 1.0), tmp_path / name, 2, 256)
