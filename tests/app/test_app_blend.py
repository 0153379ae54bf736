"""Blending on the page: handlers called as Gradio calls them, and a real browser."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from app import blend
from app.events.blend import BlendEvents
from app.session import Picture, Sessions
from tests.app.conftest import EXAMPLES

_NAMES = "blend_stage blend_caption blended blend_faces".split()


@pytest.fixture
def events(studio, tmp_path, monkeypatch) -> BlendEvents:
    """With a prepared face in the session."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    events = BlendEvents(studio, Sessions(), SimpleNamespace(**{name: name for name in _NAMES}))
    session = events.sessions.get("visitor")
    session.picture, session.ready = Picture("me"), True
    session.data = (EXAMPLES / "beard.hsc").read_bytes()
    return events


@pytest.fixture
def visitor() -> SimpleNamespace:
    return SimpleNamespace(session_hash="visitor")


def right(view: dict) -> np.ndarray:
    with Image.open(view["blend_stage"][1]) as picture:
        return np.asarray(picture.convert("RGB"))


def test_the_slider_goes_from_one_file_to_the_other(events, visitor, studio) -> None:
    girl = next(index for index, example in enumerate(studio.examples) if example.name == "girl")
    half = events.pick(visitor, girl, 0.5, blend.BOTH)
    assert half["blend_faces"].count('aria-pressed="true"') == 1 and "50%" in half["blend_caption"]
    own, other = (np.asarray(studio.codec.decode((EXAMPLES / f"{n}.hsc").read_bytes())) for n in ("beard", "girl"))
    assert np.array_equal(right(events.blend(visitor, 0.0, blend.BOTH)), own)
    assert np.array_equal(right(events.blend(visitor, 1.0, blend.BOTH)), other)
    far = [np.abs(right(half).astype(float) - each).mean() for each in (own, other)]
    assert min(far) > 3
    for what in (blend.CODES, blend.FEATURES):
        assert "of S" in events.blend(visitor, 1.0, what)["blend_caption"]
    assert right(events.preview(visitor, 0.4, blend.BOTH)).shape == (256, 256, 3)


def test_a_file_of_somebody_else_is_taken_and_a_photo_is_not(events, visitor, tmp_path, monkeypatch) -> None:
    said = []
    monkeypatch.setattr(gr, "Warning", lambda text, **_: said.append(text))
    given = Path(shutil.copy(EXAMPLES / "glasses.hsc", tmp_path / "other.hsc"))
    assert "other.hsc" in events.open_other(visitor, str(given), 0.5, blend.BOTH)["blend_caption"]
    photo = Path(shutil.copy(EXAMPLES / "glasses.jpg", tmp_path / "other.jpg"))
    events.open_other(visitor, str(photo), 0.5, blend.BOTH)
    broken = tmp_path / "broken.hsc"
    broken.write_bytes(b"HSC\x1d" + bytes(40))
    events.open_other(visitor, str(broken), 0.5, blend.BOTH)
    assert len(said) == 2 and "ther.jpg is no .hsc file" in said[0]
    assert not any(path.exists() for path in (given, photo, broken))
    assert events.sessions.get("visitor").other.title == "other.hsc"


def test_shares_are_held_between_both_faces() -> None:
    assert blend.shares(0.3, None) == blend.shares(0.3, blend.BOTH) == (0.3, 0.3)
    assert blend.shares(2, blend.CODES) == (1.0, 0.0) and blend.shares(-1, blend.FEATURES) == (0.0, 0.0)


@pytest.mark.slow
def test_a_visitor_blends_two_examples(visit) -> None:
    page = visit()
    page.get_by_role("tab", name="2 Edit").click()
    page.locator("#blend").get_by_role("button", name="Blend with another face").click()
    page.locator("#blend-faces button").nth(2).click()
    page.wait_for_selector("#blend .caption-right:has-text('50%')")
    before = page.locator("#blend-stage img").last.get_attribute("src")
    slider = page.locator("#blend-amount input")
    slider.focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    page.wait_for_selector("#blend .caption-right:has-text('60%')")
    page.wait_for_selector("#download-blend:not([disabled])")
    page.wait_for_function(
        "before => [...document.querySelectorAll('#blend-stage img')].at(-1).src !== before", arg=before
    )
    with page.expect_download() as download:
        page.locator("#download-blend").click()
    with Image.open(download.value.path()) as picture:
        assert picture.size == (1024, 1024) and "blended" in picture.text["Comment"]
