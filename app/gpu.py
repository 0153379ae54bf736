"""Short loans of a GPU on hosts that lend them by the call; everywhere else, nothing at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

Function = TypeVar("Function", bound=Callable)


def lent() -> bool:
    """Whether this host lends GPUs through the ``spaces`` package."""
    try:
        import spaces  # noqa: F401
    except ImportError:
        return False
    return True


def on_gpu(seconds: int) -> Callable[[Function], Function]:
    """Decorator: ask for a GPU of at most this many seconds for each call, where one is lent."""

    def decorate(function: Function) -> Function:
        if not lent():
            return function
        import spaces

        return spaces.GPU(duration=seconds)(function)

    return decorate
