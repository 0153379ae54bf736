"""What pages show of prepared faces, made once for all visitors: most come for the first example, and only look."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, TypeVar

from app.session import Session

Made = TypeVar("Made")
_MOST = 24
"""Pictures that are remembered, a megabyte and a half each."""


class PreparedValues:
    """Anything that is the same for all who look at a prepared face, by what it is of.

    Of a face that is not prepared nothing is remembered.

    Args:
        most: values that are remembered, those that were asked for last.
    """

    def __init__(self, most: int) -> None:
        self._most, self._lock = most, threading.Lock()
        self._values: OrderedDict[Hashable, Any] = OrderedDict()

    def get(self, session: Session, key: Hashable, make: Callable[[], Made]) -> Made:
        """A value.

        Args:
            session: whose face it is of.
            key: what it is of.
            make: gives the value, never None, where it is not remembered; nobody may change it.
        """
        example = _example(session)
        value = self._known(example, key)
        if value is None:
            value = make()
            self._remember(example, key, value)
        return value

    def known(self, session: Session, key: Hashable) -> Any | None:
        """The value if it is remembered, else None."""
        return self._known(_example(session), key)

    def _known(self, example: str, key: Hashable) -> Any | None:
        with self._lock:
            value = self._values.get((example, key))
            if value is not None:
                self._values.move_to_end((example, key))
        return value

    def _remember(self, example: str, key: Hashable, value: object) -> None:
        if not example:
            return
        with self._lock:
            self._values[example, key] = value
            while len(self._values) > self._most:
                self._values.popitem(last=False)


class PreparedPictures:
    """PNG files by what they show; every visitor gets a file of their own.

    Args:
        most: as of :class:`PreparedValues`.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._files = PreparedValues(most)

    def file(self, session: Session, name: str, key: Hashable, draw: Callable[[], Path]) -> Path:
        """A picture in the folder of a session.

        Args:
            session: whose picture it is.
            name: of the file.
            key: what it shows of the prepared face.
            draw: makes the file where nobody has seen it yet.
        """
        if not _example(session):
            return draw()
        drawn: list[Path] = []

        def data() -> bytes:
            drawn.append(draw())
            return drawn[0].read_bytes()

        known = self._files.get(session, key, data)
        return drawn[0] if drawn else session.folder.data(known, name)

    def known(self, session: Session, name: str, key: Hashable) -> Path | None:
        """The same where somebody has seen it; else, and of a face that is not prepared, None."""
        known = self._files.known(session, key)
        return None if known is None else session.folder.data(known, name)


def _example(session: Session) -> str:
    return session.picture.example if session.picture is not None and session.prepared else ""
