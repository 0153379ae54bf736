"""Sliders that the visitor's own browser draws, where ``make web`` laid the decoder out."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from app import browser_decoder
from app.browser_decoder import BrowserFiles
from app.kept import decoded
from tests.app.visitor import PATIENCE, settled

REPOSITORY = Path(__file__).resolve().parents[2]
RUNTIME = "ort-wasm-simd-threaded.wasm"
JSQR = REPOSITORY / "web" / "node_modules" / "jsqr" / "dist" / "jsQR.js"


async def nothing(scope, receive, send) -> None:
    """Serves that there is nothing."""
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b"nothing"})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("models/a.onnx.gz", "element/index.js", "ort/ort.wasm.min.mjs"):
        path = tmp_path / "web" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    sizes = {"models": {"a.onnx": 3_000, "image.onnx": 50_000}, "ort": {RUNTIME: 200, "ort-other.wasm": 70_000}}
    for part, files in sizes.items():
        told = {"files": {name: {"bytes": 2 * size, "packed": {"bytes": size}} for name, size in files.items()}}
        (tmp_path / "web" / part / "manifest.json").write_text(json.dumps(told))
    (tmp_path / "secret").write_bytes(b"secret")
    return tmp_path / "web"


def test_files_are_served_as_they_lie_there(folder) -> None:
    client = TestClient(BrowserFiles(nothing, folder))
    packed = client.get("/browser/models/a.onnx.gz", headers={"accept-encoding": "gzip, br"})
    # The page's own script opens it: a browser that did so by itself would give it something else.
    assert packed.content == b"models/a.onnx.gz" and "content-encoding" not in packed.headers
    assert "javascript" in client.get("/browser/element/index.js").headers["content-type"]
    assert client.get("/browser/nothing.js").status_code == 404
    assert client.get("/elsewhere").text == "nothing"


def test_a_visitor_is_told_what_is_downloaded(folder) -> None:
    assert browser_decoder.download_bytes(folder) == 3_200


def test_no_file_beside_the_folder_is_served(folder) -> None:
    client = TestClient(BrowserFiles(nothing, folder))
    for path in ("/browser/../secret", "/browser/%2e%2e/secret", "/browser//../secret", "/browser/models/../../secret"):
        with client.stream("GET", path) as answer:
            assert b"secret" not in b"".join(answer.iter_raw())


def test_without_the_decoder_nothing_is_offered(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(browser_decoder, "FOLDER", tmp_path)
    assert browser_decoder.head() == ""
    assert not browser_decoder.switch().visible and not browser_decoder.code_button().visible
    assert TestClient(BrowserFiles(nothing)).get("/browser/index.html").text == "nothing"


@pytest.fixture
def edit_step(visit):
    """Opens a page at its second step, whose browser draws."""
    if not browser_decoder.laid_out():
        pytest.skip("needs the decoder for browsers: make web")

    def go():
        page = visit()
        settled(page)
        page.get_by_role("tab", name="2 Edit").click()
        page.wait_for_selector("#in-browser")
        return page

    return go


def drawing(page) -> None:
    """Waits until the browser is ready to draw."""
    page.wait_for_function("document.querySelector('#in-browser').checked")
    page.wait_for_function("document.querySelector('.in-browser span').textContent === ''", timeout=PATIENCE)


def moved(page, name: str, strength: float) -> None:
    """Moves a slider without letting it go."""
    page.locator(f"#{name} input").evaluate(
        "(input, to) => { const o = JSON.parse(input.closest('.range').dataset.options);"
        " input.value = 1000 * (to - o.min) / (o.max - o.min); input.dispatchEvent(new Event('input')); }",
        strength,
    )


def asked(page) -> list[str]:
    """What is asked of the server from now on."""
    calls: list[str] = []
    page.on("request", lambda request: calls.append(request.url) if "queue/join" in request.url else None)
    return calls


@pytest.mark.slow
def test_a_slider_that_moves_asks_nothing_of_the_server(edit_step, studio) -> None:
    page = edit_step()
    drawing(page)
    calls = asked(page)
    for strength in (0.2, 0.5, 0.8):
        moved(page, "direction-smile", strength)
    drawn = page.locator("#edit-stage hsc-image:not([hidden])")
    drawn.wait_for()
    page.evaluate("window.seen = 0")
    page.evaluate("document.querySelector('#edit-stage hsc-image').addEventListener('load', () => { seen += 1; })")
    moved(page, "direction-smile", 0.81)
    page.wait_for_function("seen > 0")
    page.wait_for_timeout(500)  # until it is faded in
    assert not calls
    picture = drawn.evaluate(
        """async (face) => {
            const canvas = face.shadowRoot.querySelector("canvas");
            const blob = await new Promise((done) => canvas.toBlob(done));
            return [...new Uint8Array(await blob.arrayBuffer())];
        }"""
    )
    data = page.evaluate("location.hash.slice(5)")
    codec = studio.codec
    expected = codec.render_preview(codec.edit(codec.parse(decoded(data)), {"smile": 0.81}))
    with Image.open(io.BytesIO(bytes(picture))) as image:
        error = np.asarray(image.convert("RGB"), np.float64) - np.asarray(expected, np.float64)
    assert 10 * np.log10(255**2 / np.square(error).mean()) > 45  # as far as 8 bits and a fade tell
    page.locator("#direction-smile input").dispatch_event("change")
    page.wait_for_selector("#step-edit .caption-right:has-text('Smile +0.81')")
    page.wait_for_selector("#edit-stage hsc-image", state="hidden")
    assert calls


@pytest.mark.slow
def test_bytes_received_are_drawn_too(visit, edit_step) -> None:
    page = edit_step()
    drawing(page)
    page.get_by_role("tab", name="1 Compress").click()
    page.wait_for_selector("#received input")
    calls = asked(page)
    page.locator("#received input").evaluate("input => { input.value = 400; input.dispatchEvent(new Event('input')); }")
    page.wait_for_selector("#stage hsc-image:not([hidden])")
    assert not calls
    page.locator("#received input").dispatch_event("change")
    page.wait_for_selector("#stage hsc-image", state="hidden")


@pytest.mark.slow
def test_the_server_draws_where_the_switch_is_off(edit_step) -> None:
    page = edit_step()
    page.uncheck("#in-browser")
    calls = asked(page)
    moved(page, "direction-smile", 0.5)
    page.wait_for_timeout(1000)
    assert calls and not page.locator("#edit-stage hsc-image:not([hidden])").count()


@pytest.mark.slow
def test_much_is_asked_about_where_it_costs_something(visit, edit_step, browser, url) -> None:
    page = edit_step()
    context = browser.new_context()
    try:
        context.add_init_script("Object.defineProperty(navigator, 'connection', { value: { saveData: true } })")
        page, questions, fetched = context.new_page(), [], []
        page.set_default_timeout(PATIENCE)
        page.on("dialog", lambda dialog: (questions.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: fetched.append(request.url) if "/models/" in request.url else None)
        page.goto(url)
        page.wait_for_selector(".numbers-main strong")
        page.get_by_role("tab", name="2 Edit").click()
        page.locator("#in-browser").click()
        page.wait_for_timeout(500)
        assert "MB" in questions[0] and not fetched and not page.is_checked("#in-browser")
    finally:
        context.close()


@pytest.mark.slow
def test_the_code_holds_the_link(visit, edit_step) -> None:
    page = edit_step()
    page.get_by_role("tab", name="1 Compress").click()
    page.locator("#show-code").click()
    page.wait_for_function("document.querySelector('dialog.code canvas')?.width > 100")
    read = page.evaluate(
        """async (library) => {
            (0, eval)(library);
            const canvas = document.querySelector("dialog.code canvas");
            const scale = 4, large = new OffscreenCanvas(canvas.width * scale, canvas.height * scale);
            const context = large.getContext("2d");
            context.imageSmoothingEnabled = false;
            context.fillStyle = "#fff";
            context.fillRect(0, 0, large.width, large.height);
            context.drawImage(canvas, 0, 0, large.width, large.height);
            const pixels = context.getImageData(0, 0, large.width, large.height);
            return self.jsQR(pixels.data, pixels.width, pixels.height)?.data;
        }""",
        JSQR.read_text(),
    )
    assert read == page.url and "#hsc=" in read
