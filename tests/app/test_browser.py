"""The whole story in a real browser: compress, receive, edit, divider, compare, files, errors, visitors."""

from __future__ import annotations

import io
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

import directions
from app import launch
from app import page as page_module

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright (pip install playwright)")

pytestmark = pytest.mark.slow
PATIENCE = 90_000
"""Milliseconds to wait for anything: the machine may be busy."""
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)


@pytest.fixture(scope="module")
def browser(photo: Path, tmp_path_factory) -> Iterator:
    """Chromium, with a photo in place of a camera."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("needs Chromium (Debian: apt-get install chromium)")
    film = tmp_path_factory.mktemp("camera") / "face.mjpeg"
    with Image.open(photo) as image:
        frame = io.BytesIO()
        image.convert("RGB").resize((512, 512)).save(frame, "JPEG", quality=95)
    film.write_bytes(frame.getvalue() * 5)
    flags = [*_FLAGS, f"--use-file-for-fake-video-capture={film}"]
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser, url: str) -> Iterator:
    """Opens pages of visitors who know nothing of each other; no page may have raised a script error."""
    contexts, errors = [], []

    def open_page(width: int = 1440, height: int = 900):
        context = browser.new_context(viewport={"width": width, "height": height}, accept_downloads=True)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(url)
        page.wait_for_selector(".numbers-main strong")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not errors


def settled(page) -> str:
    """Address of the right picture of the first step, once it has stopped changing."""
    last = None
    for _ in range(PATIENCE // 500):
        now = (
            page.locator("#stage img").last.get_attribute("src")
            if page.locator("#stage img").count() > 1
            else None
        )
        if now and now == last:
            return now
        last = now
        page.wait_for_timeout(500)
    raise AssertionError("the picture never came to rest")


def changed(page, before: str) -> str:
    """The new address of the right picture, after it was another."""
    page.wait_for_function(
        "before => { const all = document.querySelectorAll('#stage img');"
        " return all.length > 1 && all[all.length - 1].src !== before; }",
        arg=before,
    )
    return settled(page)


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
    page.wait_for_selector("text=0 received so far")
    page.locator("#bytes input").focus()
    for _ in range(10):
        page.keyboard.press("ArrowLeft")
    page.wait_for_function("() => Number(document.querySelector('.numbers-main strong').innerText) < 700")
    spent = page.inner_text("#bytes .range-value")
    assert int(page.inner_text(".numbers-main strong")) <= int(spent.split()[0])


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
    with page.expect_download() as download:
        page.locator("#download-edited").click()
    with Image.open(download.value.path()) as image:
        assert image.size == (1024, 1024) and "synthetic" in image.text["Comment"]
    page.locator(f"#direction-{name} .range-reset").click()
    page.wait_for_selector("#step-edit .caption-right:has-text('Move a slider')")
    assert page.inner_text(f"#direction-{name} .range-value") == "0.00"


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
    other.wait_for_selector("text=0 bytes: the mean face")
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
def test_a_bad_upload_says_so_and_leaves_the_face(
    visit, tmp_path: Path, name: str, data: bytes, message: str
) -> None:
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
    transforms = page.locator(".tile-view img").evaluate_all(
        "all => new Set(all.map(i => i.style.transform)).size"
    )
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
    for step in ("1 Compress", "2 Edit", "3 Compare"):
        page.get_by_role("tab", name=step).click()
        page.wait_for_timeout(500)
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 375


def test_a_full_queue_is_said(browser, studio, monkeypatch) -> None:
    monkeypatch.setattr(page_module, "QUEUE", 0)
    demo = launch.start(studio, prevent_thread_lock=True, quiet=True)
    page = browser.new_page()
    try:
        page.goto(demo.local_url)
        page.wait_for_selector(".toast-body:has-text('currently busy. Please try again')", timeout=PATIENCE)
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
