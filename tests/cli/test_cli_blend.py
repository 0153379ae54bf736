"""`python -m hsc blend`: two files, one picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from hsc.cli import common
from hsc.cli import main as cli
from hsc.imaging import alignment

EXAMPLES = Path(__file__).resolve().parents[2] / "assets" / "examples"
TWO = EXAMPLES / "beard.hsc", EXAMPLES / "girl.hsc"


@pytest.fixture
def invoke(codec, monkeypatch):
    monkeypatch.setattr(common, "load_codec", lambda: codec)
    return lambda *words: CliRunner().invoke(cli.main, ["blend", *map(str, words)], catch_exceptions=False)


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def test_its_ends_are_the_pictures_of_the_files(invoke, codec, tmp_path) -> None:
    for amount, file in zip((0, 1), TWO):
        out = tmp_path / f"{amount}.png"
        assert invoke(*TWO, out, "--amount", amount, "--size", 256).exit_code == 0
        assert np.array_equal(pixels(out), np.asarray(codec.decode(file.read_bytes(), 256)))


def test_halfway_is_another_picture_and_says_what_it_is(invoke, tmp_path) -> None:
    out = tmp_path / "half.png"
    done = invoke(*TWO, out, "--size", 512)
    assert done.exit_code == 0, done.output
    with Image.open(out) as picture:
        assert "Synthetic" in picture.text["Comment"] and picture.size == (512, 512)
        assert len(alignment.detect(picture)) == 1


def test_without_dlib_it_blends_all_the_same(invoke, tmp_path, monkeypatch) -> None:
    def missing(_: object) -> None:
        raise ModuleNotFoundError(name="dlib")

    monkeypatch.setattr(alignment, "landmarks_of", missing)
    done = invoke(*TWO, tmp_path / "half.png", "--size", 256)
    assert done.exit_code == 0 and "dlib" in done.output


@pytest.mark.parametrize("words", [["--amount", "1.5"], ["--features", "-1"], ["--amount", "half"]])
def test_other_amounts_are_refused(invoke, tmp_path, words) -> None:
    assert invoke(*TWO, tmp_path / "x.png", *words).exit_code == 2
