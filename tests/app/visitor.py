"""What a visitor does and waits for on the page, by Playwright."""

from __future__ import annotations

import directions

PATIENCE = 90_000
"""Milliseconds to wait for anything: the machine may be busy."""


def settled(page) -> str:
    """Address of the right picture of the first step, once it has stopped changing."""
    last = None
    for _ in range(PATIENCE // 500):
        now = page.locator("#stage img").last.get_attribute("src") if page.locator("#stage img").count() > 1 else None
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


def slid(page, name: str, strength: float) -> None:
    """Slide an edit, as a mouse does, and wait for its picture."""
    page.locator(f"#direction-{name} input").evaluate(
        "(input, to) => { const o = JSON.parse(input.closest('.range').dataset.options);"
        " input.value = 1000 * (to - o.min) / (o.max - o.min);"
        " input.dispatchEvent(new Event('input')); input.dispatchEvent(new Event('change')); }",
        strength,
    )
    label = directions.load(name).label.lower()
    page.wait_for_function(
        "text => document.querySelector('#step-edit .caption-right').innerText.toLowerCase().includes(text)",
        arg=f"{label} {strength:+.2f}",
    )
