"""``python -m tests.web.measure``: how fast the page of ``make web`` is in Chromium, beside our own decoder.

Prints one line for each figure, of one visit with an empty cache and one thread (``--threads``: isolated, with all);
bytes of a second visit, too. They are what this server sent: of one that compresses by itself, scripts are fewer.
"""

from __future__ import annotations

import functools
import http.server
import os
import re
import shutil
import statistics
import sys
import threading
import time
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

import hsc
from tests.web.test_page import EXAMPLES, LOADED, PAGE, Quiet


class Counting(Quiet):
    """Counts the bytes of bodies that were sent, in all."""

    sent = 0
    _counting = threading.Lock()

    def copyfile(self, source, outputfile) -> None:  # type: ignore[no-untyped-def]
        with self._counting:
            Counting.sent += os.fstat(source.fileno()).st_size
        super().copyfile(source, outputfile)


class CountingIsolated(Counting):
    isolated = True


_WATCH = """() => {
    window.seen = [];
    const face = document.querySelector("#face");
    for (const name of ["load", "slide"]) {
        face.addEventListener(name, ({ detail }) => seen.push([detail?.size ?? name, performance.now()]));
    }
    new PerformanceObserver((list) => list.getEntries().forEach(({ duration }) => seen.push(["block", duration])))
        .observe({ type: "longtask" });
}"""


def _loaded(page: Page, size: int) -> None:
    page.wait_for_function("size => seen.some(([what]) => what === size)", arg=size, timeout=LOADED)


def _opening(page: Page) -> tuple[float, float]:
    """Milliseconds from the bytes of a file to its preview and to its picture, models being there: medians of five."""
    previews, pictures = [], []
    for file in sorted(path.name for path in EXAMPLES.glob("*.hsc"))[1:6]:
        page.evaluate("seen.length = 0")
        started = page.evaluate(
            """async (file) => {
                const bytes = new Uint8Array(await (await fetch(`examples/${file}`)).arrayBuffer());
                const face = document.querySelector("#face");
                face.strengths = null;
                const now = performance.now();
                face.data = bytes;
                return now;
            }""",
            file,
        )
        _loaded(page, 1024)
        for size, times in ((256, previews), (1024, pictures)):
            times.append(next(at for what, at in page.evaluate("seen") if what == size) - started)
    return statistics.median(previews), statistics.median(pictures)


def _dragging(page: Page) -> tuple[float, float, float]:
    """Pictures a second while a slider is dragged, and milliseconds from its release to the exact one: medians.

    And of all that time the longest task of the main thread, in milliseconds; 0 where none takes 50.
    """
    box = page.locator("#direction-smile").bounding_box()
    assert box is not None
    row, rates, rests, blocks = box["y"] + box["height"] / 2, [], [], [0.0]
    page.mouse.move(box["x"] + box["width"] / 2, row)
    page.wait_for_timeout(15_000)  # idle: pictures of this slider are rendered
    for turn in range(3):
        # In the page itself: a program outside cannot move a pointer sixty times a second.
        page.evaluate("seen.length = 0")
        page.evaluate(
            """async (turn) => {
                const slider = document.querySelector("#direction-smile");
                const until = performance.now() + 3000;
                while (performance.now() < until) {
                    await new Promise(requestAnimationFrame);
                    slider.value = Math.sin(performance.now() / 300 + turn);
                    slider.dispatchEvent(new Event("input"));
                }
                window.released = performance.now();
                slider.dispatchEvent(new PointerEvent("pointerup"));
            }""",
            turn,
        )
        rates.append(sum(what == "slide" for what, _ in page.evaluate("seen")) / 3)
        page.wait_for_function("() => seen.some(([what, at]) => what === 256 && at > released)", timeout=LOADED)
        rests.append(page.evaluate("seen.find(([what, at]) => what === 256 && at > released)[1] - released"))
        page.wait_for_function("() => seen.some(([what, at]) => what === 1024 && at > released)", timeout=LOADED)
        page.wait_for_timeout(3000)
        blocks += [value for what, value in page.evaluate("seen") if what == "block"]
    return statistics.median(rates), statistics.median(rests), max(blocks)


class Memory(threading.Thread):
    """Watches how much the largest process of a page holds for itself, its worker's WebAssembly included.

    The inspector, by which this program drives the browser, is part of it: it keeps what was fetched, some 50 MB.
    """

    def __init__(self, browser: Browser) -> None:
        super().__init__(daemon=True)
        processes = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
        self._files = [Path(f"/proc/{each['id']}/status") for each in processes if each["type"] == "renderer"]
        self.most = self.last = 0
        """Bytes, of all times and now."""
        self.start()

    def run(self) -> None:
        try:
            while True:
                found = [re.search(r"RssAnon:\s+(\d+)", file.read_text()) for file in self._files]
                self.last = max(int(one[1]) * 1024 for one in found if one)
                self.most = max(self.most, self.last)
                time.sleep(0.02)
        except OSError:
            pass  # the page was closed


def _own() -> tuple[float, float, float]:
    """Milliseconds that this package takes: from bytes to a preview, to a picture, and from an edit to a preview."""
    codec, data = hsc.Codec.load(), (EXAMPLES / "beard.hsc").read_bytes()
    times: list[list[float]] = []
    for strength in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6):
        marks = [time.perf_counter()]
        semantics = codec.parse(data)
        codec.render_preview(semantics)
        marks.append(time.perf_counter())
        codec.render(semantics)
        marks.append(time.perf_counter())
        codec.edit(semantics, {"smile": strength - 1})
        marks.append(time.perf_counter())
        codec.render_preview(codec.edit(semantics, {"smile": strength}))
        marks.append(time.perf_counter())
        preview, picture, _, edit = (1000 * (after - before) for before, after in zip(marks, marks[1:]))
        times.append([preview, preview + picture, edit])
    first, second, third = (statistics.median(column) for column in zip(*times[1:]))
    return first, second, third


def main() -> None:
    """Measure and print."""
    if not (PAGE / "index.html").is_file():
        sys.exit("There is no page: run make web.")
    isolated = "--threads" in sys.argv
    handler = functools.partial(CountingIsolated if isolated else Counting, directory=str(PAGE))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        page = context.new_page()
        address = f"http://127.0.0.1:{server.server_port}/index.html"
        page.goto(address)
        memory = Memory(browser)
        page.evaluate(_WATCH)
        _loaded(page, 256)
        first = Counting.sent
        _loaded(page, 1024)
        page.wait_for_selector("#edits:not([hidden])")
        preview, picture = _opening(page)
        rate, rest, longest = _dragging(page)
        page.wait_for_function("() => navigator.serviceWorker.ready.then(found => found.active?.state === 'activated')")
        everything, held = Counting.sent, memory.last
        page.close()
        page = context.new_page()
        page.goto(address)
        page.evaluate(_WATCH)
        _loaded(page, 1024)
        start, again = next(at for what, at in page.evaluate("seen") if what == 256), Counting.sent - everything
        browser.close()
    server.shutdown()

    own = _own()
    print(f"threads: {'all' if isolated else 1}")
    fetched = [f"{sent / 1e6:.1f}" for sent in (first, everything, again)]
    print("MB before the first picture {}, in all {}, of a second visit {}".format(*fetched))
    print(f"a second visit to its preview: {start:.0f} ms")
    print(f"bytes to preview: {preview:.0f} ms; here {own[0]:.0f}, {preview / own[0]:.1f} times")
    print(f"bytes to 1024 (the preview first): {picture:.0f} ms; here {own[1]:.0f}, {picture / own[1]:.1f} times")
    print(f"pictures a second while dragging: {rate:.0f}")
    print(f"release to exact preview: {rest:.0f} ms; here {own[2]:.0f}, {rest / own[2]:.1f} times")
    print(f"longest task of the main thread while dragging: {longest:.0f} ms")
    print(f"memory of the tab's process: {held / 1e6:.0f} MB, at most {memory.most / 1e6:.0f}")


if __name__ == "__main__":
    main()
