"""The one place where the core meets named directions.

The codec knows an edit as a :class:`hsc.editing.movement.Movement` and, in a file, as an id; which names there are,
and what they move where, is the business of a set of directions. The project's own, the package ``directions``, is
taken unless another is registered.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from typing import Protocol, cast

from hsc.editing.movement import Movement

DEFAULT = "directions"
"""Name of the module that is taken where none is registered."""


class DirectionSet(Protocol):
    """What the codec asks of a set of directions."""

    def movements(self, strengths: Mapping[str, float]) -> Iterable[Movement]:
        """Strengths by name to what each of them moves; strengths of 0 move nothing.

        Raises:
            DirectionError: a direction is unknown or a strength is out of range.
        """
        ...

    def from_ids(self, edits: Iterable[tuple[int, float]]) -> dict[str, float]:
        """Edits as a file stores them, to strengths by name.

        Raises:
            DirectionError: there is no direction of such an id.
        """
        ...


_registered: DirectionSet | None = None


def register(directions: DirectionSet | None) -> None:
    """Let edits be resolved by this set from now on; None restores the project's own."""
    global _registered
    _registered = directions


def direction_set() -> DirectionSet:
    """The set of directions that edits are resolved by."""
    return _registered or cast(DirectionSet, importlib.import_module(DEFAULT))
