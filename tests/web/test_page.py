"""The page that decodes by itself, in a real browser: ``make web`` lays it out, without it these tests skip."""

from __future__ import annotations

import functools
import http.server
import io
import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import directions
from hsc.bitstream import append_edits

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = REPOSITORY / "build" / "web"
EXAMPLES = REPOSITORY / "assets" / "examples"
LOADED = 120_000
"""Milliseconds in which a first picture is there, on a busy machine."""


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A static server that says nothing, and isolates its pages where the path of its folder asks for it."""

    isolated = False

    def log_message(self, *_: object) -> None:
        pass

    def end_headers(self) -> None:
        if self.isolated:
            self.send_header("Cross-Origin-Opener-Policy", "same-origin")
            self.send_header("Cross-Origin-Embedder-Policy", "credentialless")
        super().end_headers()


class Isolated(Quiet):
    isolated = True


@pytest.fixture(scope="module", params=[Quiet, Isolated], ids=["plain", "isolated"])
def address(request: pytest.FixtureRequest) -> Iterator[str]:
    if not (PAGE / "index.html").is_file():
        pytest.skip("needs the page: make web")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(request.param, directory=str(PAGE)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/index.html"
    server.shutdown()


@pytest.fixture(scope="module")
def chromium() -> Iterator:
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("Chromium is not installed")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium) -> Iterator:
    contexts = []

    def go(address: str, context=None, **options: object):
        if context is None:
            context = chromium.new_context(accept_downloads=True, **options)
            contexts.append(context)
        page = context.new_page()
        page.errors = []
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.goto(address)
        return page

    yield go
    for context in contexts:
        context.close()


def shown(page, pattern: str = r"\d+ px$") -> str:
    """The status line, once it says that a picture is there."""
    page.wait_for_function(
        "pattern => new RegExp(pattern).test(document.querySelector('#status').textContent)",
        arg=pattern,
        timeout=LOADED,
    )
    return page.text_content("#status")


def saved(page) -> bytes:
    with page.expect_download(timeout=LOADED) as download:
        page.click("#png")
    return Path(download.value.path()).read_bytes()


def distance(png: bytes, expected: Image.Image) -> float:
    """Decibels between a picture and another."""
    with Image.open(io.BytesIO(png)) as picture:
        found = np.asarray(picture.convert("RGB"), np.float64)
    return float(10 * np.log10(255**2 / np.square(found - np.asarray(expected, np.float64)).mean()))


def saved_file(page) -> bytes:
    with page.expect_download() as download:
        page.click("#hsc")
    return Path(download.value.path()).read_bytes()


def watched(page) -> None:
    """Begins to note what the face shows, in ``window.seen``."""
    page.evaluate(
        """() => {
            window.seen = [];
            const face = document.querySelector("#face");
            face.addEventListener("load", ({ detail: { size } }) => seen.push(size));
            face.addEventListener("slide", () => seen.push("slide"));
        }"""
    )


def test_an_example_opens_by_itself_and_is_what_python_decodes(address, visit, codec) -> None:
    page = visit(address)
    assert shown(page, r"1024 px$").startswith("800 bytes, 13 of 13 layers")
    png = saved(page)
    assert b"Restored by HSC" in png and b"DigitalSourceType" in png
    assert distance(png, codec.decode((EXAMPLES / "astronaut.hsc").read_bytes())) > 60
    assert not page.errors


def test_sliders_edit_the_face_and_the_file(address, visit, codec) -> None:
    strengths = {"smile": 0.8, "eyeglasses": 1.0, "lipstick": -0.5, "yaw": 0.3}
    page = visit(address)
    shown(page)
    page.wait_for_selector("#edits:not([hidden])")
    for name, strength in strengths.items():
        page.fill(f"#direction-{name}", str(strength))
    watched(page)
    page.wait_for_function("() => seen.includes(1024)", timeout=LOADED)
    png, data = saved(page), saved_file(page)
    original = (EXAMPLES / "astronaut.hsc").read_bytes()
    assert data == append_edits(original, directions.to_ids(strengths))
    assert codec.parse(data).edits and b"smile +0.80" in png
    assert distance(png, codec.render(codec.edit(codec.parse(original), strengths))) > 60
    other = visit(page.url)  # the address holds the edits
    other.wait_for_function("() => document.querySelector('#direction-smile')?.value === '0.8'", timeout=LOADED)
    assert saved_file(other) == data and not page.errors + other.errors
    other.click("#reset")
    assert saved_file(other) == original


def test_a_file_with_edits_is_shown_edited(address, visit, codec) -> None:
    data = append_edits((EXAMPLES / "beard.hsc").read_bytes(), [(1, -0.75), (8, -1.0)])
    page = visit(address)
    shown(page)
    page.set_input_files("#file", {"name": "me.hsc", "mimeType": "image/x-hsc", "buffer": data})
    shown(page, f"^{len(data)} bytes.* px$")
    assert page.input_value("#direction-smile") == "-0.75"
    assert distance(saved(page), codec.decode(data)) > 60
    unknown = append_edits((EXAMPLES / "beard.hsc").read_bytes(), [(200, 1.0)])
    page.set_input_files("#file", {"name": "me.hsc", "mimeType": "image/x-hsc", "buffer": unknown})
    assert "no direction with id 200" in shown(page, "direction")


def test_a_slider_that_moves_shows_pictures_between_those_that_are_there(address, visit) -> None:
    page = visit(address)
    shown(page, r"1024 px$")
    watched(page)
    slider = page.locator("#direction-smile")
    slider.fill("0.5")
    page.wait_for_function("() => seen.includes(256) && seen.includes(1024)", timeout=LOADED)
    page.wait_for_timeout(3000)  # idle: pictures beside it are rendered
    page.evaluate("seen.length = 0")
    for strength in (0.45, 0.4, 0.35, 0.3):
        slider.fill(str(strength))
    assert page.evaluate("seen.filter(each => each === 'slide').length") >= 4  # at once
    page.wait_for_function("() => seen.includes(256)", timeout=LOADED)  # and exact, where it rests


def test_held_is_the_face_without_edits(address, visit) -> None:
    page = visit(address)
    shown(page, r"1024 px$")
    pixel = """() => {
        const canvas = document.querySelector("#face").shadowRoot.querySelector("canvas");
        const context = canvas.getContext("2d"), side = canvas.width;
        const mouth = context.getImageData(0.4 * side, 0.68 * side, 0.2 * side, 0.08 * side).data;
        return mouth.reduce((sum, value) => sum + value, 0) / mouth.length;
    }"""
    plain = page.evaluate(pixel)
    page.fill("#direction-lipstick", "1.5")
    watched(page)
    page.wait_for_function("() => seen.includes(1024)", timeout=LOADED)
    page.wait_for_timeout(500)  # until it is faded in
    edited = page.evaluate(pixel)
    page.dispatch_event("#hold", "pointerdown")
    page.wait_for_timeout(500)
    held = page.evaluate(pixel)
    assert abs(plain - edited) > 3 and abs(plain - held) < 1
    page.dispatch_event("#hold", "pointerup")
    assert abs(page.evaluate(pixel) - edited) < 1


def test_attributes_of_an_element_edit(address, visit) -> None:
    page = visit(address)
    shown(page)
    page.evaluate(
        """() => {
            window.seen = [];
            document.body.innerHTML = '<hsc-image src="examples/beard.hsc" smile="0.6" mouth-open="0.25"></hsc-image>';
            const face = document.querySelector("hsc-image");
            face.addEventListener("load", ({ detail: { size, strengths } }) => seen.push([size, strengths]));
            face.addEventListener("error", ({ detail }) => seen.push(detail.message));
        }"""
    )
    page.wait_for_function("() => seen.some(([size]) => size === 1024)", timeout=LOADED)
    assert page.evaluate("seen.pop()[1]") == {"smile": 0.6, "mouth_open": 0.25}
    page.evaluate("document.querySelector('hsc-image').setAttribute('smile', -0.5)")
    page.wait_for_function(
        "() => seen.some(([size, strengths]) => size === 256 && strengths.smile === -0.5)", timeout=LOADED
    )
    file = bytes(page.evaluate("[...document.querySelector('hsc-image').file]"))
    assert file == append_edits((EXAMPLES / "beard.hsc").read_bytes(), [(1, -0.5), (6, 0.25)])
    page.evaluate("document.querySelector('hsc-image').setAttribute('smile', 99)")
    page.wait_for_function(
        "() => seen.some((each) => typeof each === 'string' && each.includes('strength'))", timeout=LOADED
    )


def test_any_number_of_bytes_is_a_picture(address, visit) -> None:
    page = visit(address)
    shown(page)
    page.fill("#received", "0")
    assert "0 bytes, 0 of 0 layers" in shown(page, r"^0 bytes.* px$")
    page.fill("#received", "300")
    assert re.match(r"300 bytes, [1-9] of 13 layers", shown(page, r"^300 bytes.* px$"))


def test_a_link_holds_the_face_with_its_edits(address, visit) -> None:
    data = append_edits((EXAMPLES / "beard.hsc").read_bytes(), [(1, 0.5)])
    page = visit(address)
    shown(page)
    page.set_input_files("#file", {"name": "me.hsc", "mimeType": "image/x-hsc", "buffer": data})
    shown(page, f"^{len(data)} bytes.* px$")
    link = page.url
    other = visit(link)
    assert shown(other, f"^{len(data)} bytes.* px$")
    with other.expect_download() as download:
        other.click("#hsc")
    assert Path(download.value.path()).read_bytes() == data


def test_damage_is_said_in_a_sentence(address, visit) -> None:
    data = bytearray((EXAMPLES / "beard.hsc").read_bytes())
    data[100] ^= 1
    page = visit(address)
    shown(page)
    page.set_input_files("#file", {"name": "me.hsc", "mimeType": "image/x-hsc", "buffer": bytes(data)})
    assert shown(page, "damaged") == "This HSC file is damaged: its checksum does not match."
    page.goto("about:blank")
    page.goto(address + "#hsc=%2B")
    assert "damaged" in shown(page, "damaged")


def test_it_works_offline_after_the_first_visit(address, visit) -> None:
    page = visit(address)
    shown(page, r"1024 px$")
    page.wait_for_function("() => navigator.serviceWorker.ready.then(found => found.active?.state === 'activated')")
    page.context.set_offline(True)
    again = visit(address, page.context)
    assert shown(again, r"1024 px$").startswith("800 bytes")


def test_a_code_is_read_back_by_another_library(address, visit) -> None:
    page = visit(address, bypass_csp=True)  # to bring that library in
    shown(page)
    page.click("#qr")
    page.wait_for_selector("dialog[open]")
    page.wait_for_function("() => document.querySelector('dialog canvas').width > 100")
    page.add_script_tag(path=str(REPOSITORY / "web" / "node_modules" / "jsqr" / "dist" / "jsQR.js"))
    read = page.evaluate(
        """() => {
            const canvas = document.querySelector("dialog canvas");
            const scale = 4, large = new OffscreenCanvas(canvas.width * scale, canvas.height * scale);
            const context = large.getContext("2d");
            context.imageSmoothingEnabled = false;
            context.fillStyle = "#fff";
            context.fillRect(0, 0, large.width, large.height);
            context.drawImage(canvas, 0, 0, large.width, large.height);
            const pixels = context.getImageData(0, 0, large.width, large.height);
            return jsQR(pixels.data, pixels.width, pixels.height)?.data;
        }"""
    )
    assert read == page.url


def test_a_photo_is_not_read_nor_put_into_the_address(address, visit) -> None:
    page = visit(address)
    shown(page)
    before = page.url
    photo = (EXAMPLES / "beard.jpg").read_bytes()
    page.set_input_files("#file", {"name": "me.jpg", "mimeType": "image/jpeg", "buffer": photo})
    assert "by the program" in shown(page, "photo")
    page.set_input_files("#file", {"name": "me.hsc", "mimeType": "image/x-hsc", "buffer": photo})
    assert "too large" in shown(page, "not an HSC file")
    assert page.url == before and not page.errors
    page.set_input_files("#file", {"name": "me.hsc", "mimeType": "image/x-hsc", "buffer": photo[:2000]})
    assert shown(page, r"file\.$") == "This is not an HSC file."


def test_a_link_is_told_where_the_page_may_not_copy(address, visit) -> None:
    page = visit(address)
    shown(page)
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    page.click("#link")
    assert "address of this page" in shown(page, "copy") and "#hsc=" in page.url and not page.errors


def test_nothing_leaves_the_page(address, visit) -> None:
    page = visit(address)
    shown(page)
    heard: list[str] = []

    class Elsewhere(Quiet):
        def do_GET(self) -> None:
            heard.append(self.path)
            self.send_response(204)
            self.end_headers()

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    send = """(address) => Promise.all([
        fetch(address, { mode: "no-cors" }).then(() => "sent", () => "refused"),
        new Promise((done) => {
            Object.assign(new Image(), { src: address, onload: () => done("sent"), onerror: () => done("refused") });
        }),
    ])"""
    elsewhere = f"http://127.0.0.1:{server.server_port}/face"
    assert page.evaluate(send, elsewhere) == ["refused", "refused"] and not heard
    free = visit(address, bypass_csp=True)  # it is the page that refuses
    assert free.evaluate(send, elsewhere)[0] == "sent" and heard
    server.shutdown()


def test_two_tabs_show_two_faces(address, visit) -> None:
    first = visit(address)
    shown(first)
    second = visit(address, first.context)
    second.click("[aria-label='Example: A man with a beard']")
    assert shown(second, "^797 bytes.* 1024 px$") and shown(first, "1024 px$").startswith("800 bytes")
    for page, name in ((first, "astronaut"), (second, "beard")):
        assert saved_file(page) == (EXAMPLES / f"{name}.hsc").read_bytes() and not page.errors


def test_a_second_visit_fetches_no_model(address, visit) -> None:
    page = visit(address)
    shown(page, "1024 px$")
    page.wait_for_selector("#edits:not([hidden])")
    again, fetched = page.context.new_page(), []
    again.on("request", lambda request: fetched.append(request.url))
    again.goto(address)
    shown(again, "1024 px$")
    assert fetched and not [url for url in fetched if url.endswith((".gz", ".wasm", ".onnx"))]


def test_a_model_that_is_damaged_on_its_way_is_said_and_fetched_again(address, visit) -> None:
    page = visit("about:blank")
    broken = []

    def damage(route) -> None:
        answer = route.fetch()
        broken.append(route.request.url)
        route.fulfill(response=answer, body=answer.body()[:-2000] + bytes(2000))

    page.context.route("**/preview.onnx.gz", damage)
    page.goto(address)
    assert "preview.onnx is damaged" in shown(page, "damaged")
    page.context.unroute("**/preview.onnx.gz")
    page.click("[aria-label='Example: A man with a beard']")
    assert shown(page, "^797 bytes.* px$") and broken


def test_everything_fits_a_phone(address, visit) -> None:
    page = visit(address, viewport={"width": 390, "height": 844})
    shown(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    small = page.evaluate(
        "[...document.querySelectorAll('.buttons button, .button')].filter(b => b.offsetHeight < 44).length"
    )
    assert small == 0
