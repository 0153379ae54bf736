"""`python -m hsc group`: a photo with several faces, there and back."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from hsc.cli import common
from hsc.cli import main as cli
from hsc.errors import HSCError
from tests.media.group_picture import NAMES, group_picture


@pytest.fixture
def invoke(codec, monkeypatch):
    monkeypatch.setattr(common, "load_codec", lambda: codec)
    return lambda *words: CliRunner().invoke(cli.main, ["group", *map(str, words)], catch_exceptions=True)


@pytest.fixture(scope="module")
def photo(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("photo") / "friends.png"
    group_picture().save(path)
    return path


def test_faces_go_to_a_folder_and_come_back_into_the_photo(invoke, photo, tmp_path) -> None:
    folder, out = tmp_path / "friends", tmp_path / "friends.png"
    made = invoke("encode", photo, folder, "--bytes", 450, "--refine", 0)
    assert made.exit_code == 0, made.output
    sizes = [path.stat().st_size for path in sorted(folder.glob("face-*.hsc"))]
    assert len(sizes) == len(NAMES) and max(sizes) <= 450
    assert f"{sum(sizes)} bytes" in made.output
    done = invoke("decode", folder, out, "--into", photo, "--edit", "smile=0.5", "--edit", "2:eyeglasses=-0.5")
    assert done.exit_code == 0, done.output
    with Image.open(out) as picture, Image.open(photo) as original:
        assert picture.size == original.size
        comment = picture.info["Comment"]
    assert "face 2 eyeglasses=-0.5" in comment and "face 1 smile=0.5" in comment and "face 1 eye" not in comment

    again = invoke("encode", photo, folder)
    assert isinstance(again.exception, HSCError) and "already" in str(again.exception)
    for word, said in (("4:smile=1", "1 to 3"), ("2:smile", "NAME=VALUE"), ("0:smile=1", "1 to 3")):
        refused = invoke("decode", folder, tmp_path / "x.png", "--edit", word)
        assert refused.exit_code == 2 and said in refused.output
    other = tmp_path / "other.png"
    Image.new("RGB", (300, 300)).save(other)
    refused = invoke("decode", folder, tmp_path / "x.png", "--into", other)
    assert isinstance(refused.exception, HSCError) and not (tmp_path / "x.png").exists()


def test_a_folder_without_a_group_and_a_photo_without_faces_are_refused(invoke, tmp_path) -> None:
    refused = invoke("decode", tmp_path, tmp_path / "x.png")
    assert isinstance(refused.exception, HSCError) and "group.json" in str(refused.exception)
    nobody = tmp_path / "nobody.png"
    Image.new("RGB", (300, 300)).save(nobody)
    refused = invoke("encode", nobody, tmp_path / "new")
    assert isinstance(refused.exception, HSCError) and not (tmp_path / "new").exists()
