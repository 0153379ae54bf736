from __future__ import annotations

import time

import pytest
from PIL import Image

from app import session as sessions
from app.session import Folder, Picture, Sessions
from hsc.errors import HSCError, ImageError
from hsc.imaging.provenance import DigitalSource


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))


def test_pngs_say_what_they_are(tmp_path) -> None:
    path = Folder().png(Image.new("RGB", (8, 8), "red"), "edited", "Edited by HSC: synthetic.")
    with Image.open(path) as image:
        assert image.text["Software"] == "HSC Studio" and image.text["Comment"] == "Edited by HSC: synthetic."
        assert DigitalSource.EDITED.uri in image.text["XML:com.adobe.xmp"]
        assert image.getpixel((0, 0)) == (255, 0, 0)
    assert path.name == "edited.png" and tmp_path in path.parents


def test_files_push_out_older_ones_of_their_name_alone(monkeypatch) -> None:
    monkeypatch.setattr(sessions, "_KEPT_OTHERS", 3)
    folder = Folder()
    face = folder.data(b"face", "face.hsc")
    shown, *previews = [folder.data(b"1", "preview.png") for _ in range(3)]
    folder.keep(shown)
    folder.data(b"4", "preview.png")
    assert face.exists() and shown.exists() and not previews[0].exists() and previews[1].exists()


def test_what_is_shown_is_young_for_the_cleaner() -> None:
    folder = Folder()
    path = folder.data(b"1", "a")
    before = path.stat().st_ctime_ns
    time.sleep(0.05)
    folder.keep(path)
    assert path.stat().st_ctime_ns > before


def test_an_upload_is_copied_and_counted_apart(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(sessions, "_KEPT_OTHERS", 2)
    given = tmp_path / "preview.png"
    given.write_bytes(b"photo")
    folder = Folder()
    own = folder.copy(given, "photo")
    given.unlink()  # another visitor who had the same photo has left
    for _ in range(5):
        folder.data(b"1", "preview.png")
    assert own.read_bytes() == b"photo" and own.name == "preview.png" and folder.holds(own)
    folder.drop(own)
    assert not own.parent.exists() and not folder.holds(own)
    with pytest.raises(ImageError, match="no longer here"):
        folder.copy(given, "photo")


def test_visitors_are_apart_and_closing_deletes_everything(tmp_path) -> None:
    everybody = Sessions()
    one, other = everybody.get("one"), everybody.get("other")
    assert one is not other and everybody.get("one") is one and one.folder.path != other.folder.path
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"photo")
    uploads = one.folder.copy(photo, "photo"), other.folder.copy(photo, "photo")
    file, kept = one.folder.data(b"1", "a"), other.folder.data(b"2", "a")
    everybody.close("one")
    assert not file.exists() and not uploads[0].exists() and len(everybody) == 1
    assert kept.exists() and uploads[1].exists()


def test_prepared_pictures_are_never_deleted(tmp_path) -> None:
    asset = tmp_path / "astronaut.png"
    asset.write_bytes(b"photo")
    everybody = Sessions()
    session = everybody.get("one")
    session.picture = Picture("astronaut", upload=asset)
    session.folder.drop(asset)
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
    while (len(everybody) or file.exists()) and time.monotonic() < deadline:  # forgotten first, then deleted
        time.sleep(0.1)
    assert not len(everybody) and not file.exists() and not everybody.files


def test_nothing_is_written_for_a_visit_that_is_over() -> None:
    everybody = Sessions()
    folder = everybody.get("one").folder
    everybody.close("one")
    with pytest.raises(HSCError, match="over"):
        folder.data(b"1", "a")
    assert not folder.path.exists()


def test_a_late_call_of_a_closed_page_leaves_nothing(monkeypatch) -> None:
    everybody = Sessions()
    everybody.get("one")
    everybody.close("one")
    with pytest.raises(HSCError, match="over"):
        everybody.get("one")
    assert not len(everybody)
    monkeypatch.setattr("app.session._LATE", 0)  # a page that found its connection again
    assert everybody.get("one") is everybody.get("one")


def test_the_empty_never_push_out_a_face() -> None:
    everybody = Sessions(limit=3)
    faces = [everybody.get(key).folder.data(b"face", "face.hsc") for key in ("one", "other")]
    for index in range(100):
        everybody.get(f"nobody {index}", "elsewhere")
    assert all(face.exists() for face in faces) and len(everybody) == 3


def test_a_crowd_pushes_out_its_own() -> None:
    everybody = Sessions(limit=4)
    mine = everybody.get("mine", "here")
    mine.folder.data(b"face", "face.hsc")
    for index in range(20):
        everybody.get(f"crowd {index}", "elsewhere").folder.data(b"face", "face.hsc")
    assert everybody.get("mine", "here") is mine and len(everybody) == 4


def test_whoever_is_at_work_keeps_the_face_and_newcomers_are_told() -> None:
    everybody = Sessions(limit=3)
    at_work = [everybody.get(key) for key in "abc"]
    for key, session in zip("abc", at_work):
        session.folder.data(b"face", "face.hsc")
        everybody.get(key)  # a slider moves
    with pytest.raises(HSCError, match="As many visitors are here"):
        everybody.get("d")
    assert [everybody.get(key) for key in "abc"] == at_work
    at_work[1].used -= 1000
    everybody.get("d")
    assert everybody.get("a") is at_work[0] and len(everybody) == 3


def test_results_of_calls_lie_in_one_folder_for_each_address(monkeypatch) -> None:
    monkeypatch.setattr(sessions, "_KEPT_RESULTS", 3)
    everybody = Sessions()
    files = [everybody.results("here").data(b"1", "face.hsc") for _ in range(5)]
    other = everybody.results("there").data(b"1", "face.hsc")
    assert [file.exists() for file in files] == [False, False, True, True, True] and other.exists()
    assert everybody.results("here") is everybody.results("here") and len(everybody) == 2


def test_a_visitor_has_so_many_bytes_on_disk() -> None:
    folder = Folder(most=250)
    shown = folder.data(b"x" * 100, "shown.png")
    first, second = (folder.data(b"x" * 100, name) for name in ("a.png", "b.png"))
    assert not shown.exists() and first.exists() and second.exists()
    folder.keep(first)
    third = folder.data(b"x" * 100, "c.png")
    assert first.exists() and not second.exists() and third.exists()
    assert folder.data(b"x" * 1000, "large.png").exists()  # a single one is bounded elsewhere


def test_a_file_that_cannot_be_written_leaves_nothing(monkeypatch) -> None:
    folder = Folder()

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    for write in (lambda: folder.data(b"1", "face.hsc"), lambda: folder.png(Image.new("RGB", (8, 8)), "a", "note")):
        with pytest.raises(HSCError, match="cannot be written"):
            write()
    assert not folder.used and not list(folder.path.rglob("*.*"))
