from __future__ import annotations

from pathlib import Path

import pytest

from app.controls import Choices, Keeper
from app.kept import Kept, decoded, encoded
from hsc.errors import HSCError


@pytest.fixture(autouse=True)
def uploads(tmp_path: Path, monkeypatch) -> Path:
    """Where uploads lie."""
    folder = tmp_path / "gradio"
    folder.mkdir()
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(folder))
    return folder


@pytest.mark.parametrize("size", [0, 1, 2, 3, 800])
def test_bytes_go_through_an_address(size: int) -> None:
    data = bytes(range(256)) * 4
    text = encoded(data[:size])
    assert decoded(text) == data[:size] and not set(text) & set("+/=")


@pytest.mark.parametrize("text", ["a", "ab+/", "ä", "x" * 20_000])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(HSCError, match="damaged"):
        decoded(text)


@pytest.mark.parametrize(
    "brought",
    [
        {},
        {"file": 7, "photo": 8, "face": "x", "bytes": "many", "strengths": [1]},
        {"face": -1, "bytes": float("nan"), "strengths": {"smile": "high"}, "photo": "a\0b"},
        {"face": 1e300, "bytes": None, "photo": "", "example": ["x"]},
    ],
)
def test_what_makes_no_sense_is_left_out(brought: dict) -> None:
    kept = Kept.read(brought)
    assert kept == Kept() and kept.data is None


def test_what_a_page_brings_is_read(uploads: Path) -> None:
    photo = uploads / "a" / "me.jpg"
    photo.parent.mkdir()
    photo.write_bytes(b"photo")
    kept = Kept.read(
        {
            "file": "SFND",
            "photo": str(photo),
            "face": 2,
            "bytes": "400",
            "example": "beard",
            "strengths": {"smile": ".5"},
        }
    )
    assert kept == Kept("SFND", photo.resolve(), "", 2, "beard", 400, {"smile": 0.5}) and kept.data == b"HSC"
    assert Keeper().preprocess({"brought": {"bytes": 1e12}}).max_bytes == 65_535


def test_only_uploads_are_touched(uploads: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(b"not yours")
    (uploads / "link.jpg").symlink_to(secret)
    paths = [
        secret,
        uploads,
        uploads / "missing.jpg",
        uploads / ".." / "secret.jpg",
        uploads / "link.jpg",
        "/etc/passwd",
    ]
    assert all(Kept.read({"photo": str(path)}).photo is None for path in paths)


@pytest.mark.parametrize("payload", [None, {}, {"index": None}, {"index": "2"}, {"index": float("inf")}, [1], "x"])
def test_no_choice_is_none(payload) -> None:
    assert Choices().preprocess(payload) is None


def test_a_choice_is_the_value() -> None:
    assert Choices().preprocess({"markup": "", "index": 3}) == 3.0
    assert Choices().postprocess("<button>") == {"markup": "<button>", "index": None}
