"""Take the README's pictures of the running app.

``python tests/app/screenshots.py http://127.0.0.1:7860 [FOLDER]``
"""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

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


SHOTS = (
    ("compress-light", compress, "desktop", "light"),
    ("edit-dark", edit, "desktop", "dark"),
    ("compare-light", compare, "desktop", "light"),
    ("phone-dark", compress, "phone", "dark"),
    ("thumbnail", thumbnail, "card", "light"),
)


def main(url: str, target: Path = TARGET) -> None:
    """Write all pictures."""
    target.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for name, prepare, size, scheme in SHOTS:
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
            with Image.open(io.BytesIO(page.screenshot())) as shot:
                shot.convert("RGB").save(target / f"{name}.jpg", quality=90)
            context.close()
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1], *map(Path, sys.argv[2:]))
