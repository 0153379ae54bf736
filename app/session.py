"""What the app remembers of one visitor, and for how long.

Everything is keyed by Gradio's session, so that no visitor can reach another's face; it is dropped, and its
files are deleted, when the page is closed or after an hour without a visit.
"""

from __future__ import annotations

import os
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
from hsc.errors import HSCError, ImageError

LIFETIME = 3300
"""Seconds after which an idle session and its files go; the next sweep, a few minutes later, takes them."""
_SWEEP = 240
MAX_SESSIONS = 64
_KEPT = {"photo.png": 2}
"""Files of a name that stay, the last ones: pasted photos are large."""
_KEPT_OTHERS = 12


class Folder:
    """Files of one session, where Gradio may serve them: an unguessable folder inside its cache.

    Files push out older ones of the same name as they are written, so that an hour of sliding leaves a few
    megabytes and takes nothing away that a page still shows or offers.

    Args:
        written: every file is entered here as well, for a cleaner to find those that were left behind.
    """

    def __init__(self, written: set[str] | None = None) -> None:
        from gradio.utils import get_upload_folder

        self._written = set() if written is None else written
        self.path = Path(get_upload_folder()) / "hsc" / secrets.token_urlsafe(24)
        self._files: dict[str, list[Path]] = {}
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

    def copy(self, upload: Path, kind: str) -> Path:
        """A copy of an uploaded file: Gradio stores uploads by content, so that its own may be another visitor's too.

        Args:
            upload: a file of any name.
            kind: what it is; it is counted under this, for it may be called as one of ours.

        Raises:
            ImageError: it is gone.
        """
        path = self._new(upload.name, f"uploaded {kind}")
        try:
            shutil.copyfile(upload, path)
        except OSError as error:
            self.drop(path)
            raise ImageError("The upload is no longer here; please choose the file again.") from error
        return path

    def keep(self, *paths: Path | None) -> None:
        """Count these as just written, for the cleaner as well: they are still shown."""
        with self._lock:
            for path in paths:
                for files in self._files.values():
                    if path in files:
                        files.remove(path)
                        files.append(path)
                        if path.exists():
                            os.utime(path)

    def drop(self, path: Path | None) -> None:
        """Delete one file; does nothing where it is not of this folder."""
        with self._lock:
            for files in self._files.values():
                if path in files:
                    files.remove(path)
                    self._remove(path)

    def holds(self, path: Path | None) -> bool:
        """Whether a file is of this folder, and there."""
        return path is not None and self.path in path.parents and path.is_file()

    def delete(self) -> None:
        """Delete all files; no more can be written."""
        with self._lock:
            self._closed = True
            self._written.difference_update(str(path) for files in self._files.values() for path in files)
            shutil.rmtree(self.path, ignore_errors=True)

    def _new(self, name: str, kind: str | None = None) -> Path:
        # A folder of its own for every file keeps the name that a download gets.
        path = self.path / secrets.token_urlsafe(6) / name
        with self._lock:
            if self._closed:
                raise HSCError("This visit is over: please reload the page.")
            path.parent.mkdir(parents=True)
            files = self._files.setdefault(kind or name, [])
            files.append(path)
            self._written.add(str(path))
            while len(files) > _KEPT.get(kind or name, _KEPT_OTHERS):
                self._remove(files.pop(0))
        return path

    def _remove(self, path: Path) -> None:
        self._written.discard(str(path))
        shutil.rmtree(path.parent, ignore_errors=True)


@dataclass
class Picture:
    """The face that a session works on.

    Attributes:
        title: what to call it: a file name, or an example's.
        crop: aligned face 1024 x 1024, or None when a bitstream was opened.
        digest: identifies the crop; encodings are cached under it.
        upload: the photo's file, for pasting back; None for synthetic faces and bitstreams.
        upload_bytes: size of the upload, 0 where there is none.
        faces: all faces of the photo, largest first; face: the one in use.
        picker: markup to choose among them, see :func:`app.cards.face_picker`.
        alignment: how the crop lies in the photo.
        notes: sentences to show.
        synthetic: whether the generator made it.
        description: for people who cannot see it.
    """

    title: str
    crop: Image.Image | None = None
    digest: str = ""
    upload: Path | None = None
    upload_bytes: int = 0
    faces: list[Face] = field(default_factory=list)
    face: int = 0
    picker: str = ""
    alignment: Alignment | None = None
    notes: tuple[str, ...] = ()
    synthetic: bool = False
    description: str = "a face"


@dataclass
class Session:
    """One visitor: a picture, its bitstream, and what is on the screen.

    ``strip`` and ``film`` say of what these are: the direction that varies, its name, and the other strengths.
    """

    folder: Folder = field(default_factory=Folder)
    lock: threading.RLock = field(default_factory=threading.RLock)
    picture: Picture | None = None
    data: bytes = b""
    encodings: dict[tuple[str, int, int], bytes] = field(default_factory=dict)
    prefixes: dict[int, Semantics] = field(default_factory=dict)
    previews: dict[int, Path] = field(default_factory=dict)
    restored: dict[int, Path] = field(default_factory=dict)
    left: Path | None = None
    file: Path | None = None
    full_edit: tuple = ()
    edited: Path | None = None
    strengths: dict = field(default_factory=dict)
    foreign: object | None = None
    foreign_file: Path | None = None
    strip: tuple = ()
    film: tuple = ()
    compared: tuple | None = None
    used: float = field(default_factory=time.monotonic)

    def forget_bitstream(self) -> None:
        """A new bitstream follows: nothing that was rendered from the old one may be shown again."""
        self.prefixes.clear()
        self.previews.clear()
        self.restored.clear()
        self.full_edit, self.edited, self.compared = (), None, None
        self.strengths, self.strip, self.film = {}, (), ()

    def close(self) -> None:
        """Delete the session's files, the uploaded ones too."""
        self.folder.delete()


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

    def __len__(self) -> int:
        return len(self._sessions)
