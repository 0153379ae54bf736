from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import ImageChops, ImageStat

from app import examples, prepare
from app.session import Session
from app.studio import DEFAULT_BYTES, Studio
from hsc import bitstream


@pytest.fixture
def one(tmp_path: Path, monkeypatch, studio) -> Studio:
    """A studio with the first example alone, whose folder may be written to."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    entry = examples.read()[0]
    shutil.copy(entry.path, tmp_path)
    (tmp_path / "examples.json").write_text(f'[{{"file": "{entry.path.name}", "title": "A", "seed": 1, "credit": ""}}]')
    own = Studio(load=lambda: studio.codec)
    own.examples = examples.read(tmp_path)
    return own


@pytest.fixture
def encoded(one: Studio, monkeypatch) -> list[int]:
    """Sizes that were really encoded."""
    sizes: list[int] = []
    improve = one._improve
    monkeypatch.setattr(one, "_improve", lambda crop, size, *rest: sizes.append(size) or improve(crop, size, *rest))
    return sizes


def test_a_prepared_file_stands_for_an_encode(one: Studio, encoded: list[int]) -> None:
    picture, codec = one.example(0), one.codec
    prepared = codec.encode(picture.crop, max_bytes=300, refine=0)
    one.examples[0].prepared.write_bytes(prepared)
    assert one.encode(Session(), picture, DEFAULT_BYTES) == prepared and not encoded
    assert one.encode(Session(), picture, 300) and encoded == [300]


@pytest.mark.parametrize("damage", ["model", "cut", "none"])
def test_a_prepared_file_that_is_not_of_this_model_is_ignored(one: Studio, encoded: list[int], damage: str) -> None:
    picture = one.example(0)
    data = one.codec.encode(picture.crop, max_bytes=300, refine=0)
    if damage == "model":
        data = bitstream.BitstreamWriter(200, 0).finish()
    if damage == "cut":
        data = data[:-20]
    if damage != "none":
        one.examples[0].prepared.write_bytes(data)
    assert one.encode(Session(), picture, DEFAULT_BYTES) != data and encoded == [DEFAULT_BYTES]


def test_the_tool_writes_what_the_page_takes(one: Studio, encoded: list[int], monkeypatch) -> None:
    monkeypatch.setattr("app.prepare.Studio", lambda: one)
    done = CliRunner().invoke(prepare.main, [])
    assert done.exit_code == 0 and one.examples[0].prepared.name in done.output
    data = one.encode(Session(), one.example(0), DEFAULT_BYTES)
    assert data == one.examples[0].prepared.read_bytes() and not encoded


def test_what_is_shipped_prepared_is_of_the_shipped_model(studio) -> None:
    """Weights may change without a new model number, and old files would be shown as noise."""
    for index, example in enumerate(studio.examples):
        if example.prepared.is_file():
            data = example.prepared.read_bytes()
            assert len(data) <= DEFAULT_BYTES
            restored = studio.codec.decode(data, 256)
            crop = studio.example(index).crop.resize((256, 256))
            error = sum(value**2 for value in ImageStat.Stat(ImageChops.difference(crop, restored)).rms) / 3
            assert error < 1500, f"{example.name}: run python -m app.prepare"


def test_there_are_a_dozen_synthetic_faces_and_one_credited_photo() -> None:
    found = examples.read()
    assert sum(example.synthetic for example in found) == 12
    photos = [example for example in found if not example.synthetic]
    assert len(photos) == 1 and "public domain" in photos[0].credit
    assert all(example.open().size == (1024, 1024) for example in found if example.synthetic)
    assert len({example.title for example in found}) == 13


def test_they_are_small() -> None:
    assert sum(path.stat().st_size for path in examples.FOLDER.iterdir()) < 4_000_000


def test_thumbnails_are_data_and_made_once() -> None:
    first, again = examples.read()[0].thumbnail(), examples.read()[0].thumbnail()
    assert first.startswith("data:image/webp;base64,") and first is again
