"""What the app remembers of one visitor, and for how long.

Everything is keyed by Gradio's session, so that no visitor can reach another's face; it is dropped, and its
files are deleted, when the page is closed or after an hour without a visit.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from app.blend import Other
from app.group import Faces
from app.limits import LIMITS
from app.recipes import History
from app.rivals import Beside
from app.turns import Turns
from hsc.errors import HSCError, ImageError
from hsc.imaging import images
from hsc.imaging.alignment import Alignment, Face
from hsc.imaging.provenance import DigitalSource
from hsc.runtime import atomic
from hsc.semantics import Semantics

LIFETIME = 3300
"""Seconds after which an idle session and its files go; the next sweep, a few minutes later, takes them."""
_SWEEP = 240
_KEPT = {"photo.png": 2, "group.png": 2}
"""Files of a name that stay, the last ones: pasted photos are large."""
_KEPT_OTHERS = 12
_LATE = 30
"""Seconds after a page was closed in which calls of it may still come in that were on their way."""
_RECENT = 300
"""Seconds since the last use in which a session with more than one is not dropped for others."""
_KEPT_RESULTS = 64
"""Of one address's programs: they come to fetch them at once."""


class Folder:
    """Files of one session, where Gradio may serve them: an unguessable folder inside its cache.

    Files push out older ones of the same name as they are written, so that an hour of sliding leaves a few
    megabytes and takes nothing away that a page still shows or offers.

    Args:
        written: every file is entered here as well, for a cleaner to find those that were left behind.
        most: bytes of all files together; newer ones push out the oldest.
        kept: files of a name that stay; by default a dozen.
    """

    def __init__(
        self, written: set[str] | None = None, most: int = LIMITS.files_bytes, kept: int | None = None
    ) -> None:
        from gradio.utils import get_upload_folder

        self._written = set() if written is None else written
        self._most, self.kept = most, kept
        self._order: OrderedDict[Path, int] = OrderedDict()  # sizes, the file that was last of use at the end
        self.path = Path(get_upload_folder()) / "hsc" / secrets.token_urlsafe(24)
        self._files: dict[str, list[Path]] = {}
        self._lock = threading.Lock()
        self._closed = False

    def png(
        self, image: Image.Image, name: str, note: str, source: DigitalSource | None = DigitalSource.EDITED
    ) -> Path:
        """Write a lossless PNG that says in its metadata what it is.

        Args:
            image: any PIL picture.
            name: what a download is called, without suffix.
            note: one sentence: restored or edited by HSC.
            source: the same for machines; None for pictures that no generator made.
        """
        path = self._new(f"{name}.png")
        with self._dropped_on_failure(path):
            images.save(image, path, note, durable=False, source=source, compress_level=1)
        return path

    def data(self, data: bytes, name: str) -> Path:
        """Write any other file under its full name, complete or not at all."""
        path = self._new(name)
        with self._dropped_on_failure(path):
            atomic.write_bytes(path, data, durable=False)
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
        self._weigh(path)
        return path

    def keep(self, *paths: Path | None) -> None:
        """Count these as just written, for the cleaner as well: they are still shown."""
        with self._lock:
            for path in paths:
                for files in self._files.values():
                    if path in files:
                        files.remove(path)
                        files.append(path)
                        self._order.move_to_end(path)
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
            self._order[path] = 0
            self._written.add(str(path))
            while len(files) > (self.kept or _KEPT.get(kind or name, _KEPT_OTHERS)):
                self._remove(files.pop(0))
        return path

    @contextlib.contextmanager
    def _dropped_on_failure(self, path: Path) -> Iterator[None]:
        """Count a file when it is written; whatever breaks that off leaves nothing of it."""
        try:
            yield
        except BaseException:
            self.drop(path)
            raise
        self._weigh(path)

    @property
    def used(self) -> bool:
        """Whether it has files."""
        return bool(self._order)

    def _weigh(self, path: Path) -> None:
        """Count a file that was written, and let it push out the oldest ones where all are too large together."""
        with self._lock:
            if path not in self._order:
                return
            with contextlib.suppress(OSError):
                self._order[path] = path.stat().st_size
            while sum(self._order.values()) > self._most and next(iter(self._order)) != path:
                oldest = next(iter(self._order))
                for files in self._files.values():
                    if oldest in files:
                        files.remove(oldest)
                self._remove(oldest)

    def _remove(self, path: Path) -> None:
        self._order.pop(path, None)
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
        size: width and height of the photo in pixels.
        small: the photo as large as it is shown, to choose one of several faces in, or where no browser can show the
            upload itself; else None.
        alignment: how the crop lies in the photo.
        notes: sentences to show.
        synthetic: whether the generator made it.
        description: for people who cannot see it.
        example: name of the prepared face, "" for anything else.
    """

    title: str
    crop: Image.Image | None = None
    digest: str = ""
    upload: Path | None = None
    upload_bytes: int = 0
    faces: list[Face] = field(default_factory=list)
    face: int = 0
    size: tuple[int, int] = (0, 0)
    small: Image.Image | None = None
    alignment: Alignment | None = None
    notes: tuple[str, ...] = ()
    synthetic: bool = False
    description: str = "a face"
    example: str = ""


@dataclass
class Session:
    """One visitor: a picture, its bitstream, and what is on the screen.

    ``ready`` says that there is a file of the picture; ``prepared`` that both are a prepared face's, the same for all
    who look at it. ``strengths`` are the visitor's recipe: they stay, whatever
    file they are applied to, until the visitor changes them. ``strip`` and ``film`` say of what these are: the
    direction that varies, its name, and the other strengths. ``blurred`` is the picture of the file before it was
    sharpened. ``group`` is what was made of all faces of the photo, ``other`` the face to blend with; ``asked`` counts
    the recipes that were asked for, of which the newest is shown; ``own_landmarks`` are those of the picture with a
    file and edits, and what these are.
    """

    folder: Folder = field(default_factory=Folder)
    lock: threading.RLock = field(default_factory=threading.RLock)
    turns: Turns = field(default_factory=Turns)
    picture: Picture | None = None
    ready: bool = False
    max_bytes: int = 0
    data: bytes = b""
    prepared: bool = False
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
    blurred: Path | None = None
    beside_blurred: bool = False
    visible_mark: bool = False
    beside: Beside = field(default_factory=Beside)
    history: History = field(default_factory=History)
    group: Faces | None = None
    other: Other | None = None
    own_landmarks: tuple | None = None
    offered: bytes | None = None
    asked: int = 0
    compared: tuple | None = None
    used: float = field(default_factory=time.monotonic)
    visits: int = 0

    def forget_bitstream(self) -> None:
        """A new bitstream follows: nothing that was rendered from the old one may be shown again."""
        self.prefixes.clear()
        self.previews.clear()
        self.restored.clear()
        self.full_edit, self.edited, self.compared, self.blurred = (), None, None, None
        self.strip, self.film = (), ()

    @property
    def has_content(self) -> bool:
        """Whether there is something to lose."""
        return self.picture is not None or self.folder.used

    def close(self) -> None:
        """Stop what runs for it, and delete its files, the uploaded ones too."""
        self.turns.close()
        self.folder.delete()


class Written(set):
    """Paths of files; may be looked through while other threads add and remove some."""

    def __iter__(self) -> Iterator[str]:
        return iter(list(super().__iter__()))


class Sessions:
    """All visitors, the most recent last.

    A visitor counts once there is something to lose, a face or a file. Where there are too many, those who have nothing
    are forgotten first, and then those of the address that has most: the ones that only came and looked, then the ones
    that were not used for some minutes. Whoever is at work keeps the face; newcomers are refused before that.

    Args:
        lifetime: seconds without a visit after which a session goes.
        limit: how many there may be.

    Attributes:
        files: paths of all files that were written for them and not deleted yet.
    """

    def __init__(self, lifetime: float = LIFETIME, limit: int = LIMITS.sessions) -> None:
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._owners: dict[str, str] = {}
        self._closed: OrderedDict[str, float] = OrderedDict()  # when, the last at the end
        self._lock = threading.Lock()
        self._lifetime, self._limit = lifetime, limit
        self._sweeping = False
        self.files: set[str] = Written()

    def get(self, key: str, owner: str = "") -> Session:
        """The session of a key, made if it is new.

        Args:
            key: Gradio's name of the page.
            owner: the visitor's address.

        Raises:
            HSCError: there are too many visitors who are at work, and this one has nothing yet; or the page was closed
                just now: what a late call would leave here, nobody would come for.
        """
        self.sweep()
        with self._lock:
            if time.monotonic() - self._closed.get(key, -_LATE) < _LATE:
                raise HSCError("This visit is over: please reload the page.")
            if key not in self._sessions:
                self._sessions[key] = Session(Folder(self.files))
            session = self._sessions[key]
            self._sessions.move_to_end(key)
            self._owners[key] = owner
            session.used = time.monotonic()
            session.visits += 1
            closed = [self._pop(old) for old in self._excess(key)]
            full = len(self._sessions) > self._limit and not session.has_content
            if full:
                closed.append(self._pop(key))
            if not self._sweeping:
                self._sweep_later()
        for other in closed:
            other.close()
        if full:
            raise HSCError("As many visitors are here as the server can hold; please try again in a few minutes.")
        return session

    def results(self, owner: str) -> Folder:
        """Where the results of a program's calls lie, which has no page: one folder for each address."""
        key = f"calls of {owner}"
        session = self.get(key, owner)
        with self._lock:
            if session.folder.kept is None:
                session.folder = Folder(self.files, kept=_KEPT_RESULTS)
        return session.folder

    def _excess(self, newest: str) -> list[str]:
        """Whose sessions make room for the newest; the caller holds the lock."""
        excess = len(self._sessions) - self._limit
        if excess <= 0:
            return []
        gone = [key for key, other in self._sessions.items() if key != newest and not other.has_content][:excess]
        recently = time.monotonic() - _RECENT
        crowds = Counter(self._owners.values())
        for _ in range(excess - len(gone)):
            left = [
                (key, other)
                for key, other in self._sessions.items()
                if key not in gone and key != newest and (other.visits < 2 or other.used < recently)
            ]
            if not left:
                break
            # max takes the first of equals, the one that was used the longest time ago.
            key, _ = max(left, key=lambda entry: (crowds[self._owners[entry[0]]], entry[1].visits < 2))
            crowds[self._owners[key]] -= 1
            gone.append(key)
        return gone

    def _pop(self, key: str) -> Session:
        self._owners.pop(key, None)
        return self._sessions.pop(key)

    def sweep(self) -> None:
        """Close the sessions that nobody used for a lifetime."""
        now = time.monotonic()
        with self._lock:
            gone = [old for old, other in self._sessions.items() if now - other.used > self._lifetime]
            closed = [self._pop(old) for old in gone]
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
        """Forget a session and delete its files; for some seconds, calls of its page are refused."""
        now = time.monotonic()
        with self._lock:
            while self._closed and now - next(iter(self._closed.values())) > _LATE:
                self._closed.popitem(last=False)
            self._closed[key] = now
            self._closed.move_to_end(key)
            session = self._pop(key) if key in self._sessions else None
        if session is not None:
            session.close()

    def __len__(self) -> int:
        return len(self._sessions)
