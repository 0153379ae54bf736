"""Short loans of a GPU on hosts that lend them by the call; everywhere else, nothing at all."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from typing import TypeVar

Function = TypeVar("Function", bound=Callable)


def lent() -> bool:
    """Whether this host lends GPUs by the call.

    The ``spaces`` package alone does not say so: hosted Spaces on plain CPUs have it too.
    """
    said = os.environ.get("SPACES_ZERO_GPU", "").strip().lower()
    return said in ("1", "t", "true", "yes", "y", "on") and importlib.util.find_spec("spaces") is not None


def on_gpu(seconds: int) -> Callable[[Function], Function]:
    """Decorator: ask for a GPU of at most this many seconds for each call, where one is lent."""

    def decorate(function: Function) -> Function:
        if not lent():
            return function
        import spaces

        return spaces.GPU(duration=seconds)(function)

    return decorate
