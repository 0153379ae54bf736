"""What the app remembers of one visitor, and for how long.

Everything is keyed by Gradio's session, so that no visitor can reach another's face; it is dropped, and its
files are deleted, when the page is closed or after an hour without a visit.
"""

from __future__ import annotations

import secrets
import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from hsc import images
from hsc.alignment import Alignment, Face
from hsc.codec import Semantics
from hsc.errors import HSCError

LIFETIME = 3300
"""Seconds after which an idle session and its files go; the next sweep, a few minutes later, takes them."""
_SWEEP = 240
MAX_SESSIONS = 64
_MAX_FILES = 48


class Folder:
    """Files of one session, where Gradio may serve them: an unguessable folder inside its cache.

    Old files are deleted as new ones are written, so that an hour of sliding leaves a few megabytes.

    Args:
        written: every file is entered here as well, for a cleaner to find those that were left behind.
    """

    def __init__(self, written: set[str] | None = None) -> None:
        from gradio.utils import get_upload_folder

        self._written = set() if written is None else written
        self.path = Path(get_upload_folder()) / "hsc" / secrets.token_urlsafe(24)
        self._files: list[Path] = []
        self._lock = threading.Lock()
        self._closed = False

    def png(self, image: Image.Image, name: str, note: str) -> Path:
        """Write a lossless PNG that says in its metadata what it is.

        Args:
            image: any PIL picture.
            name: what a download is called, without suffix.
            note: one sentence: restored or edited by HSC.
        """
        path = self._new(f"{name}.png")
        images.save(image, path, note, compress_level=1)
        return path

    def data(self, data: bytes, name: str) -> Path:
        """Write any other file under its full name."""
        path = self._new(name)
        path.write_bytes(data)
        return path

    def new(self, name: str) -> Path:
        """Where another program may write a file of this name."""
        return self._new(name)

    def keep(self, *paths: Path | None) -> None:
        """Count these as just written: they are still shown."""
        with self._lock:
            for path in paths:
                if path in self._files:
                    self._files.remove(path)
                    self._files.append(path)

    def delete(self) -> None:
        """Delete all files; no more can be written."""
        with self._lock:
            self._closed = True
            self._written.difference_update(map(str, self._files))
            shutil.rmtree(self.path, ignore_errors=True)

    def _new(self, name: str) -> Path:
        # A folder of its own for every file keeps the name that a download gets.
        path = self.path / secrets.token_urlsafe(6) / name
        with self._lock:
            if self._closed:
                raise HSCError("This visit is over: please reload the page.")
            path.parent.mkdir(parents=True)
            self._files.append(path)
            self._written.add(str(path))
            old, self._files = self._files[:-_MAX_FILES], self._files[-_MAX_FILES:]
        for file in old:
            self._written.discard(str(file))
            shutil.rmtree(file.parent, ignore_errors=True)
        return path


@dataclass
class Picture:
    """The face that a session works on.

    Attributes:
        title: what to call it: a file name, or an example's.
        crop: aligned face 1024 x 1024, or None when a bitstream was opened.
        digest: identifies the crop; encodings are cached under it.
        upload: the uploaded file, for pasting back; None for examples and bitstreams.
        upload_bytes: size of the upload, 0 where there is none.
        faces: all faces of the photo, largest first; face: the one in use.
        alignment: how the crop lies in the photo.
        notes: sentences to show.
        synthetic: whether the generator made it.
        owned: whether the upload is the session's, to be deleted with it.
        description: for people who cannot see it.
    """

    title: str
    crop: Image.Image | None = None
    digest: str = ""
    upload: Path | None = None
    upload_bytes: int = 0
    faces: list[Face] = field(default_factory=list)
    face: int = 0
    alignment: Alignment | None = None
    notes: tuple[str, ...] = ()
    synthetic: bool = False
    owned: bool = True
    description: str = "a face"


@dataclass
class Session:
    """One visitor: a picture, its bitstream, and what is on the screen."""

    folder: Folder = field(default_factory=Folder)
    lock: threading.RLock = field(default_factory=threading.RLock)
    picture: Picture | None = None
    data: bytes = b""
    encodings: dict[tuple[str, int], bytes] = field(default_factory=dict)
    prefixes: dict[int, Semantics] = field(default_factory=dict)
    previews: dict[int, Path] = field(default_factory=dict)
    restored: dict[int, Path] = field(default_factory=dict)
    left: Path | None = None
    full_received: int | None = None
    full_edit: tuple = ()
    edited: Path | None = None
    foreign: object | None = None
    compared: tuple | None = None
    used: float = field(default_factory=time.monotonic)

    def forget_bitstream(self) -> None:
        """A new bitstream follows: nothing that was rendered from the old one may be shown again."""
        self.prefixes.clear()
        self.previews.clear()
        self.restored.clear()
        self.full_received, self.full_edit, self.edited, self.compared = None, (), None, None

    def close(self) -> None:
        """Delete the session's files and its upload."""
        self.folder.delete()
        self.forget_upload()

    def forget_upload(self) -> None:
        """Delete the file that was uploaded."""
        if self.picture is not None and self.picture.upload is not None and self.picture.owned:
            self.picture.upload.unlink(missing_ok=True)


class Written(set):
    """Paths of files; may be looked through while other threads add and remove some."""

    def __iter__(self) -> Iterator[str]:
        return iter(list(super().__iter__()))


class Sessions:
    """All visitors, the most recent last.

    Attributes:
        files: paths of all files that were written for them and not deleted yet.
    """

    def __init__(self, lifetime: float = LIFETIME, limit: int = MAX_SESSIONS) -> None:
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._lock = threading.Lock()
        self._lifetime, self._limit = lifetime, limit
        self._sweeping = False
        self.files: set[str] = Written()

    def get(self, key: str) -> Session:
        """The session of a key, made if it is new."""
        self.sweep()
        with self._lock:
            session = self._sessions.setdefault(key, Session(Folder(self.files)))
            self._sessions.move_to_end(key)
            session.used = time.monotonic()
            excess = list(self._sessions)[: max(0, len(self._sessions) - self._limit)]
            closed = [self._sessions.pop(old) for old in excess]
            if not self._sweeping:
                self._sweep_later()
        for other in closed:
            other.close()
        return session

    def sweep(self) -> None:
        """Close the sessions that nobody used for a lifetime."""
        now = time.monotonic()
        with self._lock:
            gone = [old for old, other in self._sessions.items() if now - other.used > self._lifetime]
            closed = [self._sessions.pop(old) for old in gone]
        for other in closed:
            other.close()

    def _sweep_later(self) -> None:
        """On a quiet server too, and until the last session is gone; the caller holds the lock."""
        self._sweeping = bool(self._sessions)
        if self._sweeping:
            timer = threading.Timer(max(1.0, min(_SWEEP, self._lifetime)), self._sweep_again)
            timer.daemon = True
            timer.start()

    def _sweep_again(self) -> None:
        self.sweep()
        with self._lock:
            self._sweep_later()

    def close(self, key: str) -> None:
        """Forget a session and delete its files."""
        with self._lock:
            session = self._sessions.pop(key, None)
        if session is not None:
            session.close()

    def close_all(self) -> None:
        """Forget everybody."""
        for key in list(self._sessions):
            self.close(key)

    def __len__(self) -> int:
        return len(self._sessions)
