"""What numbers a page may send: those that its own controls can."""

from __future__ import annotations

import math
from typing import Any

import gradio as gr

LARGEST = 65_535
"""Of any control: the longest file has so many bytes."""


def number(value: Any, name: str) -> float:
    """A number that a control sent; None, which one sends before it was touched, is 0.

    Raises:
        gr.Error: it is none, is not finite, or is larger than any control's.
    """
    try:
        found = 0.0 if value is None else float(value)
    except (TypeError, ValueError, OverflowError):
        found = math.nan
    if isinstance(value, bool) or not abs(found) <= LARGEST:
        raise gr.Error(f"{name or 'The value'} must be a number that its slider has.", print_exception=False)
    return found
