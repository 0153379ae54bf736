"""Aligned photos as the codec restores them, coded once and kept."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from hsc.errors import DirectionError, ImageError
from hsc.imaging import images
from hsc.runtime import atomic
from hsc.runtime.names import shown

if TYPE_CHECKING:
    from hsc.codec import Codec


def image_files(folder: Path) -> list[Path]:
    """Picture files of a folder by name.

    Raises:
        DirectionError: there are none.
    """
    try:
        return images.pictures_in(folder)
    except ImageError as error:
        raise DirectionError(str(error)) from error


def digest_of(photo: Path) -> str:
    """Sixteen hexadecimal digits that stand for the content of a file."""
    return hashlib.sha256(photo.read_bytes()).hexdigest()[:16]


def coded(codec: Codec, photo: Path, max_bytes: int, cache: Path) -> bytes:
    """A photo (aligned face) as ``.hsc``, from the cache if it is there.

    Args:
        cache: folder for this codec and this size, see :func:`hsc.baselines.hsc_codec.fingerprint`.

    Raises:
        DirectionError: it cannot be read, or is not square.
    """
    path = cache / f"{digest_of(photo)}.hsc"
    if path.is_file():
        return path.read_bytes()
    try:
        data = codec.encode(images.open_image(photo), max_bytes=max_bytes)
    except (ImageError, ValueError) as error:
        raise DirectionError(f"{shown(photo.name)} is not a picture of an aligned face.") from error
    cache.mkdir(parents=True, exist_ok=True)
    atomic.write_bytes(path, data, durable=False)
    return data
