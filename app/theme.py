"""The page's look: one theme for light and dark, and the stylesheet and script beside it."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

STATIC = Path(__file__).with_name("static")

_INK = gr.themes.Color(
    "#f8f7f4",
    "#f1efea",
    "#e3e0d9",
    "#cbc7be",
    "#97928a",
    "#6b665f",
    "#524e48",
    "#3a3733",
    "#262422",
    "#191817",
    "#121110",
    name="ink",
)
_TEAL = gr.themes.Color(
    "#effaf7",
    "#d4f1ea",
    "#aae2d5",
    "#78cdbc",
    "#4bb3a0",
    "#2b9784",
    "#0f7b6c",
    "#0d6458",
    "#0d5047",
    "#0c423b",
    "#052823",
    name="teal",
)


def theme() -> gr.themes.Base:
    """Paper and ink, one teal for what can be touched; fonts of the system, nothing is fetched."""
    sans = ("Inter", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif")
    mono = ("SFMono-Regular", "Menlo", "Consolas", "monospace")
    base = gr.themes.Base(
        primary_hue=_TEAL,
        secondary_hue=_TEAL,
        neutral_hue=_INK,
        font=sans,
        font_mono=mono,
        radius_size=gr.themes.sizes.radius_lg,
        text_size=gr.themes.sizes.text_md,
    )
    return base.set(
        body_background_fill="#f8f7f4",
        body_background_fill_dark="#121110",
        body_text_color="#262422",
        body_text_color_dark="#f1efea",
        body_text_color_subdued="#6b665f",
        body_text_color_subdued_dark="#b5b0a7",
        input_placeholder_color="#6b665f",
        input_placeholder_color_dark="#b5b0a7",
        background_fill_primary="#ffffff",
        background_fill_primary_dark="#191817",
        background_fill_secondary="#f1efea",
        background_fill_secondary_dark="#211f1d",
        border_color_primary="#e3e0d9",
        border_color_primary_dark="#35322e",
        block_background_fill="#ffffff",
        block_background_fill_dark="#191817",
        block_border_width="1px",
        block_shadow="none",
        block_shadow_dark="none",
        block_label_text_color="#524e48",
        block_label_text_color_dark="#cbc7be",
        color_accent_soft="#d4f1ea",
        color_accent_soft_dark="#0d5047",
        button_primary_background_fill="#0f7b6c",
        button_primary_background_fill_dark="#2b9784",
        button_primary_background_fill_hover="#0d6458",
        button_primary_background_fill_hover_dark="#4bb3a0",
        button_primary_text_color="#ffffff",
        button_primary_text_color_dark="#04211d",
        button_secondary_background_fill="#ffffff",
        button_secondary_background_fill_dark="#211f1d",
        button_secondary_background_fill_hover="#f1efea",
        button_secondary_background_fill_hover_dark="#2c2926",
        button_secondary_border_color="#8a857d",
        button_secondary_border_color_dark="#77726a",
        button_border_width="1px",
        link_text_color="#0d6458",
        link_text_color_dark="#78cdbc",
    )


def stylesheet() -> str:
    """``static/style.css``."""
    return (STATIC / "style.css").read_text(encoding="utf-8")


def head() -> str:
    """``static/studio.js`` as an inline script: nothing is fetched from elsewhere."""
    script = (STATIC / "studio.js").read_text(encoding="utf-8")
    return f"<script>{script}</script>"
