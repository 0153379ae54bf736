"""Films of one edit."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from hsc.baselines import ffmpeg
from hsc.errors import HSCError
from hsc.media import morph

EXAMPLES = Path(__file__).resolve().parents[2] / "assets" / "examples"


@pytest.fixture(scope="module")
def semantics(codec):
    return codec.parse(b"")


def test_a_gif_goes_there_and_back_and_says_what_it_is(codec, semantics, tmp_path):
    out, seen = tmp_path / "smile.gif", []
    morph.write(codec, semantics, "smile", (-1.0, 1.0), out, 4, 256, progress=lambda *step: seen.append(step))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    with Image.open(out) as picture:
        assert (picture.n_frames, picture.size) == (4, (256, 256))
        assert b"Synthetic" in picture.info["comment"]


def test_a_film_says_what_it_is(codec, semantics, tmp_path):
    out = tmp_path / "smile.mp4"
    morph.write(codec, semantics, "smile", (0.0, 1.0), out, 3, 256)
    told = subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-i", str(out)], capture_output=True, text=True)
    assert "Synthetic" in told.stderr and "256x256" in told.stderr


def test_other_edits_stay(codec, semantics):
    first, *_ = morph.frames(codec, semantics, "smile", (0.0, 1.0), 2, 256, {"eyeglasses": 1.0, "smile": -1.0})
    expected = codec.render(codec.edit(semantics, {"eyeglasses": 1.0}), 256)
    assert np.array_equal(np.asarray(first), np.asarray(expected))


def test_strengths_are_looked_at_before_any_frame(codec, semantics, tmp_path):
    with pytest.raises(HSCError, match="strength"):
        morph.write(
            codec,
            semantics,
            "smile",
            (0.0, 9.0),
            tmp_path / "a.gif",
            2,
            256,
            progress=lambda *_: pytest.fail("a frame was rendered"),
        )


@pytest.mark.parametrize("name", ["morph.avi", "missing/morph.gif", "missing/morph.mp4"])
def test_what_cannot_be_written_is_refused(codec, semantics, tmp_path, name):
    with pytest.raises(HSCError):
        morph.write(codec, semantics, "smile", (0.0, 1.0), tmp_path / name, 2, 256)


FILMS = [
    "2026-11-28T14:02.mp4",
    "./-x.mp4",
    "x%d.mp4",
    "caf\udce9.mp4",
    "日本.mp4",
    "a b" + "c" * 248 + ".mp4",
    "'\"$(x).mp4",
]


@pytest.mark.parametrize("name", FILMS)
def test_a_film_may_have_any_name(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    morph.write_mp4([Image.new("RGB", (256, 256), "red")] * 2, Path(name), 256)
    assert os.listdir() == [Path(name).name] and Path(name).stat().st_size > 500


@pytest.mark.parametrize("size", [1024, 512])
def test_a_player_sees_the_colours_that_were_filmed(size, tmp_path):
    with Image.open(EXAMPLES / "girl.jpg") as picture:
        picture = picture.convert("RGB").resize((size, size))
    film = tmp_path / "x.mp4"
    morph.write_mp4([picture] * 3, film, size)
    told = ffmpeg_says(film)
    assert "yuv420p(tv, bt709, " in told and "Synthetic" in told
    wanted = np.asarray(picture).astype(float)
    # By the tags; by what players take untagged films of this size for; and with the more exact arithmetic.
    for reading in ([], ["-vf", "scale=in_color_matrix=bt709"], ["-vf", "scale=flags=full_chroma_inp+full_chroma_int"]):
        raw = ffmpeg.run(
            ["-i", str(film), *reading, "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], b"", "reading"
        )
        seen = np.frombuffer(raw, np.uint8).reshape(size, size, 3).astype(float)
        assert np.abs((seen - wanted).mean((0, 1))).max() < 2 and np.abs(seen - wanted).mean() < 2


def ffmpeg_says(film: Path) -> str:
    command = [ffmpeg.executable(), "-hide_banner", "-i", str(film)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stderr


def test_a_film_that_ends_early_leaves_the_old_one(tmp_path):
    film = tmp_path / "x.mp4"
    film.write_bytes(b"old")

    def pictures():
        yield Image.new("RGB", (256, 256))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        morph.write_mp4(pictures(), film, 256)
    assert film.read_bytes() == b"old" and os.listdir(tmp_path) == ["x.mp4"]
