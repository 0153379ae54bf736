"""Handlers of the page, called as Gradio calls them, with the real codec and names in place of components."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest
from PIL import Image

import directions
from app import editing
from app.events import Events
from app.kept import Kept, decoded
from app.session import Sessions
from hsc import bitstream
from hsc.encoder.presets import DEFAULT, THOROUGH
from tests.app.conftest import EXAMPLES

_NAMES = (
    "stage caption numbers bytemap layers restored edit_stage edit_caption edited edited_file own_strength progress"
    " received notes faces sharpen file grid table plot strip pasted video paste examples photo metric own_file stop"
    " compare_sharp link film morph edit_progress kept working bytes versions undo redo recipe presets"
    " arrival arrive wipe made csv html beside"
    " group group_make group_result group_facts group_stage group_picture group_files group_progress"
).split()


def shown(steps) -> dict:
    """What a page shows after a handler that shows its work as it goes, of which the last word counts."""
    view: dict = {}
    for step in steps:
        assert isinstance(step, dict)
        if step != gr.skip():
            view |= step
    return view


class Page:
    """A page whose handlers are called one after the other."""

    def __init__(self, events: Events) -> None:
        self.events, self.sessions, self.studio, self.ui = (
            events,
            events.sessions,
            events.compress.studio,
            events.compress.ui,
        )

    def start(self, visitor, spend: float, **brought) -> dict:
        return shown(self.events.compress.start(visitor, spend, Kept(**brought)))

    def __getattr__(self, name: str):
        parts = (
            self.events.compress,
            self.events.edit,
            self.events.recipes,
            self.events.films,
            self.events.group,
            self.events.compare,
            self.events,
        )
        steps = next(part for part in parts if hasattr(part, name))
        method = getattr(steps, name)

        def call(*arguments):
            answer = method(*arguments)
            return shown(answer) if isinstance(answer, Iterator) else answer

        return call


@pytest.fixture
def events(studio, tmp_path, monkeypatch) -> Page:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    ui = SimpleNamespace(**{name: name for name in _NAMES})
    ui.sliders = {direction.name: f"slider-{direction.name}" for direction in editing.shipped()}
    return Page(Events(studio, Sessions(), ui))


@pytest.fixture
def visitor() -> SimpleNamespace:
    return SimpleNamespace(session_hash="visitor")


def skipped(update) -> bool:
    """Whether a handler left the page as it was."""
    return update in ({}, gr.skip())


def test_the_first_example_is_shown_and_encoded_once(events, visitor, monkeypatch) -> None:
    calls = []
    improve = events.studio._improve
    monkeypatch.setattr(events.studio, "_improve", lambda *given: calls.append(given) or improve(*given))
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
    assert [given[1:3] for given in calls] == [(500, DEFAULT.steps), (300, DEFAULT.steps)]


def test_sharpening_spends_steps_and_no_bytes_keeps_edits_and_says_what_it_gained(
    events, visitor, photo: Path, tmp_path: Path, monkeypatch
) -> None:
    steps = DEFAULT.steps + 2
    monkeypatch.setattr("app.events.compress.THOROUGH", THOROUGH.with_steps(steps))
    given = tmp_path / "me.png"
    given.write_bytes(photo.read_bytes())
    events.open_upload(visitor, str(given), 400)
    session = events.sessions.get("visitor")
    quick, before = session.data, set(session.folder.path.rglob("restored.png"))
    events.edit(visitor, *[0.5 if name == "smile" else 0.0 for name in events.ui.sliders], 0.0)
    views = list(events.events.compress.sharpen(visitor, 400))
    assert any(f"Sharpening, step {steps} of {steps}" in view["progress"] for view in views)
    if session.data == quick:  # measured on the pictures, and so it may be
        assert "gained nothing" in views[-1]["progress"]
        return
    assert 300 < len(session.data) <= 400 and "LPIPS" in views[-1]["notes"]
    assert session.strengths == {"smile": 0.5}
    beside = events.compare_sharpened(visitor)
    assert Path(beside["stage"][0]) in before and "Before sharpening" in beside["caption"]
    assert "Original" in events.compare_sharpened(visitor)["caption"]
    events.set_bytes(visitor, 400)
    assert session.data == quick  # the slider is quick again


@pytest.mark.parametrize("differences", [(0.3, 0.2), (0.2, 0.3)])
def test_what_sharpening_did_is_said_in_sight_and_without_a_bar(events, visitor, monkeypatch, differences) -> None:
    said, left = [], list(differences)
    monkeypatch.setattr("app.events.compress.gr.Info", lambda text, **options: said.append(text))
    monkeypatch.setattr(events.studio, "difference", lambda *pictures: left.pop(0))
    events.start(visitor, 300)
    session = events.sessions.get("visitor")
    said.clear()
    view = events.events.compress._sharpened(session, session.data, session.data)
    assert len(said) == 1 and "LPIPS" in said[0], said
    assert "<progress" not in view["progress"]
    assert ("gained nothing" in view["progress"]) == (differences[0] < differences[1])


def test_sharpening_comes_too_late_for_a_newer_face_or_size(events, visitor, monkeypatch) -> None:
    monkeypatch.setattr("app.events.compress.THOROUGH", THOROUGH.with_steps(12))
    for meanwhile in (lambda: events.set_bytes(visitor, 500), lambda: events.start(visitor, 300)):
        events.start(visitor, 400)
        session = events.sessions.get("visitor")
        old, steps = session.data, events.events.compress.sharpen(visitor, 400)
        assert "Sharpening" in next(steps)["progress"]
        meanwhile()
        newer = session.data
        assert newer != old and all("stage" not in step for step in steps) and session.data == newer


def test_there_is_nothing_to_sharpen_in_a_few_bytes(events, visitor) -> None:
    view = events.start(visitor, 20)
    assert not view["sharpen"].interactive
    with pytest.warns(UserWarning, match="so few bytes"):
        assert "stage" not in events.sharpen(visitor, 20)


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
    assert list(events.compare(visitor)) == ["grid"]


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
        editing.with_edits(events.sessions.get("visitor").data, {events.sessions.get("visitor").foreign: 1.0}) is None
    )


@pytest.mark.parametrize(
    ("name", "data"), [("a.jpg", b""), ("a.jpg", b"no picture"), ("a.hsc", b"HSC\x19\1\1\1\1\1\1\1")]
)
def test_bad_files_leave_the_page_as_it_was(events, visitor, tmp_path: Path, name: str, data: bytes) -> None:
    events.start(visitor, 300)
    session = events.sessions.get("visitor")
    before = session.data
    (tmp_path / name).write_bytes(data)
    assert events.open_upload(visitor, str(tmp_path / name), 300)["photo"] is None
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
        assert events.open_upload(visitor, str(tmp_path / "edited.hsc"), 400)["photo"] is None
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
    events.edit(visitor, *[0.0] * (len(events.ui.sliders) + 1))
    assert events.start(visitor, 400)[f"slider-{name}"] == {"value": 0.0, "min": low, "max": high}


def test_a_frame_sets_the_direction_that_the_strip_is_of(events, visitor) -> None:
    events.start(visitor, 300)
    none = [0.0] * (len(events.ui.sliders) + 1)
    strip = events.filmstrip(visitor, "smile", *none)["strip"]
    low, high = directions.load("smile").range
    assert f'data-index="{low:g}"' in strip and f'data-index="{high:g}"' in strip
    assert events.pick_frame(visitor, 0.5) == {"slider-smile": 0.5}
    moved = [0.5 if name == "smile" else 0.0 for name in events.ui.sliders] + [0.0]
    assert "strip" not in events.edit(visitor, *moved)  # of the same direction: it still fits
    other = [0.3 if name == "makeup" else value for name, value in zip(events.ui.sliders, moved)] + [0.0]
    assert events.edit(visitor, *other)["strip"] == ""
    assert skipped(events.pick_frame(visitor, 0.5))
    events.filmstrip(visitor, "smile", *other)
    view = events.pick_subject(visitor)
    assert view["strip"] == "" and not view["video"].visible


@pytest.mark.parametrize("kind", ["filmstrip", "film"])
def test_a_film_says_at_once_that_it_was_asked_for(events, visitor, kind) -> None:
    events.start(visitor, 300)
    session, busy, done = events.sessions.get("visitor"), threading.Event(), threading.Event()

    def render() -> None:
        with session.lock:
            busy.set()
            done.wait(30)

    other = threading.Thread(target=render)
    other.start()
    busy.wait(30)
    none = [0.0] * (len(events.ui.sliders) + 1)
    said = next(getattr(events.events.edit, kind)(visitor, "smile", *none))
    assert other.is_alive() and "progress" in said["edit_progress"]
    done.set()
    other.join()


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
        lambda: events.film(visitor, "smile", *none),
    ]
    for index, call in enumerate(calls, 1):
        assert "stage" not in call() and len(told) == index and "idle for too long" in told[-1]
    # Previews come by the dozen: the release after them says it.
    assert skipped(events.edit_preview(visitor, *none)) and skipped(events.receive_preview(visitor, 100))
    assert len(told) == len(calls)
    assert "There is no face any more" in events.compare(visitor)["grid"]


def strengths_of(events: Page, **moved: float) -> list[float]:
    """Positions of all sliders."""
    return [moved.get(name, 0.0) for name in events.ui.sliders] + [0.0]


def test_edits_are_a_recipe_that_survives_bytes_faces_and_photos_until_reset(
    events, visitor, photo: Path, tmp_path: Path
) -> None:
    events.start(visitor, 300)
    events.edit(visitor, *strengths_of(events, smile=0.5))
    session = events.sessions.get("visitor")
    for view in (events.set_bytes(visitor, 350), events.pick_example(visitor, 2, 300)):
        assert view["slider-smile"]["value"] == 0.5 and "Smile +0.50" in view["edit_caption"]
        assert view["edit_stage"][0] != view["edit_stage"][1] and "smile +0.50" in view["notes"]
    given = tmp_path / "me.png"
    given.write_bytes(photo.read_bytes())
    assert events.open_upload(visitor, str(given), 300)["slider-smile"]["value"] == 0.5
    events.edit(visitor, *strengths_of(events))
    assert not session.strengths and events.set_bytes(visitor, 350)["slider-smile"]["value"] == 0.0


def test_an_edited_file_opens_as_it_was_saved(events, visitor, tmp_path: Path) -> None:
    events.start(visitor, 400)
    saved = events.edit(visitor, *strengths_of(events, smile=0.5))
    data = Path(saved["edited_file"].value["path"]).read_bytes()
    (tmp_path / "edited.hsc").write_bytes(data)
    other = SimpleNamespace(session_hash="other")
    view = events.open_upload(other, str(tmp_path / "edited.hsc"), 400)
    assert f"<strong>{len(data)}</strong>" in view["numbers"] and "Without its edits" in view["caption"]
    assert view["received"]["max"] == len(data) and view["slider-smile"]["value"] == 0.5
    assert Path(view["file"].value["path"]).read_bytes() == data
    with Image.open(view["stage"][1]) as right, Image.open(saved["edit_stage"][1]) as as_saved:
        assert right.tobytes() == as_saved.tobytes()
    with Image.open(view["stage"][0]) as left, Image.open(saved["edit_stage"][0]) as unedited:
        assert left.tobytes() == unedited.tobytes()
    # Without its last bytes it has no edits.
    part = events.receive(other, len(data) - 1)
    assert part["stage"][1] == view["stage"][0]
    # The first step follows what is slid in the second.
    moved = events.edit(other, *strengths_of(events))
    assert moved["received"]["max"] == len(data) - 5 and moved["stage"][0] == moved["stage"][1]


def test_nothing_received_is_the_large_number(events, visitor) -> None:
    events.start(visitor, 400)
    assert "<strong>0</strong>" in events.receive(visitor, 0)["numbers"]
    assert "<strong>0</strong>" in events.receive_preview(visitor, 0)["numbers"]


def test_a_new_photo_shows_its_crop_then_a_picture_then_a_better_one(
    events, visitor, photo: Path, tmp_path: Path
) -> None:
    events.start(visitor, 400)
    given = tmp_path / "me.png"
    given.write_bytes(photo.read_bytes())
    views = list(events.events.compress.open_upload(visitor, str(given), 400))
    crop, *pictures = [view for view in views if "stage" in view]
    assert crop["stage"][0] == crop["stage"][1] and "<strong>" not in crop["numbers"]
    assert len(pictures) >= 2 and all("<strong>" in view["numbers"] for view in pictures)
    assert pictures[0]["stage"][1] != pictures[-1]["stage"][1]
    said = [view["progress"] for view in views if "progress" in view]
    assert (
        any(f"Compressing, step {DEFAULT.steps} of {DEFAULT.steps}" in text for text in said)
        and "progress a" not in said[-1]
    )


def test_in_a_crowd_a_photo_shows_its_crop_and_the_last_picture(
    events, visitor, photo: Path, tmp_path: Path, monkeypatch
) -> None:
    """Whoever compresses next waits for no other picture of this one."""
    events.start(visitor, 400)
    monkeypatch.setattr("app.events.compress.CROWD", -1)
    given = tmp_path / "me.png"
    given.write_bytes(photo.read_bytes())
    seen = list(events.events.compress.open_upload(visitor, str(given), 400))
    pictures = [view["numbers"] for view in seen if "stage" in view]
    assert ["<strong>" in numbers for numbers in pictures] == [False, True]
    assert any("step" in view.get("progress", "") for view in seen)


def test_stop_is_content_with_the_picture_that_is_there(events, visitor) -> None:
    events.start(visitor, 400)
    session = events.sessions.get("visitor")
    steps = events.events.compress.set_bytes(visitor, 1000)
    seen = 0
    for view in steps:
        if "step 2 of" in view.get("progress", ""):
            events.stop(visitor)
        seen += "step" in view.get("progress", "")
        last = view
    assert seen <= 4 and session.ready and 0 < len(session.data) <= 1000
    assert f"<strong>{len(session.data)}</strong>" in last["numbers"]
    assert events.studio.lanes.code.idle


@pytest.mark.parametrize("how", ["newer", "closed"])
def test_an_abandoned_encode_stops_and_frees_its_place(events, visitor, how: str) -> None:
    events.start(visitor, 300)
    steps = events.events.compress.set_bytes(visitor, 2000)
    while "step" not in next(steps).get("progress", ""):
        pass
    assert not events.studio.lanes.code.idle
    if how == "closed":
        events.leave(visitor)
    else:
        events.sessions.get("visitor").turns.newest += 1  # as the next choice does, in a thread of its own
    assert not [view for view in steps if "stage" in view]
    assert events.studio.lanes.code.idle


def test_the_browser_brings_a_face_back(events, visitor, photo: Path, tmp_path: Path) -> None:
    given = tmp_path / "me.png"
    given.write_bytes(photo.read_bytes())
    events.open_upload(visitor, str(given), 400)
    kept = events.edit(visitor, *strengths_of(events, smile=0.5))["kept"]
    session = events.sessions.get("visitor")
    assert bitstream.strip_edits(decoded(kept["file"])) == session.data
    again = tmp_path / "again.png"
    again.write_bytes(Path(kept["photo"]).read_bytes())
    other = SimpleNamespace(session_hash="other")
    view = events.start(other, 800, file=kept["file"], photo=again, face=kept["face"], max_bytes=kept["bytes"])
    assert view["bytes"] == 400 and view["slider-smile"]["value"] == 0.5 and "Original" in view["caption"]
    assert events.sessions.get("other").data == session.data and not again.exists()
    # In another browser there is the file alone.
    view = events.start(SimpleNamespace(session_hash="third"), 800, file=kept["file"])
    assert "Without its edits" in view["caption"] and "smile +0.50" in view["caption"]


@pytest.mark.parametrize("file", ["SFNDGQEBAQEBAQEB", "not base64!", "A" * 20_000])
def test_a_damaged_address_says_so_and_shows_an_example(events, visitor, file: str) -> None:
    with pytest.warns(UserWarning):
        view = events.start(visitor, 300, file=file)
    assert "Original" in view["caption"] and events.sessions.get("visitor").ready


def test_an_address_may_say_what_to_show(events, visitor) -> None:
    view = events.start(visitor, 800, example="beard", max_bytes=300, strengths={"smile": 0.6, "unknown": 3.0})
    assert view["bytes"] == 300 and view["slider-smile"]["value"] == 0.6 and "beard" in view["caption"]
    assert len(events.sessions.get("visitor").data) <= 300


def test_a_film_before_there_is_a_face_says_that_it_is_on_its_way(events, visitor, monkeypatch) -> None:
    told = []
    monkeypatch.setattr(gr, "Warning", lambda text, **_: told.append(text))
    steps = events.events.compress.start(visitor, 1000, Kept())
    next(steps)
    events.film(visitor, "smile", *strengths_of(events))
    assert len(told) == 1 and "on its way" in told[0]
    steps.close()


def test_what_is_prepared_decoded_or_previewed_waits_for_no_encode(events, visitor) -> None:
    with events.studio.lanes.code.enter() as ticket, events.studio.lanes.work.enter():  # strangers at work
        assert ticket.wait(0)
        assert "<strong>" in events.start(visitor, 800)["numbers"]
        assert "<strong>" in events.pick_example(visitor, 2, 800)["numbers"]
        assert events.receive_preview(visitor, 100)["stage"] and events.receive(visitor, 100)["stage"]
        assert events.edit(visitor, *strengths_of(events, smile=0.5))["edit_stage"]
        assert "data-index" in events.filmstrip(visitor, "smile", *strengths_of(events))["strip"]


def test_a_preview_of_a_prepared_face_is_drawn_once_for_all_visitors(events, visitor, monkeypatch) -> None:
    drawn, draw = [], events.studio.codec.render_preview
    monkeypatch.setattr(type(events.studio.codec), "render_preview", lambda _, face: drawn.append(1) or draw(face))
    other = SimpleNamespace(**{**vars(visitor), "session_hash": "another"})
    for one in (visitor, other):
        events.start(one, 800)
    lane, pictures = events.studio.lanes.look, []
    with lane.enter(), lane.enter(), lane.enter():  # a crowd: nobody is served
        assert events.events.edit.view.seen_preview(events.sessions.get(visitor.session_hash), {"smile": 0.35}) is None
    for one, strength in ((visitor, 0.35), (other, 0.35)):
        view = events.edit_preview(one, *strengths_of(events, smile=strength))
        pictures.append(Path(view["edit_stage"][1]))
    assert len(drawn) == 1 and pictures[0] != pictures[1]
    assert pictures[0].read_bytes() == pictures[1].read_bytes()
    with lane.enter(), lane.enter(), lane.enter():  # who asks for about the same does not wait
        view = events.edit_preview(other, *strengths_of(events, smile=0.377))
    assert len(drawn) == 1 and Path(view["edit_stage"][1]).read_bytes() == pictures[0].read_bytes()


def test_faces_are_found_one_photo_after_the_other_and_files_do_not_wait(events, visitor, photo, tmp_path) -> None:
    own, file = (Path(shutil.copy(path, tmp_path)) for path in (photo, EXAMPLES / "fair-hair.hsc"))
    with events.studio.lanes.find.enter():
        assert "<strong>" in events.open_upload(visitor, str(file), 800)["numbers"]
        steps = events.events.compress.open_upload(visitor, str(own), 800)
        views = [next(steps) for _ in range(2)]
        steps.close()
    assert "Looking for faces: busy, 1 before you, about" in views[-1]["progress"]
    assert events.studio.lanes.find.idle


def test_who_waits_is_told_how_many_are_before_and_how_long(events, visitor) -> None:
    events.start(visitor, 800)
    with events.studio.lanes.code.enter():
        steps = events.events.compress.set_bytes(visitor, 2000)
        views = [next(steps) for _ in range(2)]
        steps.close()
    assert "1 before you, about" in views[-1]["progress"] and views[0]["stage"][0] == views[0]["stage"][1]


def test_many_looks_are_announced_by_a_preview(events, visitor, monkeypatch) -> None:
    events.start(visitor, 800)
    monkeypatch.setattr("app.events.edit.CROWD", -1)
    views = list(events.events.edit.edit(visitor, *strengths_of(events, smile=0.5)))
    sizes = []
    for view in views:
        with Image.open(view["edit_stage"][1]) as image:
            sizes.append(image.width)
    assert sizes == [256, 1024]


def test_a_stream_that_is_played_is_not_kept_in_memory_at_every_length(events, visitor) -> None:
    events.start(visitor, 800)
    session = events.sessions.get("visitor")
    for end in [layer.end for layer in events.studio.whole(session).layers]:
        events.receive_preview(visitor, end)
    assert len(session.prefixes) <= 5 and -1 in session.prefixes


def test_edits_are_undone_and_redone_and_versions_come_back(events, visitor) -> None:
    events.start(visitor, 400)
    for smile in (0.3, 0.6):
        view = events.edit(visitor, *strengths_of(events, smile=smile))
    assert view["recipe"] == "smile +0.60" and view["versions"].count("<img") == 3
    assert view["undo"].interactive and not view["redo"].interactive
    back = events.undo(visitor)
    assert back["slider-smile"] == 0.3
    view = events.show_version(visitor)
    assert view["undo"].interactive and view["redo"].interactive and "Smile +0.30" in view["edit_caption"]
    assert events.redo(visitor)["slider-smile"] == 0.6
    events.show_version(visitor)
    assert events.pick_version(visitor, 0)["slider-smile"] == 0.0
    events.show_version(visitor)
    view = events.edit(visitor, *strengths_of(events, age=0.5))  # in place of what was undone
    assert [version.strengths for version in events.sessions.get("visitor").history.versions] == [{}, {"age": 0.5}]


def test_of_steps_in_haste_none_is_lost_and_the_last_is_shown(events, visitor) -> None:
    events.start(visitor, 400)
    for smile in (0.2, 0.4, 0.6):
        events.edit(visitor, *strengths_of(events, smile=smile))
    late = events.events.edit.edit(visitor, *strengths_of(events, smile=0.8))
    with events.studio.lanes.look.enter():  # somebody is before it
        assert "busy" in str(next(late))
        assert [events.undo(visitor)["slider-smile"] for _ in range(4)] == [0.4, 0.2, 0.0, 0.0]
        assert events.redo(visitor)["slider-smile"] == 0.2
    assert "Smile +0.80" not in str(shown(late))  # nobody waits for it any more
    assert "Smile +0.20" in events.show_version(visitor)["edit_caption"]
    versions = [version.strengths.get("smile", 0) for version in events.sessions.get("visitor").history.versions]
    assert versions == [0, 0.2, 0.4, 0.6]


def test_recipes_are_offered_as_pictures_of_this_face_written_and_left_to_chance(events, visitor) -> None:
    events.start(visitor, 400)
    offered = events.offer(visitor)["presets"]
    assert offered.count("<img") == offered.count("<button") >= 5 and "A smile" in offered
    assert skipped(events.offer(visitor))  # they are there
    assert events.set_bytes(visitor, 300)["presets"] == "" and events.set_bytes(visitor, 400)["presets"] == ""
    assert events.offer(visitor)["presets"] == offered  # the same file again
    assert events.pick_preset(visitor, 0)["slider-smile"] == 0.6
    pasted = events.write(visitor, "Smile: 0.5; eyeglasses = 1")
    assert pasted["slider-smile"] == 0.5 and pasted["slider-eyeglasses"] == 1.0
    with pytest.warns(UserWarning, match="no edit"):
        assert skipped(events.write(visitor, "grin 0.5"))
    assert "recipe" not in events.edit(visitor, *strengths_of(events))  # what was typed stays, to be mended
    assert events.edit(visitor, *strengths_of(events, smile=0.5))["recipe"] == "smile +0.50"
    by_chance = events.surprise(visitor)
    assert 2 <= sum(value != 0 for value in by_chance.values()) <= 3


def test_the_stream_arrives_in_a_film_and_before_and_after_come_as_two_files(events, visitor) -> None:
    events.start(visitor, 400)
    session = events.sessions.get("visitor")
    views = list(events.events.films.arrival(visitor))
    assert any("Film, layer 14 of 14" in view.get("progress", "") for view in views)
    film = Path(views[-1]["arrival"].value["path"])
    assert film.read_bytes()[4:8] == b"ftyp" and session.folder.holds(film)
    made = [Path(each["path"]) for each in events.wipe(visitor)["made"].value]
    assert [path.suffix for path in made] == [".gif", ".mp4"] and all(path.stat().st_size > 1000 for path in made)
    with Image.open(made[0]) as gif:
        assert gif.n_frames > 20 and gif.size == (320, 320)


@pytest.mark.parametrize("key", ["jpeg", "vvc"])
def test_another_codec_stands_on_the_left_and_follows_both_sliders(events, visitor, key: str) -> None:
    events.start(visitor, 800)
    view = events.pick_beside(visitor, key, 800)
    session = events.sessions.get("visitor")
    first = session.beside.pictures[key, len(session.data)]
    assert view["stage"][0] == str(first[0]) and "HSC, " in view["caption"]
    assert ("more" in view["caption"]) == (key == "jpeg")  # which cannot go this low
    view = events.receive(visitor, 300)
    path, took = session.beside.pictures[key, 300]
    assert view["stage"][0] == str(path) and (key == "jpeg" or took <= 300)
    other = events.pick_example(visitor, 2, 800)
    assert other["stage"][0] != str(path) and session.beside.key == key and len(session.beside.pictures) == 1
    assert "Original" in events.pick_beside(visitor, "", 800)["caption"]
