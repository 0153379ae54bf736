"""What a demanding visitor tries in a real browser: haste, reloads, files dropped anywhere, waiting, films."""

from __future__ import annotations

import base64
import io
import re
import time
import urllib.request
from pathlib import Path

import pytest
from PIL import Image

from app import editing
from app.studio import DEFAULT_BYTES
from hsc import bitstream
from tests.app.visitor import changed, settled, slid

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def edited_file(studio, tmp_path_factory) -> Path:
    """A file with a smile in it."""
    data = studio.examples[1].prepared.read_bytes()
    path = tmp_path_factory.mktemp("files") / "smiling.hsc"
    path.write_bytes(editing.with_edits(data, {"smile": 0.6}))
    return path


def given(page, target: str, path: Path, kind: str = "DragEvent") -> None:
    """Drop a file of the machine on an element, or paste it by a ``ClipboardEvent``."""
    text = base64.b64encode(path.read_bytes()).decode()
    transfer = page.evaluate_handle(
        "([text, name]) => { const all = new DataTransfer();"
        " all.items.add(new File([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], name)); return all; }",
        [text, path.name],
    )
    page.locator(target).first.evaluate(
        "(at, [kind, all]) => at.dispatchEvent(new window[kind](kind === 'DragEvent' ? 'drop' : 'paste',"
        " { dataTransfer: all, clipboardData: all, bubbles: true, cancelable: true }))",
        [kind, transfer],
    )


def recipes_shown(page) -> None:
    """Wait until the prepared edits of the second step show this face."""
    page.wait_for_function("() => document.querySelectorAll('.recipes img').length >= 5")


def slider_says(page, name: str, text: str) -> None:
    """Open the step with the sliders, and wait until an edit's says so."""
    page.get_by_role("tab", name="2 Edit").click()
    page.wait_for_function(
        "([name, text]) => document.querySelector(`#direction-${name} .range-value`)?.innerText === text",
        arg=[name, text],
    )


def pressed(page) -> list[int]:
    """Which examples have the ring."""
    return page.locator("#examples button").evaluate_all(
        "all => all.flatMap((b, i) => b.getAttribute('aria-pressed') === 'true' ? [i] : [])"
    )


def test_the_last_of_quick_clicks_is_shown(visit, studio) -> None:
    page = visit()
    settled(page)
    for attempt in range(3):
        for index in (1, 2, 3 + attempt):
            page.locator("#examples button").nth(index).click()
            page.wait_for_timeout(150)
        title = studio.examples[3 + attempt].title
        page.wait_for_function(
            "title => document.querySelector('#stage img')?.alt.includes(title)"
            " && document.querySelector('#step-compress .caption-right').innerText.startsWith('Restored')",
            arg=title,
        )
        page.wait_for_timeout(1500)
        assert title in page.locator("#stage img").first.get_attribute("alt") and pressed(page) == [3 + attempt]


def test_edits_survive_other_bytes_and_another_face(visit) -> None:
    page = visit()
    before = settled(page)
    page.get_by_role("tab", name="2 Edit").click()
    slid(page, "smile", 0.5)
    page.get_by_role("tab", name="1 Compress").click()
    page.locator("#examples button").nth(4).click()
    before = changed(page, before)
    assert "smile +0.50" in page.inner_text("#notes")
    page.locator("#bytes input").evaluate(
        "input => { input.value = 600; input.dispatchEvent(new Event('input'));"
        " input.dispatchEvent(new Event('change')); }"
    )
    changed(page, before)
    page.get_by_role("tab", name="2 Edit").click()
    page.wait_for_selector("#step-edit .caption-right:has-text('Smile +0.50')")


@pytest.mark.parametrize("way", ["chosen", "dropped", "dropped beside"])
def test_an_edited_file_is_taken_by_the_place_for_a_photo(visit, edited_file: Path, way: str) -> None:
    page = visit()
    settled(page)
    if way == "chosen":
        page.locator("#photo input[type=file]").set_input_files(edited_file)
    else:
        given(page, "#photo button" if way == "dropped" else "#numbers", edited_file)
    page.wait_for_selector("#step-compress .caption-left:has-text('Without its edits')")
    assert int(page.inner_text(".numbers-main strong")) == edited_file.stat().st_size
    assert "smile +0.60" in page.inner_text("#step-compress .caption-right") and not pressed(page)
    slider_says(page, "smile", "+0.60")


@pytest.mark.parametrize("way", ["dropped", "pasted"])
def test_a_file_may_come_while_another_step_is_open(visit, edited_file: Path, way: str) -> None:
    page = visit()
    settled(page)
    page.get_by_role("tab", name="2 Edit").click()
    recipes_shown(page)
    if way == "dropped":
        given(page, "#edit-stage", edited_file)
    else:
        given(page, "#step-edit .hold", edited_file, "ClipboardEvent")
    page.wait_for_selector("#step-compress .caption-left:has-text('Without its edits'):visible")  # where it arrives
    slider_says(page, "smile", "+0.60")
    recipes_shown(page)


def test_prepared_edits_are_back_with_a_face_that_had_them(visit) -> None:
    page = visit()
    before = settled(page)
    for example in (1, 2, 1):
        page.get_by_role("tab", name="1 Compress").click()
        page.locator("#examples button").nth(example).click()
        before = changed(page, before)
        page.get_by_role("tab", name="2 Edit").click()
        recipes_shown(page)


def test_prepared_edits_show_a_face_that_comes_while_their_step_is_open(visit, photo: Path) -> None:
    page = visit()
    before = settled(page)
    page.locator("#photo input[type=file]").set_input_files(photo)
    page.wait_for_selector("#progress p:has-text('Compressing')")
    page.get_by_role("tab", name="2 Edit").click()
    changed(page, before)
    page.wait_for_selector("#progress p:empty", state="attached")
    recipes_shown(page)


def test_a_chart_that_was_drawn_unseen_fits_when_it_is_seen(visit, edited_file: Path) -> None:
    page = visit()
    settled(page)
    page.locator("#photo input[type=file]").set_input_files(edited_file)
    page.wait_for_selector("#step-compress .caption-left:has-text('Without its edits')")
    page.get_by_role("tab", name="2 Edit").click()
    slid(page, "smile", 0.9)  # which makes a file of it, and its chart
    page.get_by_role("tab", name="1 Compress").click()
    page.wait_for_selector("#step-compress .caption-right:has-text('smile +0.90')")
    page.wait_for_function(
        "() => { const inner = document.querySelector('#layers .main-svg').getBoundingClientRect(),"
        " outer = document.querySelector('#layers').getBoundingClientRect();"
        " return inner.width > 300 && inner.right <= outer.right + 1; }",
        timeout=5000,
    )


def test_bars_of_progress_have_the_colour_of_what_can_be_touched(visit) -> None:
    for scheme, done in (("light", (15, 123, 108)), ("dark", (75, 179, 160))):
        page = visit(address=f"?__theme={scheme}", color_scheme=scheme)
        settled(page)
        page.locator("#progress").evaluate(
            "at => { at.innerHTML = '<div class=working><progress value=3 max=4></progress></div>'; }"
        )
        with Image.open(io.BytesIO(page.locator("#progress progress").screenshot())) as bar:
            at = bar.convert("RGB").getpixel((bar.width // 2, bar.height // 2))
            rest = bar.convert("RGB").getpixel((bar.width * 7 // 8, bar.height // 2))
        assert at == done and rest != done


def test_nothing_received_is_the_large_number(visit) -> None:
    page = visit()
    settled(page)
    page.locator("#received input").evaluate(
        "input => { input.value = 0; input.dispatchEvent(new Event('input'));"
        " input.dispatchEvent(new Event('change')); }"
    )
    page.wait_for_selector(".numbers-main strong:text-is('0')")
    assert "0.0000" in page.inner_text("#numbers")


def test_a_reload_brings_photo_and_edits_back_and_the_address_opens_elsewhere(visit, photo: Path) -> None:
    page = visit()
    before = settled(page)
    page.locator("#photo input[type=file]").set_input_files(photo)
    changed(page, before)
    page.wait_for_selector("#progress p:empty", state="attached")
    page.get_by_role("tab", name="2 Edit").click()
    slid(page, "smile", 0.5)
    page.wait_for_function("() => location.hash.length > 100 && sessionStorage.getItem('hsc-photo')")
    page.wait_for_timeout(1000)
    address = page.evaluate("() => location.hash")
    data = base64.urlsafe_b64decode(address.removeprefix("#hsc=") + "==")
    assert data.startswith(b"HSC") and len(bitstream.BitstreamReader(data).edits) == 1
    page.reload()
    page.wait_for_selector("#step-compress .caption-left:has-text('Original')")
    assert "the face in your photo" in page.locator("#stage img").first.get_attribute("alt")
    assert page.evaluate("() => location.hash") == address
    slider_says(page, "smile", "+0.50")
    other = visit(address=address)
    other.wait_for_selector("#step-compress .caption-left:has-text('Without its edits')")
    assert int(other.inner_text(".numbers-main strong")) == len(data)
    assert other.evaluate("() => sessionStorage.getItem('hsc-photo')") is None


def test_the_link_is_copied(visit) -> None:
    page = visit(permissions=["clipboard-read", "clipboard-write"])
    settled(page)
    page.locator("#copy-link").click()
    page.wait_for_selector("#copy-link:has-text('Link copied')")
    assert page.evaluate("() => navigator.clipboard.readText()") == page.url and "#hsc=" in page.url


def test_nothing_can_be_pressed_before_there_is_a_face(browser, url: str) -> None:
    page = browser.new_page()
    try:
        page.route("**/queue/join*", lambda route: None)  # the first face never comes
        page.goto(url)
        page.get_by_role("tab", name="2 Edit").click()
        for name in ("#make-film", "#make-strip", "#download-edited"):
            assert page.locator(name).is_disabled()
    finally:
        page.close()


def test_a_photo_shows_its_crop_then_pictures_and_can_be_stopped(visit, photo: Path) -> None:
    page = visit()
    first = settled(page)
    page.evaluate(
        """() => {
          window.seen = [];
          new MutationObserver(() => {
            const images = [...document.querySelectorAll('#stage img')].map((image) => image.src);
            const now = [document.querySelector('#step-compress .caption-right').innerText,
              document.querySelector('.numbers-main strong')?.innerText ?? '', images.join(' ')].join('|');
            if (window.seen.at(-1) !== now) window.seen.push(now);
          }).observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
        }"""
    )
    page.locator("#photo input[type=file]").set_input_files(photo)
    page.wait_for_selector("#progress p:has-text('Compressing, step')")
    assert page.locator("#progress progress").get_attribute("max") == "8"
    page.locator("#stop").click()
    page.wait_for_selector("#stop", state="hidden")
    page.wait_for_selector("#progress p:empty", state="attached")
    seen = [line.split("|") for line in page.evaluate("() => window.seen")]
    crops = [
        line for line in seen if line[0] == "Compressing" and len(set(line[2].split())) == 1 and first not in line[2]
    ]
    assert crops and all(not line[1] for line in crops)
    assert page.inner_text("#step-compress .caption-right").startswith("Restored from")
    assert 0 < int(page.inner_text(".numbers-main strong")) <= DEFAULT_BYTES


def test_a_film_says_how_far_it_is_and_comes_in_sight(visit) -> None:
    page = visit(1280, 720)
    settled(page)
    page.get_by_role("tab", name="2 Edit").click()
    page.locator("#make-film").click()
    page.wait_for_selector("#make-film:has-text('%')")
    assert page.locator("#make-film").is_disabled()
    page.wait_for_selector("#edit-progress p:has-text('Film, picture')")
    page.wait_for_selector("#film video")
    page.wait_for_function(
        "() => { const box = document.querySelector('#film video').getBoundingClientRect();"
        " return box.top >= 0 && box.bottom <= innerHeight; }"
    )
    assert page.inner_text("#make-film") == "Film (MP4)" and page.locator("#make-film").is_enabled()


def test_play_shows_every_layer(visit) -> None:
    page = visit()
    settled(page)
    page.evaluate(
        """() => {
          window.seen = {};
          new MutationObserver(() => {
            const caption = document.querySelector('.caption[data-stage=stage]');
            if (caption) window.seen[caption.dataset.received] ??= performance.now();
          }).observe(document.body, { subtree: true, childList: true, attributes: true });
        }"""
    )
    page.locator(".range-play").click()
    page.wait_for_selector("text=nothing at all")
    page.wait_for_selector("#received .playing", state="detached")
    times = page.evaluate("() => Object.entries(window.seen).map(([size, time]) => [Number(size), time])")
    ends = [at for at, _ in page.evaluate("() => JSON.parse(document.querySelector('#received .range').dataset.marks)")]
    assert len(ends) >= 13 and {0, *ends} <= {size for size, _ in times}
    begun = [time for size, time in sorted(times, key=lambda each: each[0]) if size < max(ends)]  # it began whole
    assert all(later - earlier >= 600 for earlier, later in zip(begun, begun[1:]))


def test_names_of_layers_do_not_run_into_each_other(visit) -> None:
    for width in (375, 1440):
        page = visit(width, 812)
        settled(page)
        boxes = page.locator("#received .range-marks span").evaluate_all(
            "all => all.filter((m) => m.innerText).map((m) => [m.innerText, m.getBoundingClientRect()])"
            ".map(([text, box]) => [text, box.left, box.right])"
        )
        boxes.sort(key=lambda each: each[1])
        assert {"S", "F12"} <= {text for text, *_ in boxes}
        assert all(right[1] >= left[2] for left, right in zip(boxes, boxes[1:]))


def test_examples_stay_usable_at_twice_the_size(visit) -> None:
    page = visit(720, 450)  # a window of 1440 x 900 at 200%
    settled(page)
    for button in page.locator("#examples button").all():
        box = button.bounding_box()
        assert box["width"] >= 44 and box["height"] >= 44 and box["x"] + box["width"] <= 720


def test_fingers_are_told_of_fingers(visit) -> None:
    page = visit(390, 844, has_touch=True, is_mobile=True)
    settled(page)
    page.get_by_role("tab", name="2 Edit").click()
    page.wait_for_selector("text=Tap twice")
    assert not page.get_by_text("Double-click").first.is_visible()


def test_the_face_is_in_sight_while_its_bytes_are_received_on_a_phone(visit) -> None:
    page = visit(390, 844, has_touch=True, is_mobile=True)
    settled(page)
    for slider in ("#bytes", "#received"):
        page.locator(slider).evaluate("at => at.scrollIntoView({ block: 'end' })")
        page.wait_for_timeout(300)
        stage, track = (page.locator(at).bounding_box() for at in ("#stage", f"{slider} input"))
        assert stage["y"] >= -1 and stage["height"] >= 300 and stage["y"] + stage["height"] <= track["y"]
        assert track["y"] + track["height"] <= 844
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("language", ["en", "de"])
def test_a_small_phone_shows_the_page_whole_and_what_is_done(visit, photo: Path, language) -> None:
    page = visit(320, 640, f"?lang={language}", has_touch=True)
    settled(page)
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    assert page.get_by_role("tab").count() == 3 and page.get_by_role("tab").last.is_visible()
    page.evaluate(
        """() => new MutationObserver(() => {
            const said = document.querySelector("#progress progress")?.getBoundingClientRect();
            if (said) window.said = [said.top, said.bottom];
        }).observe(document.querySelector("#progress"), { childList: true, subtree: true })"""
    )
    page.set_input_files("#photo input[type=file]", str(photo))
    page.wait_for_function("window.said")
    top, bottom = page.evaluate("said")
    assert 0 <= top < bottom <= 640


def test_what_is_done_is_in_sight_and_the_old_stream_is_not(visit, photo: Path) -> None:
    page = visit()
    settled(page)
    page.evaluate(
        """() => { window.seen = []; new MutationObserver(() => {
            const bar = document.querySelector("#progress progress")?.getBoundingClientRect();
            if (!bar || !document.querySelector(".numbers.pending")) return;
            const stream = getComputedStyle(document.querySelector("#received")).visibility;
            window.seen.push([bar.top, bar.bottom, innerHeight, stream]);
        }).observe(document.body, { childList: true, subtree: true }); }"""
    )
    page.set_input_files("#photo input[type=file]", str(photo))
    page.wait_for_function("seen.length > 1")
    top, bottom, height, stream = page.evaluate("seen.at(-1)")
    assert 0 <= top < bottom <= height
    assert stream == "hidden"


def test_what_was_made_is_not_covered_on_a_phone(visit) -> None:
    page = visit(390, 844, has_touch=True, is_mobile=True)
    settled(page)
    covered = (
        "at => { const box = document.querySelector(at).getBoundingClientRect();"
        " return [0.1, 0.5, 0.9].some((share) => !document.elementFromPoint(box.left + box.width / 3, box.top"
        " + share * box.height)?.closest(at)); }"
    )
    page.locator("#make-arrival").click()
    page.wait_for_selector("#arrival video")
    page.wait_for_timeout(2000)
    assert not page.evaluate(covered, "#arrival")
    page.get_by_role("tab", name="2 Edit").click()
    page.locator("#make-wipe").click()
    page.wait_for_selector("#made a")
    page.wait_for_timeout(2000)
    assert not page.evaluate(covered, "#made")
    # Nothing of what is scrolled away below the face shines through it.
    page.locator("#subject").evaluate("at => window.scrollBy(0, at.getBoundingClientRect().top - 40)")
    page.wait_for_timeout(300)
    assert not page.evaluate(covered, "#edit-stage")
    assert page.locator("#edit-stage").bounding_box()["height"] <= 0.45 * 844


def test_what_is_done_is_said_once_and_in_words(visit, photo: Path) -> None:
    page = visit()
    settled(page)
    page.evaluate(
        """() => {
          window.said = [];
          new MutationObserver((all) => all.forEach((change) => {
            const live = change.target.parentElement?.closest('[role=status],[role=alert],[aria-live]')
              ?? change.target.closest?.('[role=status],[role=alert],[aria-live]');
            if (live && live.innerText.trim()) window.said.push(live.innerText.trim());
          })).observe(document.body, { subtree: true, childList: true, characterData: true });
        }"""
    )
    page.locator("#photo input[type=file]").set_input_files(photo)
    # Whichever: a step that ends while the page shows a picture is not told.
    page.wait_for_selector("#progress p:text-matches('step [2-8] of 8')")
    page.wait_for_selector("#progress p:empty", state="attached")
    said = page.evaluate("() => window.said")
    assert "Looking for faces" in said and any(text.startswith("Compressing, step") for text in said)
    assert all(text.startswith(("Looking", "Compressing")) for text in said) and len(said) == len(set(said))


def test_the_end_of_a_zoom_is_no_undo(visit) -> None:
    page = visit()
    settled(page)
    page.wait_for_selector("#stage button[title='Show the whole picture again']", state="attached")
    assert not page.locator(".stage button[aria-label=Undo]").count()


def test_a_refusal_has_a_title_of_its_own(visit, tmp_path: Path) -> None:
    page = visit()
    settled(page)
    (tmp_path / "me.jpg").write_bytes(b"no picture")
    page.locator("#photo input[type=file]").set_input_files(tmp_path / "me.jpg")
    page.wait_for_selector(".toast-title:has-text('That did not work')")


def test_a_link_to_the_page_shows_one_preview_of_ours(url: str) -> None:
    request = urllib.request.Request(url, headers={"X-Forwarded-Host": "faces.example", "X-Forwarded-Proto": "https"})
    with urllib.request.urlopen(request) as answer:
        head = answer.read().decode().partition("</head>")[0]
    for name in ("og:title", "og:description", "og:image", "description", "twitter:card"):
        assert len(re.findall(rf'<meta (?:property|name)="{name}"', head)) == 1, name
    assert "gradio" not in " ".join(re.findall(r"<meta[^>]*>|<title>.*?</title>", head)).lower()
    assert len(re.findall("<title>", head)) == 1 and '"https://faces.example/link-preview.jpg"' in head
    with urllib.request.urlopen(url + "link-preview.jpg") as answer, Image.open(io.BytesIO(answer.read())) as image:
        assert image.size == (1200, 630)


def test_prepared_edits_show_themselves_and_keys_undo_and_redo(visit) -> None:
    page = visit()
    settled(page)
    page.get_by_role("tab", name="2 Edit").click()
    page.wait_for_function("() => document.querySelectorAll('.recipes img').length >= 5")
    for index, title in ((0, "Smile"), (1, "Eyeglasses")):
        page.locator(".recipes button").nth(index).click()
        page.wait_for_selector(f"#step-edit .caption-right:has-text('{title}')")
    page.wait_for_function("() => document.querySelectorAll('.versions img').length === 3")
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    page.wait_for_selector("#step-edit .caption-right:has-text('Move a slider')")
    page.keyboard.press("Control+Shift+z")
    page.wait_for_selector("#step-edit .caption-right:has-text('Smile')")
    page.keyboard.press("Control+Shift+z")
    page.wait_for_selector("#step-edit .caption-right:has-text('Eyeglasses')")
    page.get_by_label("As text").fill("smiel 0.4")
    page.get_by_label("As text").press("Enter")
    page.wait_for_selector(".toast-title:has-text('That did not work')")
    page.wait_for_timeout(1500)
    assert page.get_by_label("As text").input_value() == "smiel 0.4"  # to be mended
    page.get_by_label("As text").fill("smile 0.4, age +0.5")
    page.get_by_label("As text").press("Enter")
    page.wait_for_selector("#step-edit .caption-right:has-text('Smile +0.40, age +0.50')")


def test_rings_are_where_the_sliders_stand(visit) -> None:
    page = visit()
    settled(page)
    page.get_by_role("tab", name="2 Edit").click()
    recipes_shown(page)

    def ringed(place: str, *wanted: int) -> None:
        page.wait_for_function(
            "([place, wanted]) => String([...document.querySelectorAll(`${place} button`)].flatMap((button, index) =>"
            " button.ariaPressed === 'true' ? [index] : [])) === String(wanted)",
            arg=[place, list(wanted)],
        )

    page.locator(".recipes button").nth(1).click()
    page.wait_for_selector("#step-edit .caption-right:has-text('Eyeglasses')")
    ringed("#presets", 1)
    page.locator("#surprise").click()
    ringed("#presets")
    page.wait_for_function("() => document.querySelectorAll('.versions img').length === 3")
    page.locator("#undo").click()
    ringed("#presets", 1)
    page.locator("#make-strip").click()
    page.wait_for_selector(".strip img")
    ringed("#strip", 3)
    page.locator("#strip button").nth(5).click()
    ringed("#strip", 5)
    ringed("#presets")
    slid(page, "smile", 0.3)
    ringed("#strip")


def test_the_left_half_of_an_edited_file_is_named_by_no_other_size(visit, edited_file: Path) -> None:
    page = visit()
    settled(page)
    given(page, "#photo", edited_file)
    page.wait_for_selector("#step-compress .caption-right:has-text('smile +0.60')")
    page.locator("#received input").focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector("#step-compress .caption-right:not(:has-text('smile'))")
    assert page.locator("#step-compress .caption-left").first.inner_text() == "Without its edits"


def test_another_codec_takes_the_left_half(visit) -> None:
    page = visit()
    settled(page)
    page.locator("#beside label", has_text="JPEG").click()
    page.wait_for_selector("#step-compress .caption-left:has-text('more')")
    assert page.inner_text("#step-compress .caption-right").startswith("HSC, ")
    page.locator("#beside label", has_text="Original").click()
    page.wait_for_selector("#step-compress .caption-left:has-text('Original')")


def test_the_picture_is_copied(visit) -> None:
    page = visit(permissions=["clipboard-read", "clipboard-write"])
    settled(page)
    page.locator("#copy-picture").click()
    page.wait_for_selector("#copy-picture:has-text('Picture copied')")
    types = page.evaluate("async () => (await navigator.clipboard.read()).flatMap((item) => item.types)")
    assert types == ["image/png"]


def test_a_link_may_say_what_to_show(visit) -> None:
    page = visit(address="?example=beard&bytes=400&smile=0.6")
    page.wait_for_selector("#notes:has-text('smile +0.60')")
    assert int(page.inner_text(".numbers-main strong")) <= 400 and "?" not in page.url and "#hsc=" in page.url


def test_an_encode_whose_page_was_closed_frees_its_place(visit, studio, photo: Path) -> None:
    page = visit(address="?bytes=8000&example=beard")
    page.wait_for_selector("#progress p:has-text('Compressing, step')")
    assert not studio.lanes.code.idle
    page.context.close()
    deadline = time.monotonic() + 40
    while not studio.lanes.code.idle and time.monotonic() < deadline:
        time.sleep(0.2)
    assert studio.lanes.code.idle


def test_a_new_visitor_waits_for_no_stranger(visit, studio) -> None:
    with studio.lanes.code.enter(), studio.lanes.work.enter(), studio.lanes.rival.enter():  # strangers at work
        page = visit()
        settled(page)
        page.get_by_role("tab", name="2 Edit").click()
        slid(page, "smile", 0.5)
        page.get_by_role("tab", name="1 Compress").click()
        page.locator("#bytes input").evaluate(
            "input => { input.value = 900; input.dispatchEvent(new Event('input'));"
            " input.dispatchEvent(new Event('change')); }"
        )
        page.wait_for_selector("#progress p:has-text('busy, 1 before you, about')")
    page.wait_for_selector("#progress p:has-text('Compressing, step')")
