"""The shipped directions: ``data/<name>.npy``, ``(16, 512)`` float32, and ``data/<name>.json`` beside it.

Those that paint have their tints in ``data/<name>.paint.npy``, ``(K, 512)`` float32.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from directions import response
from directions.direction import GENERATOR, LATENT, Direction
from hsc.errors import DirectionError
from hsc.runtime import atomic

DATA = Path(__file__).resolve().parent / "data"
"""Folder of the shipped directions."""
# What every <name>.json says, first what a direction's metadata tell. The file format knows directions by id, so an
# id is never given a second time.
_TOLD = ("breaks", "samples", "scorer", "svm_accuracy", "side_effects", "provenance")
_PAINT = ".paint.npy"
_REQUIRED = ("id", "label", "generator", "layers", "range", *_TOLD, "sha256")


def names(folder: Path = DATA) -> list[str]:
    """Names of the shipped directions, in the order of their ids."""
    return [direction.name for direction in _all(folder)]


def load(name: str, folder: Path = DATA) -> Direction:
    """A shipped direction.

    Raises:
        DirectionError: there is none of this name, or its files are damaged.
    """
    known = _all(folder)
    for direction in known:
        if direction.name == name:
            return direction
    raise DirectionError(f"There is no direction '{name}'; there are {', '.join(d.name for d in known)}.")


def by_id(number: int, folder: Path = DATA) -> Direction:
    """The shipped direction that a file calls ``number``.

    Raises:
        DirectionError: this version has none.
    """
    for direction in _all(folder):
        if direction.id == number:
            return direction
    raise DirectionError(f"This version has no direction with id {number}; the file is from a newer one.")


def read(folder: Path, name: str) -> Direction:
    """Read and validate ``<name>.npy`` and ``<name>.json``.

    Raises:
        DirectionError: they are missing, damaged, or made for another generator.
    """
    try:
        payload = (folder / f"{name}.npy").read_bytes()
        metadata = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DirectionError(f"Direction '{name}' cannot be read: {error}.") from error
    if not isinstance(metadata, dict):
        raise DirectionError(f"Direction '{name}': its JSON file is not an object.")
    missing = [key for key in _REQUIRED if key not in metadata]
    if missing:
        raise DirectionError(f"Direction '{name}': its JSON file lacks {', '.join(missing)}.")
    if metadata["generator"] != GENERATOR:
        raise DirectionError(f"Direction '{name}' is for the generator {metadata['generator']!r}, not {GENERATOR!r}.")
    if metadata["sha256"] != hashlib.sha256(payload).hexdigest():
        raise DirectionError(f"Direction '{name}': the array is not the one that its JSON file describes.")
    for key, kind in (("id", int), ("svm_accuracy", float), ("samples", dict), ("side_effects", dict)):
        if not isinstance(metadata[key], kind):
            raise DirectionError(f"Direction '{name}': '{key}' in its JSON file is of the wrong kind.")
    array, tints = _array(name, payload), np.zeros((0, LATENT), np.float32)
    if metadata.get("paints"):
        try:
            paint = (folder / f"{name}{_PAINT}").read_bytes()
        except OSError as error:
            raise DirectionError(f"Direction '{name}' cannot be read: {error}.") from error
        if metadata.get("paint_sha256") != hashlib.sha256(paint).hexdigest():
            raise DirectionError(f"Direction '{name}': the tints are not those that its JSON file describes.")
        tints = _array(name, paint)
    response.check(name, metadata, len(tints))
    return Direction(
        name, array, metadata["layers"], metadata["range"], metadata["id"], str(metadata["label"]), metadata, tints
    )


def _array(name: str, payload: bytes) -> np.ndarray:
    try:
        return np.load(io.BytesIO(payload), allow_pickle=False)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DirectionError(f"Direction '{name}' cannot be read: {error}.") from error


def write(folder: Path, direction: Direction) -> None:
    """Write a direction's files; ``metadata`` gets what the other attributes say.

    Raises:
        DirectionError: the direction has no id, or another one has it, or its metadata are not complete.
    """
    if direction.id is None:
        raise DirectionError(f"Direction '{direction.name}' has no id.")
    missing = [key for key in _TOLD if key not in direction.metadata]
    if missing:
        raise DirectionError(f"Direction '{direction.name}': its metadata lack {', '.join(missing)}.")
    folder.mkdir(parents=True, exist_ok=True)
    # A damaged neighbour, or an earlier version of this one, must not stand in the way.
    for path in folder.glob("*.json"):
        if path.stem != direction.name and _id_of(path) == direction.id:
            raise DirectionError(f"Another direction has the id {direction.id}.")
    buffer = io.BytesIO()
    np.save(buffer, direction.array)
    payload, paint = buffer.getvalue(), io.BytesIO()
    np.save(paint, direction.tints)
    metadata: dict[str, Any] = {
        **direction.metadata,
        "id": direction.id,
        "label": direction.label,
        "generator": GENERATOR,
        "layers": list(direction.layers),
        "range": list(direction.range),
        "sha256": hashlib.sha256(payload).hexdigest(),
    }
    if len(direction.tints):
        metadata["paint_sha256"] = hashlib.sha256(paint.getvalue()).hexdigest()
    ordered = {key: metadata.pop(key) for key in _REQUIRED if key in metadata}
    text = json.dumps({**ordered, **metadata}, indent=1, ensure_ascii=False, allow_nan=False)
    files = {f"{direction.name}.npy": payload, f"{direction.name}.json": f"{text}\n".encode()}
    if len(direction.tints):
        files[f"{direction.name}{_PAINT}"] = paint.getvalue()
    with contextlib.ExitStack() as stack:  # all are whole before one takes its name
        for name, content in files.items():
            stack.enter_context(atomic.replacing(folder / name)).write_bytes(content)
    _all.cache_clear()


def _id_of(path: Path) -> int | None:
    """The id in a direction's JSON file, as far as it can be read."""
    try:
        metadata = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return metadata.get("id") if isinstance(metadata, dict) else None


@functools.lru_cache(maxsize=4)
def _all(folder: Path) -> tuple[Direction, ...]:
    """Every direction of a folder by ascending id."""
    found = [read(folder, path.stem) for path in folder.glob("*.json")]
    found.sort(key=lambda direction: direction.id or 0)
    for first, second in zip(found, found[1:]):
        if first.id == second.id:
            raise DirectionError(f"The directions '{first.name}' and '{second.name}' have the same id {first.id}.")
    return tuple(found)
