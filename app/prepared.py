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

    Args:
        most: values that are remembered, those that were asked for last.
    """

    def __init__(self, most: int) -> None:
        self._most, self._lock = most, threading.Lock()
        self._values: OrderedDict[Hashable, Any] = OrderedDict()

    def get(self, session: Session, key: Hashable, make: Callable[[], Made]) -> Made:
        """A value.

        Args:
            session: whose face it is of; of one that is not prepared it is made, and not remembered.
            key: what it is of.
            make: gives the value, which nobody may change.
        """
        example = _example(session)
        if not example:
            return make()
        with self._lock:
            if (example, key) in self._values:
                self._values.move_to_end((example, key))
                return self._values[example, key]
        value = make()
        with self._lock:
            self._values[example, key] = value
            while len(self._values) > self._most:
                self._values.popitem(last=False)
        return value


class PreparedPictures:
    """PNG files by what they show; every visitor gets a file of their own."""

    def __init__(self, most: int = _MOST) -> None:
        self._most, self._lock = most, threading.Lock()
        self._files: OrderedDict[Hashable, bytes] = OrderedDict()

    def file(self, session: Session, name: str, key: Hashable, draw: Callable[[], Path]) -> Path:
        """A picture in the folder of a session.

        Args:
            session: whose picture it is; those of faces that are not prepared are drawn, and not remembered.
            name: of the file.
            key: what it shows of the prepared face.
            draw: makes the file where nobody has seen it yet.
        """
        known = self.known(session, name, key)
        if known is not None:
            return known
        path = draw()
        if example := _example(session):
            with self._lock:
                self._files[example, key] = path.read_bytes()
                while len(self._files) > self._most:
                    self._files.popitem(last=False)
        return path

    def known(self, session: Session, name: str, key: Hashable) -> Path | None:
        """The same where somebody has seen it; else, and of a face that is not prepared, None."""
        known, example = None, _example(session)
        with self._lock:
            if example and (example, key) in self._files:
                known = self._files[example, key]
                self._files.move_to_end((example, key))
        return None if known is None else session.folder.data(known, name)


def _example(session: Session) -> str:
    return session.picture.example if session.picture is not None and session.prepared else ""
