"""Packages that only some parts of the project need, asked for where they are used."""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType

from hsc.errors import HSCError

_ONLY_OLDER = {"compressai"}
"""Packages without wheels for Python 3.13 and later."""


def missing(name: str) -> str | None:
    """Why a package cannot be imported, or None. Nothing is imported to find out.

    Args:
        name: the module's name, ``"compressai"``.
    """
    try:
        found = importlib.util.find_spec(name) is not None
    except ValueError:  # a module that was taken out of ``sys.modules``
        found = False
    if found:
        return None
    older = ", which has no wheels for Python 3.13 and later" if name in _ONLY_OLDER else ""
    return f"the package {name.replace('_', '-')} is not installed{older}"


def require(name: str, purpose: str, extra: str) -> ModuleType:
    """Import a package of an extra.

    Args:
        name: the module's name.
        purpose: what needs it, as the beginning of a sentence.
        extra: of ``pyproject.toml``, which brings it.

    Raises:
        HSCError: it is not installed; the message says how to install it.
    """
    reason = missing(name)
    if reason:
        raise HSCError(f"{purpose} cannot be done: {reason} (pip install 'hsc-studio[{extra}]').")
    return importlib.import_module(name)
