"""All faces of a photo on the page: handlers called as Gradio calls them, and a real browser."""

from __future__ import annotations

import io
import shutil
import zipfile
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from app import group
from hsc.media import group_photo
from tests.app.test_events import events, visitor  # noqa: F401  # fixtures
from tests.app.visitor import slid
from tests.media.group_picture import group_picture


@pytest.fixture(scope="session")
def friends(tmp_path_factory) -> Path:
    """A photo of two people who do not exist."""
    path = tmp_path_factory.mktemp("friends") / "friends.jpg"
    group_picture(("fair-hair", "glasses")).save(path, quality=92)
    return path


def test_all_faces_are_compressed_edited_and_in_one_picture(events, visitor, friends) -> None:  # noqa: F811
    ui = events.ui
    upload = shutil.copy(friends, friends.with_name("upload.jpg"))  # which is taken away from there
    view = events.open_upload(visitor, upload, 400)
    assert view[ui.group].visible and "All 2 faces" in view[ui.group_make].value
    view = events.make(visitor, group.NOBODY)
    session = events.sessions.get("visitor")
    assert "Face 2" in view[ui.group_facts]
    with zipfile.ZipFile(view[ui.group_files].value["path"]) as files:
        assert sorted(files.namelist()) == ["face-1.hsc", "face-2.hsc", "group.json"]
        assert files.read("face-1.hsc") == session.data
        sizes = [files.getinfo(f"face-{number}.hsc").file_size for number in (1, 2)]
        files.extractall(friends.parent / "back")
    assert max(sizes) <= 400 and f"{sum(sizes)} bytes" in view[ui.group_facts]
    loaded = group_photo.load(friends.parent / "back")
    with Image.open(friends) as photo, Image.open(view[ui.group_picture].value["path"]) as whole:
        assert whole.size == photo.size
        again = group_photo.paste(events.studio.codec, loaded, photo.convert("RGB"))
        assert np.abs(np.asarray(again, int) - np.asarray(whole.convert("RGB"), int)).max() <= 2
        assert "HSC" in whole.text["Comment"]

    # An edit of the chosen face is in its file, and leaves the other one's pixels.
    session.strengths = {"smile": 0.6}
    view = events.apply(visitor, group.CHOSEN)
    assert view[ui.group_facts].count("smile +0.60") == 1
    with zipfile.ZipFile(view[ui.group_files].value["path"]) as files:
        assert events.studio.codec.parse(files.read("face-1.hsc")).edits
        assert not events.studio.codec.parse(files.read("face-2.hsc")).edits
    with Image.open(friends) as photo, Image.open(view[ui.group_picture].value["path"]) as whole:
        changed = np.abs(np.asarray(whole.convert("RGB"), int) - np.asarray(photo.convert("RGB"), int)).max(-1)
    one, two = ([round(edge) for edge in member.where.face.box] for member in loaded.members)
    assert changed[one[1] : one[3], one[0] : one[2]].max() > 20
    assert changed[two[1] : two[3], two[0] + 40 : two[2]].max() == 0
    assert events.apply(visitor, group.EVERYBODY)[ui.group_facts].count("smile +0.60") == 2

    # Another photo: what was made of this one is gone.
    view = events.pick_example(visitor, 0, 400)
    assert not view[ui.group].visible and not view[ui.group_result].visible
    assert events.apply(visitor, group.EVERYBODY) in ({}, gr.skip())


def test_there_is_no_group_of_one_face(events, visitor, monkeypatch) -> None:  # noqa: F811
    said = []
    monkeypatch.setattr(gr, "Warning", lambda text, **_: said.append(text))
    events.pick_example(visitor, 0, 800)
    events.make(visitor, group.NOBODY)
    assert said == ["This photo has one face only."]


def test_edits_of_several_faces_add_up() -> None:
    faces = group.Faces(None)
    faces.edit(group.CHOSEN, 1, {"smile": 0.5, "age": 0.0}, 3)
    faces.edit(group.CHOSEN, 0, {"age": 1.0}, 3)
    assert faces.recipes == {1: {"smile": 0.5}, 0: {"age": 1.0}}
    faces.edit(group.EVERYBODY, 0, {"age": 1.0}, 2)
    assert faces.recipes == {0: {"age": 1.0}, 1: {"age": 1.0}}
    faces.edit(group.NOBODY, 0, {"age": 1.0}, 2)
    assert faces.recipes == {}


@pytest.mark.slow
def test_a_visitor_edits_everybody(visit, friends) -> None:
    page = visit()
    assert not page.locator("#make-group").is_visible()
    page.set_input_files("#photo input[type=file]", friends)
    page.wait_for_selector("#make-group:has-text('All 2 faces')")
    page.wait_for_selector("#download-hsc:not([disabled])")
    page.locator("#make-group").click()
    page.wait_for_selector("#group-facts strong")
    before = page.locator("#group-stage img").last.get_attribute("src")
    page.get_by_role("tab", name="2 Edit").click()
    slid(page, "smile", 0.6)
    page.get_by_role("tab", name="1 Compress").click()
    page.get_by_label("My edits on all faces").check()
    page.wait_for_selector("#group-facts li:nth-child(2):has-text('smile +0.60')")
    assert page.locator("#group-stage img").last.get_attribute("src") != before
    with page.expect_download() as download:
        page.locator("#download-group").click()
    picture = Path(download.value.path()).read_bytes()
    with Image.open(io.BytesIO(picture)) as whole, Image.open(friends) as photo:
        assert whole.size == photo.size
    page.locator("#examples button").first.click()
    page.wait_for_selector("#make-group", state="hidden")
