"""Contrast of what is read or touched, as WCAG 2.1 counts it: AA is 4.5 for text, 3 for controls."""

from __future__ import annotations

import re

import gradio as gr
import pytest

from app import theme

TEXTS = [
    ("body_text_color", "body_background_fill"),
    ("body_text_color", "background_fill_primary"),
    ("body_text_color", "background_fill_secondary"),
    ("body_text_color_subdued", "body_background_fill"),
    ("body_text_color_subdued", "background_fill_primary"),
    ("body_text_color_subdued", "background_fill_secondary"),
    ("block_label_text_color", "block_label_background_fill"),
    ("block_title_text_color", "block_background_fill"),
    ("block_info_text_color", "block_background_fill"),
    ("input_placeholder_color", "input_background_fill"),
    ("link_text_color", "body_background_fill"),
    ("link_text_color", "background_fill_primary"),
    ("button_primary_text_color", "button_primary_background_fill"),
    ("button_primary_text_color", "button_primary_background_fill_hover"),
    ("button_secondary_text_color", "button_secondary_background_fill"),
    ("button_secondary_text_color", "button_secondary_background_fill_hover"),
    ("--own-text", "body_background_fill"),
    ("--own-text", "background_fill_primary"),
]
CONTROLS = [
    ("color_accent", "body_background_fill"),
    ("slider_color", "body_background_fill"),
    ("--own", "body_background_fill"),
    ("--own", "background_fill_primary"),
    ("--line", "body_background_fill"),
    ("--line", "background_fill_primary"),
    ("button_secondary_border_color", "body_background_fill"),
    ("button_secondary_border_color", "background_fill_primary"),
]


@pytest.fixture(scope="module")
def look() -> gr.themes.Base:
    return theme.theme()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize(("front", "back"), TEXTS)
def test_text_can_be_read(look: gr.themes.Base, front: str, back: str, dark: bool) -> None:
    assert contrast(colour(look, front, dark), colour(look, back, dark)) >= 4.5


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize(("front", "back"), CONTROLS)
def test_controls_can_be_seen(look: gr.themes.Base, front: str, back: str, dark: bool) -> None:
    assert contrast(colour(look, front, dark), colour(look, back, dark)) >= 3


@pytest.mark.parametrize(
    "rule", [r"\.range-track::before", r"\.range-tested", "slider-thumb", "range-thumb", r"\.hold", r"\.range-reset"]
)
def test_what_is_touched_is_drawn_in_the_colour_that_can_be_seen(rule: str) -> None:
    rules = re.findall(rf"[^{{}}]*{rule}[^{{}}]*{{([^}}]*)}}", theme.stylesheet())
    assert any("var(--line)" in body for body in rules)


def test_contrast_is_counted_as_the_guidelines_do() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def colour(look: gr.themes.Base, name: str, dark: bool) -> str:
    """A theme's colour, or one of the stylesheet's own variables, as ``#rrggbb``."""
    if name.startswith("--"):
        light_and_dark = re.findall(rf"{name}: (#[0-9a-f]{{6}});", theme.stylesheet())
        return light_and_dark[dark]
    value = (dark and getattr(look, f"{name}_dark", None)) or getattr(look, name)
    value = {"white": "#ffffff", "black": "#000000"}.get(value, value)
    return colour(look, value[1:], dark) if value.startswith("*") else value


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def luminance(value: str) -> float:
    """Relative luminance of ``#rrggbb``, 0 to 1."""
    shares = [int(value[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return sum(weight * s for weight, s in zip((0.2126, 0.7152, 0.0722), linear))
