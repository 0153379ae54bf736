"""``.hsc`` files in Pillow, and as a MIME type of desktops and of ``file``."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, UnidentifiedImageError

import hsc.pillow
from hsc import bitstream
from hsc.errors import BitstreamError, HSCError

GOLDEN = Path(__file__).parent / "golden"
MIME = Path(hsc.pillow.__file__).parent / "mime"


def test_a_file_says_what_it_holds_before_it_is_drawn(monkeypatch):
    monkeypatch.setattr(hsc.pillow._codec(), "decode", lambda *_: pytest.fail("nobody asked for pixels"))
    with Image.open(GOLDEN / "detailed.hsc") as picture:
        assert (picture.format, picture.size, picture.mode) == ("HSC", (1024, 1024), "RGB")
        assert picture.get_format_mimetype() == "image/x-hsc"
        told = picture.info
        assert told["layers"] == ["S", *(f"F{i}" for i in range(1, 13)), "D1", "D2"]
        assert (told["bytes"], told["quality"], told["model"], told["edits"]) == (2094, 110, 10, {})
        assert told["complete"]


@pytest.mark.parametrize(("asked", "side"), [((200, 256), 256), ((300, 300), 512), ((1000, 1), 1024)])
def test_a_draft_is_drawn_as_large_as_it_must_be(asked, side):
    with Image.open(GOLDEN / "short.hsc") as picture:
        picture.draft("RGB", asked)
        assert picture.size == (side, side)
        found = np.asarray(picture)
    expected = hsc.pillow._codec().decode((GOLDEN / "short.hsc").read_bytes(), side)
    assert np.array_equal(found, np.asarray(expected))


def test_stored_edits_are_named_and_applied(tmp_path):
    """One of a direction that this release does not know is listed by its number; it cannot be drawn."""
    main = (GOLDEN / "middle.hsc").read_bytes()
    path = tmp_path / "edited.hsc"
    path.write_bytes(bitstream.append_edits(main, [(1, 0.75), (250, 1.0)]))
    with Image.open(path) as picture:
        assert picture.info["edits"] == {"smile": 0.75, 250: 1.0}
        with pytest.raises(HSCError, match="250"):
            picture.load()
    path.write_bytes(bitstream.append_edits(main, [(1, 0.75)]))
    with Image.open(path) as edited, Image.open(GOLDEN / "middle.hsc") as plain:
        for picture in (edited, plain):
            picture.draft("RGB", (256, 256))
        difference = np.abs(np.asarray(edited, np.int16) - np.asarray(plain, np.int16))
    assert 0.5 < difference.mean() < 20


def test_damage_has_its_sentence_and_others_are_not_ours(tmp_path):
    path = tmp_path / "damaged.hsc"
    data = bytearray((GOLDEN / "short.hsc").read_bytes())
    data[100] ^= 4
    path.write_bytes(data)
    with pytest.raises(BitstreamError, match="checksum does not match"):
        Image.open(path)
    path.write_bytes(data[:-2] + bytes(3000))
    with pytest.raises(BitstreamError):
        Image.open(path)
    path.write_bytes(b"no picture at all")
    with pytest.raises(UnidentifiedImageError):
        Image.open(path)


def test_a_face_is_saved_and_opened_again(tmp_path):
    path = tmp_path / "me.hsc"
    with Image.open(GOLDEN / "short.hsc") as picture:
        picture.draft("RGB", (256, 256))
        face = picture.copy()
    face.save(path, max_bytes=500, refine=0)
    assert path.stat().st_size <= 500
    with Image.open(path) as picture:
        assert picture.info["bytes"] == path.stat().st_size and picture.info["layers"]
    with pytest.raises(HSCError, match="square, not 256x200"):
        face.crop((0, 0, 256, 200)).save(path)


@pytest.mark.skipif(not shutil.which("file"), reason="needs the program file")
def test_file_knows_the_format():
    def told(*words: str) -> str:
        command = ["file", "-b", "-m", str(MIME / "hsc.magic"), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    assert told(str(GOLDEN / "long.hsc")) == "HSC compressed face, 13 layers, model 9, quality 140, 1395 bytes"
    assert told("--mime-type", str(GOLDEN / "long.hsc")) == "image/x-hsc"
    assert "HSC" not in told(__file__)


@pytest.mark.skipif(
    not (shutil.which("update-mime-database") and shutil.which("gio")), reason="needs shared-mime-info and gio"
)
def test_desktops_know_the_format(tmp_path):
    packages = tmp_path / "mime" / "packages"
    packages.mkdir(parents=True)
    shutil.copy(MIME / "hsc.xml", packages)
    environment = {**os.environ, "XDG_DATA_HOME": str(tmp_path)}
    command = ["update-mime-database", str(tmp_path / "mime")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0 and not done.stderr, done.stderr
    without_suffix = tmp_path / "face"
    shutil.copy(GOLDEN / "long.hsc", without_suffix)
    for path in (GOLDEN / "long.hsc", without_suffix):
        command = ["gio", "info", "-a", "standard::content-type", str(path)]
        found = subprocess.run(command, capture_output=True, text=True, env=environment, check=True).stdout
        assert "image/x-hsc" in found
