from __future__ import annotations

import json
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from hsc.imaging import images, provenance
from hsc.imaging.provenance import DigitalSource

NOTE = "Face restored from 800 bytes & edited by HSC: <synthetic>."


@pytest.fixture
def exiftool() -> str:
    found = shutil.which("exiftool")
    if found is None:
        pytest.skip("needs exiftool (Debian: apt-get install libimage-exiftool-perl)")
    return found


def told(exiftool: str, path: Path) -> dict:
    """What exiftool finds in a file's XMP."""
    done = subprocess.run([exiftool, "-j", "-n", "-XMP:all", str(path)], capture_output=True, check=True, text=True)
    return json.loads(done.stdout)[0]


@pytest.mark.parametrize("source", list(DigitalSource))
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif", ".avif"])
def test_exiftool_reads_the_mark_of_a_picture(
    exiftool: str, tmp_path: Path, suffix: str, source: DigitalSource
) -> None:
    path = tmp_path / f"face{suffix}"
    images.save(Image.new("RGB", (64, 64), "teal"), path, NOTE, source=source)
    found = told(exiftool, path)
    assert found["DigitalSourceType"] == source.uri and found["Description"] == NOTE
    assert found["CreatorTool"] == "HSC Studio" and provenance.read(path.read_bytes()) is source


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
def test_a_picture_that_no_generator_made_has_no_mark(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"face{suffix}"
    images.save(Image.new("RGB", (64, 64)), path, "The aligned face as it was given.", source=None)
    assert provenance.read(path.read_bytes()) is None and b"xmpmeta" not in path.read_bytes()


def test_exiftool_reads_the_mark_of_a_film_and_its_boxes_are_whole(exiftool: str, tmp_path: Path) -> None:
    from hsc.media import morph

    path = tmp_path / "film.mp4"
    morph.write_mp4((Image.new("RGB", (64, 64), colour) for colour in ("red", "green", "blue")), path, 64)
    found = told(exiftool, path)
    assert found["DigitalSourceType"] == DigitalSource.EDITED.uri and found["Description"] == morph.NOTE
    data, at, kinds = path.read_bytes(), 0, []
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        kinds.append(kind)
        at += size
    assert at == len(data) and kinds[0] == b"ftyp" and kinds[-1] == b"uuid" and b"moov" in kinds


def test_marks_of_others_are_none_of_ours() -> None:
    assert provenance.read(b"") is None
    assert provenance.read(b"http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture") is None
