"""All faces of one photo: a file for each, where each lies, and all of them back in one picture.

A folder holds ``face-1.hsc``, ``face-2.hsc`` ..., largest first, and ``group.json``, which says where their squares lie
in the photo. Each file is an ordinary one, to be decoded, edited or replaced by itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from hsc.codec import Codec
from hsc.errors import HSCError
from hsc.imaging import alignment, neighbours, prechecks
from hsc.imaging.alignment import Alignment, Face
from hsc.runtime import atomic

MANIFEST = "group.json"
NOTE = "Faces restored by HSC from compressed files; not a photograph."
MOST = 100
"""Faces of one photo."""
_FORMAT = "hsc-group"
_BACKGROUND = (96, 96, 96)
_FILE = re.compile(r"face-\d{1,4}\.hsc")
_LONGEST = 1_000_000


@dataclass(frozen=True)
class Member:
    """One face of a group.

    Attributes:
        data: bytes of its file.
        where: how its square lies in the photo.
    """

    data: bytes
    where: Alignment


@dataclass(frozen=True)
class Group:
    """The faces of one photo.

    Attributes:
        size: width and height of the photo in pixels.
        members: the faces, largest first.
    """

    size: tuple[int, int]
    members: tuple[Member, ...]

    @property
    def bytes(self) -> int:
        """Of all files together."""
        return sum(len(member.data) for member in self.members)


def encode(
    codec: Codec,
    photo: Image.Image,
    max_bytes: int | None = None,
    quality: int | None = None,
    refine: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Group:
    """Compress every face of a photo.

    Args:
        photo: RGB, upright.
        max_bytes, quality, refine: of each face, see :meth:`hsc.codec.Codec.encode`.
        progress: called with the number of faces done, and of all, before the first and after each.

    Raises:
        FaceError: there is none.
        HSCError: there are more than :data:`MOST`.
    """
    faces = alignment.detect(photo)
    alignment.select(faces)
    if len(faces) > MOST:
        raise HSCError(f"{len(faces)} faces were found; a group has at most {MOST}.")
    members: list[Member] = []
    for index in range(len(faces)):
        if progress:
            progress(index, len(faces))
        crop, where = alignment.align(photo, index, faces=faces)
        members.append(Member(codec.encode(crop, max_bytes, quality, refine), where))
    if progress:
        progress(len(faces), len(faces))
    return Group(photo.size, tuple(members))


def paste(
    codec: Codec,
    group: Group,
    photo: Image.Image | None = None,
    strengths: Sequence[Mapping[Any, float]] | None = None,
    restored: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Image.Image:
    """One picture with every face at its place.

    Without edits all faces are the restored ones. With edits the photo keeps its own pixels, and only what the edits
    change is put there, see :func:`hsc.imaging.alignment.paste_back`.

    Args:
        photo: which the faces were cut from; without one, they lie on plain grey.
        strengths: of edits for each face; by default those that are stored in the files.
        restored: show every face as it was restored, with edits or without.
        progress: called with the number of faces done, and of all.

    Raises:
        ImageError: the photo has another size than the one that was compressed.
        BitstreamError, DirectionError: a file, or an edit in it, cannot be decoded.
    """
    parsed = [codec.parse(member.data) for member in group.members]
    if strengths is None:
        strengths = [codec.stored_edits(semantics) for semantics in parsed]
    active = [{key: value for key, value in each.items() if value} for each in strengths]
    transfer = photo is not None and not restored and any(active)
    result = Image.new("RGB", group.size, _BACKGROUND) if photo is None else photo
    shares = neighbours.shares([member.where for member in group.members])
    for index, (member, semantics, edits, share) in enumerate(zip(group.members, parsed, active, shares)):
        if edits or not transfer:
            picture = codec.render(codec.edit(semantics, edits))
            before = codec.render(semantics) if transfer else None
            result = alignment.paste_back(result, picture, member.where, before, share)
        if progress:
            progress(index + 1, len(parsed))
    return result


def manifest(group: Group) -> str:
    """What ``group.json`` says."""
    width, height = group.size
    faces = [
        {
            "file": name,
            "bytes": len(member.data),
            "square": member.where.matrix.round(3).tolist(),
            "box": [round(edge, 1) for edge in member.where.face.box],
        }
        for name, member in zip(_names(group), group.members)
    ]
    photo = {"width": width, "height": height}
    return json.dumps({"format": _FORMAT, "version": 1, "photo": photo, "faces": faces}, indent=1) + "\n"


def files(group: Group) -> Iterator[tuple[str, bytes]]:
    """Name and content of every file of a group, what says where they lie last."""
    yield from zip(_names(group), (member.data for member in group.members))
    yield MANIFEST, manifest(group).encode()


def save(group: Group, folder: Path) -> None:
    """Write the files of a group; the folder is made where there is none.

    Raises:
        HSCError: another group lies there.
    """
    if (folder / MANIFEST).exists():
        raise HSCError(f"{folder.name} holds a group already: choose another folder.")
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files(group):
        atomic.write_bytes(folder / name, data)


def load(folder: Path) -> Group:
    """The group in a folder.

    Raises:
        HSCError: there is none, it is damaged, or a file is missing.
    """
    try:
        told = json.loads(_read(folder / MANIFEST))
        if told["format"] != _FORMAT or told["version"] != 1:
            raise HSCError(f"{MANIFEST} is of another kind or version.")
        size = int(told["photo"]["width"]), int(told["photo"]["height"])
        placed = [(str(each["file"]), _alignment(each, size)) for each in told["faces"]]
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise HSCError(f"{MANIFEST} is damaged: it does not say which faces lie where.") from error
    if not 0 < len(placed) <= MOST or min(size) < 1 or size[0] * size[1] > prechecks.MAX_PIXELS:
        raise HSCError(f"{MANIFEST} is damaged: so many faces or pixels has no photo.")
    for name, _ in placed:
        if not _FILE.fullmatch(name):
            raise HSCError(f"{MANIFEST} is damaged: a face's file is called face-1.hsc, face-2.hsc and so on.")
    return Group(size, tuple(Member(_read(folder / name), where) for name, where in placed))


def _names(group: Group) -> list[str]:
    return [f"face-{index + 1}.hsc" for index in range(len(group.members))]


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_LONGEST + 1)
    except OSError as error:
        raise HSCError(f"{path.name} is not in {path.parent.name or 'this folder'}, or cannot be read.") from error
    if len(data) > _LONGEST:
        raise HSCError(f"{path.name} is too long to be of a group.")
    return data


def _alignment(told: Mapping, size: tuple[int, int]) -> Alignment:
    """Where a face lies.

    Raises:
        ValueError: nowhere that a face can.
    """
    matrix, box = np.array(told["square"], float), [float(edge) for edge in told["box"]]
    reach = 10 * max(size)
    if matrix.shape != (2, 3) or len(box) != 4 or not np.isfinite([*matrix.ravel(), *box]).all():
        raise ValueError
    if np.abs(matrix).max() > reach or abs(np.linalg.det(matrix[:, :2])) < 1:
        raise ValueError
    return Alignment(matrix, size, Face((box[0], box[1], box[2], box[3]), np.empty((0, 2)), 0.0))
