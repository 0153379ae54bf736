"""Aligned photos as the codec restores them, coded once and kept."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from hsc.errors import DirectionError

if TYPE_CHECKING:
    from hsc.codec import Codec


def image_files(folder: Path) -> list[Path]:
    """Picture files of a folder by name.

    Raises:
        DirectionError: there are none.
    """
    paths = sorted(path for path in folder.glob("*") if path.suffix.lower() in (".png", ".jpg", ".jpeg", ".webp"))
    if not paths:
        raise DirectionError(f"There are no pictures in {folder}.")
    return paths


def digest_of(photo: Path) -> str:
    """Sixteen hexadecimal digits that stand for the content of a file."""
    return hashlib.sha256(photo.read_bytes()).hexdigest()[:16]


def coded(codec: Codec, photo: Path, max_bytes: int, cache: Path) -> bytes:
    """A photo (aligned face) as ``.hsc``, from the cache if it is there.

    Args:
        cache: folder for this codec and this size, see :func:`hsc.baselines.own.fingerprint`.

    Raises:
        DirectionError: it cannot be read, or is not square.
    """
    path = cache / f"{digest_of(photo)}.hsc"
    if path.is_file():
        return path.read_bytes()
    try:
        with Image.open(photo) as image:
            face = image.convert("RGB")
        data = codec.encode(face, max_bytes=max_bytes)
    except (OSError, ValueError) as error:
        raise DirectionError(f"{photo.name} is not a picture of an aligned face.") from error
    cache.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}")
    partial.write_bytes(data)
    os.replace(partial, path)
    return data
