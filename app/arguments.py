"""Arguments of the endpoints as callers send them: JSON of any kind, in which a number may be written as text."""

from __future__ import annotations

import math
from typing import Any

from hsc.errors import HSCError

_SHOWN = 40
"""Characters of a wrong argument that its refusal shows."""


def number(name: str, value: Any) -> float:
    """A finite number, or a numeral.

    Args:
        name: of the argument, to begin the refusal with.

    Raises:
        HSCError: it is neither.
    """
    try:
        found = float(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        found = math.nan
    if not math.isfinite(found):
        raise HSCError(f"{name} must be a number, not {_shown(value)}.")
    return found


def whole(name: str, value: Any, low: int | None = None, high: int | None = None) -> int:
    """A whole number, or a numeral of one, from ``low`` to ``high`` where they are given.

    Raises:
        HSCError: it is nothing of the kind.
    """
    found = number(name, value)
    if found != int(found):
        raise HSCError(f"{name} must be a whole number, not {_shown(value)}.")
    if (low is not None and found < low) or (high is not None and found > high):
        bounds = f"from {low} to {high}" if high is not None else f"{low} or more"
        raise HSCError(f"{name} must be {bounds}, not {_shown(value)}.")
    return int(found)


def one_of(name: str, value: Any, allowed: tuple[int, ...]) -> int:
    """One of some whole numbers, or its numeral.

    Raises:
        HSCError: it is none of them.
    """
    found = whole(name, value)
    if found not in allowed:
        raise HSCError(f"{name} must be one of {', '.join(map(str, allowed))}, not {_shown(value)}.")
    return found


def strengths(value: Any) -> dict[str, float]:
    """Numbers by name.

    Raises:
        HSCError: it is no object, or one of its values is no number.
    """
    if not isinstance(value, dict):
        raise HSCError('strengths must be an object of names and numbers, such as {"smile": 0.8}.')
    return {str(name): number(f"The strength of '{_shown(name)}'", each) for name, each in value.items()}


def _shown(value: Any) -> str:
    """A value as JSON calls it, cut where it is long."""
    words = {None: "null", True: "true", False: "false"}
    if value is None or isinstance(value, bool):
        return words[value]
    text = "an object" if isinstance(value, dict) else "a list" if isinstance(value, list) else str(value)
    text = "".join(each if each.isprintable() else " " for each in text)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
