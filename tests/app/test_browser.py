"""The whole story in a real browser: compress, receive, edit, divider, compare, files, errors, visitors."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import directions
from app import launch
from app.limits import Limits
from app.view import View
from tests.app.visitor import PATIENCE, changed, settled, slid

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright (pip install playwright)")

pytestmark = pytest.mark.slow


def test_an_example_is_restored_when_the_page_opens(visit) -> None:
    page = visit()
    settled(page)
    assert int(page.inner_text(".numbers-main strong").replace(",", "")) <= 800
    assert page.locator("#stage img").first.get_attribute("alt").startswith("Original: ")
    assert page.locator("#examples button").count() == 13
    before = page.locator("#stage img").last.get_attribute("src")
    page.locator("#examples button").nth(3).click()
    changed(page, before)
    assert page.locator("#examples button").nth(3).get_attribute("aria-pressed") == "true"


def test_the_stream_is_played_and_spent_by_keyboard(visit) -> None:
    page = visit()
    whole = settled(page)
    slider = page.locator("#received input")
    slider.focus()
    slider.evaluate(
        "input => { input.value = 0; input.dispatchEvent(new Event('input'));"
        " input.dispatchEvent(new Event('change')); }"
    )
    changed(page, whole)
    page.wait_for_selector("text=nothing at all")
    page.locator("#bytes input").focus()
    for _ in range(10):
        page.keyboard.press("ArrowLeft")
    spent = int(page.inner_text("#bytes .range-value").split()[0])
    assert spent < 700
    # What was asked for on the way may be shown first.
    page.wait_for_function(
        "spent => { const now = document.querySelector('.numbers-main strong');"
        " return now && 0 < Number(now.innerText) && Number(now.innerText) <= spent; }",
        arg=spent,
    )


def test_the_divider_moves_by_mouse_and_keys(visit) -> None:
    page = visit()
    settled(page)
    handle = page.locator("#stage [data-testid=slider]")
    box = handle.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 150, box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    dragged = handle.bounding_box()["x"]
    assert dragged > box["x"] + 80
    handle.focus()
    for _ in range(4):
        page.keyboard.press("ArrowLeft")
    assert handle.bounding_box()["x"] < dragged - 20


def test_an_edit_is_slid_and_reset(visit) -> None:
    if not directions.names():
        pytest.skip("no directions are shipped yet")
    page = visit()
    settled(page)
    page.get_by_role("tab", name="2 Edit").click()
    name = directions.names()[0]
    slider = page.locator(f"#direction-{name} input")
    slider.focus()
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    page.wait_for_selector(f"#step-edit .caption-right:has-text('{directions.load(name).label}')")
    page.wait_for_timeout(1000)  # the button follows the caption
    with page.expect_download() as download:
        page.locator("#download-edited").click()
    with Image.open(download.value.path()) as image:
        assert image.size == (1024, 1024) and "synthetic" in image.text["Comment"]
    page.locator(f"#direction-{name} .range-reset").click()
    page.wait_for_selector("#step-edit .caption-right:has-text('Move a slider')")
    assert page.inner_text(f"#direction-{name} .range-value") == "0.00"


def test_an_answer_to_the_opened_step_gives_way_to_a_slider_that_was_moved(visit, monkeypatch) -> None:
    answer, asked = View.sliders, []

    def late(self, session, opening=False):
        answers = answer(self, session, opening)
        if opening:
            asked.append(opening)
            time.sleep(3)
        return answers

    monkeypatch.setattr(View, "sliders", late)
    page = visit()
    settled(page)
    page.get_by_role("tab", name="2 Edit").click()
    page.locator("#direction-smile input").focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    page.wait_for_timeout(4000)
    assert asked and page.inner_text("#direction-smile .range-value") == "+0.30"


def test_a_bitstream_comes_down_and_goes_up_again(visit, tmp_path: Path) -> None:
    page = visit()
    settled(page)
    with page.expect_download() as download:
        page.locator("#download-hsc").click()
    path = tmp_path / "face.hsc"
    download.value.save_as(path)
    size = int(page.inner_text(".numbers-main strong"))
    assert path.stat().st_size == size and path.read_bytes().startswith(b"HSC")
    other = visit()
    before = settled(other)
    with other.expect_file_chooser() as chooser:
        other.locator("#open-hsc").click()
    chooser.value.set_files(path)
    changed(other, before)
    other.wait_for_selector(f"#step-compress .caption-left:has-text('All {size} bytes')")
    assert int(other.inner_text(".numbers-main strong")) == size
    other.get_by_role("tab", name="3 Compare").click()
    other.wait_for_selector("text=There is no original to compare with")


def test_a_photo_is_uploaded_and_pasted_back(visit, photo: Path) -> None:
    page = visit()
    before = settled(page)
    page.locator("#photo input[type=file]").set_input_files(photo)
    changed(page, before)
    page.wait_for_selector("text=smaller than your file")
    page.get_by_role("tab", name="2 Edit").click()
    page.locator("#paste").click()
    page.wait_for_selector("#pasted img")


def test_a_photo_is_taken_with_the_camera(visit) -> None:
    page = visit()
    before = settled(page)
    page.locator("#photo [aria-label='Capture from camera']").click()
    page.get_by_text("Click to Access Webcam").click()
    page.locator("#photo [aria-label='capture photo']").click()
    changed(page, before)
    assert "the face in your photo" in page.locator("#stage img").first.get_attribute("alt")
    assert page.locator("#examples [aria-pressed=true]").count() == 0


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("me.jpg", b"not a picture", "not an image that can be read"),
        ("cut.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 40, "The picture is"),
        ("bad.hsc", b"HSC\x19" + b"\1" * 60, "HSC file"),
    ],
    ids=["no-picture", "cut-off", "damaged"],
)
def test_a_bad_upload_says_so_and_leaves_the_face(visit, tmp_path: Path, name: str, data: bytes, message: str) -> None:
    page = visit()
    before = settled(page)
    (tmp_path / name).write_bytes(data)
    target = "#open-hsc" if name.endswith(".hsc") else "#photo"
    if target == "#photo":
        page.locator("#photo input[type=file]").set_input_files(tmp_path / name)
    else:
        with page.expect_file_chooser() as chooser:
            page.locator(target).click()
        chooser.value.set_files(tmp_path / name)
    page.wait_for_selector(f".toast-body:has-text('{message}')")
    assert settled(page) == before


def test_codecs_are_compared_in_a_grid_that_zooms_together(visit) -> None:
    page = visit()
    settled(page)
    page.get_by_role("tab", name="3 Compare").click()
    page.wait_for_selector(".tile.own img")
    page.wait_for_selector("#metric", timeout=3 * PATIENCE)
    assert page.locator(".scores tbody tr").count() >= 5
    page.locator(".zoom input").evaluate(
        "input => { input.value = 2; input.dispatchEvent(new Event('input', {bubbles: true})); }"
    )
    transforms = page.locator(".tile-view img").evaluate_all("all => new Set(all.map(i => i.style.transform)).size")
    assert transforms == 1 and "scale(4)" in page.locator(".tile-view img").first.get_attribute("style")


def test_two_visitors_never_see_each_others_face(visit) -> None:
    one, other = visit(), visit()
    first, second = settled(one), settled(other)
    one.locator("#examples button").nth(2).click()
    shown = changed(one, first)
    assert settled(other) == second and shown != second
    assert "glasses" in one.locator("#stage img").first.get_attribute("alt")
    assert "fair hair" in other.locator("#stage img").first.get_attribute("alt")


def test_everything_fits_a_phone(visit) -> None:
    page = visit(375, 812)
    settled(page)
    for name in ("Upload file", "Capture from camera", "Paste from clipboard"):
        button = page.locator(f"#photo [aria-label='{name}']")
        box = button.bounding_box()
        assert box["width"] >= 44 and box["height"] >= 44
        assert button.evaluate("e => getComputedStyle(e, '::after').content") in ('"Upload"', '"Camera"', '"Paste"')
    fits(page)
    page.get_by_role("tab", name="2 Edit").click()
    page.locator("#make-strip").click()
    page.wait_for_selector(".strip img")
    page.locator("#make-film").click()
    page.wait_for_selector("#film video")
    fits(page)
    page.get_by_role("tab", name="3 Compare").click()
    page.wait_for_selector("#metric", timeout=3 * PATIENCE)
    fits(page)
    assert page.locator("#rd .js-plotly-plot").get_attribute("aria-label").startswith("Chart of ")


def fits(page) -> None:
    """Nothing is wider than the phone."""
    page.wait_for_timeout(500)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 375


@pytest.fixture
def edit_step(visit):
    """A page at its second step."""
    page = visit()
    settled(page)
    page.get_by_role("tab", name="2 Edit").click()
    return page


def test_the_unedited_face_is_seen_while_the_button_is_held(edit_step) -> None:
    page = edit_step
    slid(page, "smile", 0.5)
    stage = page.locator("#edit-stage")
    page.locator(".hold").hover()
    page.mouse.down()
    assert "held" in stage.get_attribute("class")
    assert stage.locator("img.fixed").evaluate("e => getComputedStyle(e).clipPath") == "none"
    page.mouse.up()
    assert "held" not in stage.get_attribute("class")
    page.locator(".hold").focus()
    page.keyboard.down("Space")
    assert "held" in stage.get_attribute("class")
    page.keyboard.up("Space")
    assert "held" not in stage.get_attribute("class")


def test_a_double_click_goes_to_zero_and_reset_all_too(edit_step) -> None:
    page = edit_step
    slid(page, "smile", 0.5)
    page.locator("#direction-smile input").dispatch_event("dblclick")
    page.wait_for_selector("#step-edit .caption-right:has-text('Move a slider')")
    assert page.inner_text("#direction-smile .range-value") == "0.00"
    slid(page, "smile", 0.5)
    slid(page, "makeup", 0.5)
    page.get_by_role("button", name="Reset all").click()
    page.wait_for_selector("#step-edit .caption-right:has-text('Move a slider')")
    assert {page.inner_text(f"#direction-{name} .range-value") for name in ("smile", "makeup")} == {"0.00"}


def test_a_frame_of_the_strip_moves_its_own_slider(edit_step) -> None:
    page = edit_step
    page.locator("#make-strip").click()
    page.wait_for_selector(".strip img")
    page.locator(".strip button").last.click()
    _, high = directions.load("smile").range
    page.wait_for_selector(f"#step-edit .caption-right:has-text('Smile +{high:.2f}')")
    assert page.inner_text("#direction-smile .range-value") == f"+{high:.2f}"
    assert page.locator(".strip").count() == 1  # only the direction that it is of has moved
    slid(page, "makeup", 0.5)
    page.wait_for_selector(".strip", state="detached")


def test_an_own_direction_is_slid_and_taken_away(edit_step, tmp_path: Path) -> None:
    page = edit_step
    array = np.random.default_rng(0).normal(0, 0.05, (1, 512)).astype(np.float32)
    np.save(tmp_path / "Up & away.npy", array)
    page.get_by_text("Bring your own direction").click()
    page.locator("input[type=file][accept*='.npy']").set_input_files(tmp_path / "Up & away.npy")
    slider = page.locator("#direction-own input")
    slider.wait_for()
    slider.focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    page.wait_for_selector("#step-edit .caption-right:has-text('Up away +')")
    before = page.locator("#edit-stage img").last.get_attribute("src")
    page.get_by_label("Scale").fill("3")
    page.wait_for_function(
        "before => [...document.querySelectorAll('#edit-stage img')].pop().src !== before", arg=before
    )
    page.get_by_label("Scale").fill("")  # being typed: nothing to complain about
    page.wait_for_timeout(1500)
    assert not page.locator(".toast-body:has-text('did not work')").count()
    page.locator("#own-file [aria-label='Clear'], #own-file [aria-label*='Remove']").first.click()
    page.wait_for_selector("#step-edit .caption-right:has-text('Move a slider')")
    assert not page.locator("#direction-own input").is_visible()


def test_the_stream_is_played_and_a_new_face_stops_it(visit) -> None:
    page = visit()
    settled(page)
    page.locator(".range-play").click()
    page.wait_for_selector("text=received of")
    page.wait_for_selector("text=all of it received")
    whole = page.locator("#stage img").last.get_attribute("src")
    page.locator("#bytes input").focus()
    page.locator("#bytes input").evaluate(
        "input => { input.value = 600; input.dispatchEvent(new Event('input'));"
        " input.dispatchEvent(new Event('change')); }"
    )
    page.locator(".range-play").click()
    changed(page, whole)
    page.wait_for_function("() => !document.querySelector('#received .playing')")
    page.wait_for_selector("text=all of it received")
    size = page.inner_text(".numbers-main strong")
    assert page.inner_text("#received .range-value") == f"{size} bytes"
    assert f"Restored from {size} bytes" in page.inner_text("#step-compress .caption-right")


def test_a_full_queue_is_said_and_offers_to_try_again(browser, studio) -> None:
    demo = launch.start(studio, Limits(events=0), prevent_thread_lock=True, quiet=True)
    page = browser.new_page()
    try:
        page.goto(demo.local_url)
        page.wait_for_selector(".toast-body:has-text('are before you')", timeout=PATIENCE)
        page.wait_for_selector("#numbers .retry", timeout=PATIENCE)
        assert not page.locator("#numbers .skeleton").count()
        with page.expect_navigation():
            page.locator("#numbers .retry").click()
    finally:
        page.close()
        demo.close()


def test_files_are_deleted_when_the_page_is_closed(visit) -> None:
    folder = Path(os.environ["GRADIO_TEMP_DIR"]) / "hsc"
    page = visit()
    address = settled(page)
    path = Path("/" + address.split("file=/")[1])
    assert path.is_file() and folder in path.parents
    page.context.close()
    for _ in range(60):
        if not path.exists():
            return
        time.sleep(0.5)
    raise AssertionError(f"{path} was left behind")
