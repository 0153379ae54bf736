"""Handlers of the page, called as Gradio calls them, with the real codec and names in place of components."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest
from PIL import Image

import directions
from app import editing
from app.events import Events
from app.session import Sessions
from hsc import bitstream
from hsc.codec import REFINE

_NAMES = (
    "stage caption numbers bytemap layers restored edit_stage edit_caption edited edited_file own_strength"
    " received notes faces sharpen file grid table plot strip pasted video paste examples photo metric own_file"
).split()


@pytest.fixture
def events(studio, tmp_path, monkeypatch) -> Events:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    ui = SimpleNamespace(**{name: name for name in _NAMES})
    ui.sliders = {direction.name: f"slider-{direction.name}" for direction in editing.shipped()}
    return Events(studio, Sessions(), ui)


@pytest.fixture
def visitor() -> SimpleNamespace:
    return SimpleNamespace(session_hash="visitor")


def skipped(update) -> bool:
    """Whether a handler left the page as it was."""
    return update == gr.skip()


def test_the_first_example_is_shown_and_encoded_once(events, visitor, monkeypatch) -> None:
    calls = []
    encode = events.studio._encode
    monkeypatch.setattr(events.studio, "_encode", lambda *given: calls.append(given) or encode(*given))
    events.studio._examples.clear()
    view = events.start(visitor, 500)
    left, right = view["stage"]
    with Image.open(left) as original, Image.open(right) as restored:
        assert original.format == restored.format == "PNG" and original.size == restored.size == (1024, 1024)
    size = len(events.sessions.get("visitor").data)
    assert 0 < size <= 500 and f"<strong>{size}</strong>" in view["numbers"]
    assert view["received"]["max"] == view["received"]["value"] == size
    events.set_bytes(visitor, 300)
    events.set_bytes(visitor, 500)
    events.start(SimpleNamespace(session_hash="other"), 500)
    assert [given[1] for given in calls] == [500, 300]


def test_sharpening_spends_steps_and_no_bytes_and_keeps_edits(
    events, visitor, photo: Path, tmp_path: Path, monkeypatch
) -> None:
    steps = REFINE + 1
    monkeypatch.setattr("app.events.compress.THOROUGH", steps)
    given = tmp_path / "me.png"
    given.write_bytes(photo.read_bytes())
    events.open_upload(visitor, str(given), 400)
    session = events.sessions.get("visitor")
    quick, seen = session.data, []
    view = events.sharpen(visitor, 400, lambda done, *_, **__: seen.append(done))
    assert session.data != quick and 300 < len(session.data) <= 400
    assert seen == [0, *((done, steps) for done in range(1, steps + 1))]
    assert "Sharpened" in view["notes"] and view["received"]["max"] == len(session.data)
    events.set_bytes(visitor, 400)
    assert session.data == quick  # the slider is quick again
    events.edit(visitor, *[0.5 if name == "smile" else 0.0 for name in events.ui.sliders], 0.0)
    assert events.sharpen(visitor, 400, lambda *_, **__: None)["slider-smile"]["value"] == 0.5


def test_sharpening_comes_too_late_for_a_newer_face_or_size(events, visitor, monkeypatch) -> None:
    monkeypatch.setattr("app.events.compress.THOROUGH", 1)
    encode = events.studio.encode
    for meanwhile in (lambda: events.set_bytes(visitor, 500), lambda: events.start(visitor, 300)):
        events.start(visitor, 400)

        def slowly(*given, meanwhile=meanwhile):
            monkeypatch.setattr(events.studio, "encode", encode)
            meanwhile()
            return encode(*given)

        monkeypatch.setattr(events.studio, "encode", slowly)
        session = events.sessions.get("visitor")
        old = session.data
        assert skipped(events.sharpen(visitor, 400, lambda *_, **__: None))
        assert session.data != old and events.studio.encode == encode


def test_there_is_nothing_to_sharpen_in_a_few_bytes(events, visitor) -> None:
    view = events.start(visitor, 20)
    assert not view["sharpen"].interactive
    with pytest.warns(UserWarning, match="so few bytes"):
        assert skipped(events.sharpen(visitor, 20))


def test_nothing_received_is_the_mean_face_and_a_late_preview_changes_nothing(events, visitor) -> None:
    events.start(visitor, 400)
    preview = events.receive_preview(visitor, 0)
    with Image.open(preview["stage"][1]) as image:
        assert image.size == (256, 256)
    full = events.receive(visitor, 0)
    with Image.open(full["stage"][1]) as image:
        assert image.size == (1024, 1024)
    assert events.receive_preview(visitor, 0)["stage"] == full["stage"]


def test_zero_bytes_work_in_every_step(events, visitor) -> None:
    view = events.start(visitor, 0)
    assert events.sessions.get("visitor").data == b""
    assert "the mean of all faces" in view["numbers"] and "No bytes at all" in view["bytemap"]
    assert [list(update) for update in events.compare(visitor)] == [["grid"]]


def test_more_bytes_than_help_are_not_spent_and_it_is_said(events, visitor) -> None:
    assert "More bytes do not help" in events.start(visitor, 30_000)["notes"]


def test_edits_come_back_with_the_file(events, visitor, tmp_path: Path) -> None:
    names = directions.names()
    if not names:
        pytest.skip("no directions are shipped yet")
    events.start(visitor, 400)
    values = [0.5 if name == names[0] else 0.0 for name in events.ui.sliders] + [0.0]
    preview = events.edit_preview(visitor, *values)
    view = events.edit(visitor, *values)
    assert preview["edit_stage"][0] == view["edit_stage"][0]
    assert events.edit_preview(visitor, *values)["edit_stage"] == view["edit_stage"]
    session = events.sessions.get("visitor")
    stored = editing.with_edits(session.data, {names[0]: 0.5})
    assert bitstream.BitstreamReader(stored).edits == directions.to_ids({names[0]: 0.5})
    (tmp_path / "edited.hsc").write_bytes(stored)
    again = events.open_upload(SimpleNamespace(session_hash="other"), str(tmp_path / "edited.hsc"), 400)
    assert again[f"slider-{names[0]}"]["value"] == 0.5
    with Image.open(view["edit_stage"][1]) as one, Image.open(again["edit_stage"][1]) as other:
        assert one.tobytes() == other.tobytes()


def test_a_foreign_direction_edits_but_is_not_stored(events, visitor, tmp_path: Path) -> None:
    import numpy as np

    np.save(tmp_path / "Up & away.npy", np.random.default_rng(0).normal(0, 0.05, (1, 512)).astype(np.float32))
    events.start(visitor, 400)
    none = [0.0] * len(events.ui.sliders)
    shown = events.own_direction(visitor, str(tmp_path / "Up & away.npy"), 0, 7, 2.0)
    assert shown["own_strength"]["visible"] and Path(shown["own_file"]).exists()
    view = events.edit(visitor, *none, 1.0)
    assert view["edit_stage"][0] != view["edit_stage"][1] and "Up away +1.00" in view["edit_caption"]
    assert (
        editing.with_edits(events.sessions.get("visitor").data, {events.sessions.get("visitor").foreign: 1.0})
        is None
    )


@pytest.mark.parametrize(
    ("name", "data"), [("a.jpg", b""), ("a.jpg", b"no picture"), ("a.hsc", b"HSC\x19\1\1\1\1\1\1\1")]
)
def test_bad_files_leave_the_page_as_it_was(events, visitor, tmp_path: Path, name: str, data: bytes) -> None:
    events.start(visitor, 300)
    session = events.sessions.get("visitor")
    before = session.data
    (tmp_path / name).write_bytes(data)
    assert events.open_upload(visitor, str(tmp_path / name), 300) == {"photo": None}
    assert session.data == before
    assert not (tmp_path / name).exists() and not list(session.folder.path.rglob(name))


def test_an_hour_of_sliding_takes_nothing_away_that_is_shown(events, visitor, photo: Path, tmp_path: Path) -> None:
    given = tmp_path / "me.png"
    given.write_bytes(photo.read_bytes())
    view = events.open_upload(visitor, str(given), 300)
    values = [0.0] * (len(events.ui.sliders) + 1)
    for index in range(60):
        values[0] = 0.01 * (index + 1)
        events.edit_preview(visitor, *values)
    offered = [view["photo"], view["file"].value["path"], *view["stage"], *view["edit_stage"]]
    assert all(Path(path).exists() for path in offered) and not given.exists()
    session = events.sessions.get("visitor")
    assert len(list(session.folder.path.rglob("preview.png"))) < 20
    session.left.unlink()  # as the cleaner does after an hour
    assert Path(events.receive(visitor, 100)["stage"][0]).exists()


def test_two_visitors_may_bring_the_same_photo(events, visitor, photo: Path, tmp_path: Path) -> None:
    given = tmp_path / "me.png"
    given.write_bytes(photo.read_bytes())
    events.open_upload(visitor, str(given), 300)
    given.write_bytes(photo.read_bytes())  # the same path: Gradio stores uploads by content
    other = SimpleNamespace(session_hash="other")
    events.open_upload(other, str(given), 300)
    events.leave(visitor)
    assert events.paste(other)["pasted"].visible


def own(tmp_path: Path, name: str = "own.npy", seed: int = 0) -> str:
    """A direction file as a visitor uploads one."""
    import numpy as np

    np.save(tmp_path / name, np.random.default_rng(seed).normal(0, 0.05, (1, 512)).astype(np.float32))
    return str(tmp_path / name)


def edited(view: dict) -> bytes:
    """Pixels of the edited picture."""
    with Image.open(view["edit_stage"][1]) as image:
        return image.tobytes()


def test_an_own_direction_is_bound_anew_replaced_and_taken_away(events, visitor, tmp_path: Path) -> None:
    events.start(visitor, 300)
    values = [0.0] * len(events.ui.sliders) + [1.0]
    events.own_direction(visitor, own(tmp_path), 0, 7, 2.0)
    session = events.sessions.get("visitor")
    first, file = edited(events.edit(visitor, *values)), session.foreign_file
    assert skipped(events.bind_direction(visitor, 0, None, 2.0)) and session.foreign.layers == tuple(range(8))
    events.bind_direction(visitor, 8, 15, 2.0)
    assert session.foreign.layers == tuple(range(8, 16)) and edited(events.edit(visitor, *values)) != first
    events.own_direction(visitor, own(tmp_path, "other.npy", 1), 0, 7, 2.0)
    assert edited(events.edit(visitor, *values)) != first
    assert not file.exists() and session.foreign_file.exists() and not list(tmp_path.glob("*.npy"))
    shown = events.drop_direction(visitor)["own_strength"]
    assert shown["value"] == 0.0 and not shown["visible"] and session.foreign is None
    assert not list(session.folder.path.rglob("*.npy"))
    view = events.edit(visitor, *values)
    assert view["edit_stage"][0] == view["edit_stage"][1]


def test_a_refused_direction_leaves_the_one_before(events, visitor, tmp_path: Path) -> None:
    events.start(visitor, 300)
    events.own_direction(visitor, own(tmp_path), 0, 15, 1.0)
    session = events.sessions.get("visitor")
    before = session.foreign, session.foreign_file
    (tmp_path / "bad.npy").write_bytes(b"no numbers")
    with pytest.warns(UserWarning, match="neither a .npy nor"):
        assert skipped(events.own_direction(visitor, str(tmp_path / "bad.npy"), 0, 15, 1.0))
    with pytest.warns(UserWarning, match="needs a first layer"):
        events.own_direction(visitor, own(tmp_path), 0, 15, None)
    assert (session.foreign, session.foreign_file) == before and session.foreign_file.exists()
    assert len(list(session.folder.path.rglob("*.npy"))) == 1 and not list(tmp_path.glob("*.npy"))


@pytest.mark.parametrize("edits", [[(250, 1.0)], [(1, 7.0), (1, 7.0)]], ids=["unknown", "out-of-range"])
def test_a_file_with_edits_that_cannot_be_is_refused_and_the_face_stays(
    events, visitor, tmp_path: Path, edits: list
) -> None:
    events.start(visitor, 400)
    session = events.sessions.get("visitor")
    before = session.picture, session.data, session.left, dict(session.restored)
    data = bitstream.append_edits(session.data, edits)
    assert bitstream.BitstreamReader(data).edits == edits
    (tmp_path / "edited.hsc").write_bytes(data)
    with pytest.warns(UserWarning):
        assert events.open_upload(visitor, str(tmp_path / "edited.hsc"), 400) == {"photo": None}
    assert (session.picture, session.data, session.left, session.restored) == before
    assert all(path.exists() for path in [session.left, session.file, *session.restored.values()])


def test_a_slider_reaches_what_a_file_stores(events, visitor, tmp_path: Path) -> None:
    events.start(visitor, 400)
    name, (_, high) = "smile", directions.load("smile").range
    stored = editing.with_edits(events.sessions.get("visitor").data, {name: high + 1})
    (tmp_path / "edited.hsc").write_bytes(stored)
    slider = events.open_upload(visitor, str(tmp_path / "edited.hsc"), 400)[f"slider-{name}"]
    assert slider["value"] == slider["max"] == high + 1
    low, high = editing.reach(directions.load(name))
    assert events.start(visitor, 400)[f"slider-{name}"] == {"value": 0.0, "min": low, "max": high}


def test_a_frame_sets_the_direction_that_the_strip_is_of(events, visitor) -> None:
    events.start(visitor, 300)
    none = [0.0] * (len(events.ui.sliders) + 1)
    strip = events.filmstrip(visitor, "smile", *none)["strip"]
    low, high = directions.load("smile").range
    assert f'data-index="{low:g}"' in strip and f'data-index="{high:g}"' in strip
    click = SimpleNamespace(_data={"index": 0.5})
    assert events.pick_frame(visitor, click) == {"slider-smile": 0.5}
    moved = [0.5 if name == "smile" else 0.0 for name in events.ui.sliders] + [0.0]
    assert "strip" not in events.edit(visitor, *moved)  # of the same direction: it still fits
    other = [0.3 if name == "makeup" else value for name, value in zip(events.ui.sliders, moved)] + [0.0]
    assert events.edit(visitor, *other)["strip"] == ""
    assert skipped(events.pick_frame(visitor, click))
    events.filmstrip(visitor, "smile", *other)
    view = events.pick_subject(visitor)
    assert view["strip"] == "" and not view["video"].visible


def test_bytes_received_are_of_this_file(events, visitor) -> None:
    events.start(visitor, 800)
    events.set_bytes(visitor, 300)
    size = len(events.sessions.get("visitor").data)
    assert f"Restored from {size} bytes" in events.receive(visitor, 790)["caption"]
    assert f"Restored from {size} bytes" in events.receive_preview(visitor, 790)["caption"]


def test_a_new_face_takes_the_old_plot_away(events, visitor) -> None:
    assert not events.start(visitor, 300)["metric"].visible


def test_a_visitor_who_was_forgotten_is_told_so(events, visitor, monkeypatch) -> None:
    told = []
    monkeypatch.setattr(gr, "Warning", lambda text, **_: told.append(text))
    none = [0.0] * (len(events.ui.sliders) + 1)
    calls = [
        lambda: events.set_bytes(visitor, 300),
        lambda: events.paste(visitor),
        lambda: events.edit(visitor, *none),
        lambda: events.receive(visitor, 100),
        lambda: events.filmstrip(visitor, "smile", *none),
        lambda: events.morph(visitor, "smile", *none),
    ]
    for index, call in enumerate(calls, 1):
        assert skipped(call()) and len(told) == index and "idle for too long" in told[-1]
    # Previews come by the dozen: the release after them says it.
    assert skipped(events.edit_preview(visitor, *none)) and skipped(events.receive_preview(visitor, 100))
    assert len(told) == len(calls)
    (card,) = events.compare(visitor)
    assert "There is no face any more" in card["grid"]
