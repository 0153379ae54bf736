from __future__ import annotations

import time

import pytest
from PIL import Image

from app import session as sessions
from app.session import Folder, Picture, Sessions
from hsc.errors import HSCError


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))


def test_pngs_say_what_they_are(tmp_path) -> None:
    path = Folder().png(Image.new("RGB", (8, 8), "red"), "edited", "Edited by HSC: synthetic.")
    with Image.open(path) as image:
        assert image.text == {"Software": "HSC Studio", "Comment": "Edited by HSC: synthetic."}
        assert image.getpixel((0, 0)) == (255, 0, 0)
    assert path.name == "edited.png" and tmp_path in path.parents


def test_old_files_go_and_shown_ones_stay(monkeypatch) -> None:
    monkeypatch.setattr(sessions, "_MAX_FILES", 3)
    folder = Folder()
    first = folder.data(b"1", "a")
    second = folder.data(b"2", "a")
    folder.data(b"3", "a")
    folder.keep(first)
    folder.data(b"4", "a")
    assert first.exists() and not second.exists()


def test_visitors_are_apart_and_closing_deletes_everything(tmp_path) -> None:
    everybody = Sessions()
    one, other = everybody.get("one"), everybody.get("other")
    assert one is not other and everybody.get("one") is one and one.folder.path != other.folder.path
    upload = tmp_path / "upload.jpg"
    upload.write_bytes(b"photo")
    one.picture = Picture("me", upload=upload)
    file, kept = one.folder.data(b"1", "a"), other.folder.data(b"2", "a")
    everybody.close("one")
    assert not file.exists() and not upload.exists() and kept.exists() and len(everybody) == 1


def test_prepared_pictures_are_never_deleted(tmp_path) -> None:
    asset = tmp_path / "astronaut.png"
    asset.write_bytes(b"photo")
    everybody = Sessions()
    everybody.get("one").picture = Picture("astronaut", upload=asset, owned=False)
    everybody.close("one")
    assert asset.exists()


def test_idle_and_excess_sessions_are_forgotten() -> None:
    everybody = Sessions(lifetime=0.0)
    file = everybody.get("one").folder.data(b"1", "a")
    everybody.get("other")
    assert not file.exists() and len(everybody) == 1
    few = Sessions(limit=2)
    for key in "abc":
        few.get(key)
    assert len(few) == 2


def test_a_quiet_server_forgets_too() -> None:
    everybody = Sessions(lifetime=0.2)
    file = everybody.get("one").folder.data(b"1", "a")
    deadline = time.monotonic() + 20
    while len(everybody) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not len(everybody) and not file.exists() and not everybody.files


def test_nothing_is_written_for_a_visit_that_is_over() -> None:
    everybody = Sessions()
    folder = everybody.get("one").folder
    everybody.close("one")
    with pytest.raises(HSCError, match="over"):
        folder.data(b"1", "a")
    assert not folder.path.exists()
