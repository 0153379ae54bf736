"""Take the README's pictures of the running app.

``python -m tests.app.screenshots http://127.0.0.1:7860 [FOLDER]``; with ``--all`` as the last word instead every state
of the page at both widths and in both themes, the whole page each, to be looked at.
"""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from tests.media.group_picture import group_picture

TARGET = Path(__file__).resolve().parents[2] / "assets" / "screenshots"
SIZES = {"desktop": (1440, 900), "phone": (390, 844), "card": (1200, 630)}


def compress(page: Page) -> None:
    """The first step as the page opens."""


def edit(page: Page) -> None:
    """The second step with a smile and a filmstrip of it."""
    page.get_by_role("tab", name="2 Edit").click()
    slider = page.locator("#direction-smile input")
    slider.focus()
    for _ in range(26):
        page.keyboard.press("ArrowRight")
    page.wait_for_selector("#step-edit .caption-right:has-text('Smile')")
    page.locator("#make-strip").click()
    page.wait_for_selector(".strip img")


def compare(page: Page) -> None:
    """The third step with all results."""
    page.get_by_role("tab", name="3 Compare").click()
    page.wait_for_selector("#metric", timeout=300_000)


def thumbnail(page: Page) -> None:
    """What links to the Space show: synthetic faces only, so without the examples: one is a person."""
    page.add_style_tag(content=".sources, #steps > .tab-wrapper { display: none !important; }")


def group(page: Page) -> None:
    """All faces of a photo, in the first step."""
    photo = io.BytesIO()
    group_picture(("fair-hair", "glasses")).save(photo, "PNG")
    given = {"name": "friends.png", "mimeType": "image/png", "buffer": photo.getvalue()}
    page.set_input_files("#photo input[type=file]", given)
    page.wait_for_selector("#make-group:visible")
    page.wait_for_selector("#download-hsc:not([disabled])")
    page.locator("#make-group").click()
    page.wait_for_selector("#group-facts strong")


def blend(page: Page) -> None:
    """Halfway to another face, in the second step."""
    page.get_by_role("tab", name="2 Edit").click()
    page.locator("#blend button").first.click()
    page.locator("#blend-faces button").nth(2).click()
    page.wait_for_selector("#download-blend:not([disabled])")


def german(page: Page) -> None:
    """The first step in German."""
    page.goto(f"{page.url.partition('#')[0]}&lang=de")
    page.wait_for_selector("#download-hsc:not([disabled])")


def german_edit(page: Page) -> None:
    """The second step in German."""
    german(page)
    page.get_by_role("tab", name="2 Ändern").click()


STATES = (group, blend, german, german_edit)
"""To be looked at at every width, and in both themes."""
SHOTS = (
    ("compress-light", compress, "desktop", "light"),
    ("edit-dark", edit, "desktop", "dark"),
    ("compare-light", compare, "desktop", "light"),
    ("phone-dark", compress, "phone", "dark"),
    ("thumbnail", thumbnail, "card", "light"),
)


def main(url: str, target: Path = TARGET, shots: Sequence[tuple] = SHOTS, whole: bool = False) -> None:
    """Write all pictures.

    Args:
        url: of the app.
        target: folder to write to.
        shots: name, what to do before, size and theme of each.
        whole: the whole page, not what fits the window.
    """
    target.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for name, prepare, size, scheme in shots:
            width, height = SIZES[size]
            context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
            page = context.new_page()
            page.set_default_timeout(120_000)
            page.goto(f"{url}?__theme={scheme}")
            page.wait_for_selector(".numbers-main strong")
            prepare(page)
            page.wait_for_timeout(4000)
            page.evaluate("() => window.scrollTo(0, 0)")
            page.mouse.move(0, 0)
            with Image.open(io.BytesIO(page.screenshot(full_page=whole))) as shot:
                shot.convert("RGB").save(target / f"{name}.jpg", quality=90)
            context.close()
        browser.close()


if __name__ == "__main__":
    if sys.argv[-1] == "--all":
        every = [
            (f"{state.__name__}-{size}-{scheme}", state, size, scheme)
            for state in STATES
            for size in ("desktop", "phone")
            for scheme in ("light", "dark")
        ]
        main(sys.argv[1], Path(sys.argv[2]), every, whole=True)
    else:
        main(sys.argv[1], *map(Path, sys.argv[2:]))
