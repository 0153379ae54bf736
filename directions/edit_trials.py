"""What edits do to decoded photos, one photo at a time: how far the person stays, and what changes where.

Everything is measured on 256 px previews. The results of each photo are kept, so that a run that was interrupted goes
on where it stopped.
"""

from __future__ import annotations

import functools
import hashlib
import io
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image

import directions
from directions.effects import preview
from directions.face_regions import CHANGES, FaceRegions
from directions.parallel import each
from directions.photos import coded, digest_of
from directions.samples import SCORING
from directions.scorers import COLUMNS
from hsc import editing
from hsc.baselines.hsc_codec import fingerprint
from hsc.errors import FaceError, HSCError

if TYPE_CHECKING:
    from directions.scorers import ScorerPanel
    from hsc.codec import Codec
    from hsc.metrics.identity import IdentityNetwork
    from hsc.semantics import Semantics

STRENGTHS = (-1.0, 0.25, 0.5, 0.75, 1.0)
"""Strengths at which every direction is measured."""
TOGETHER: tuple[Mapping[str, float], ...] = (
    {"smile": 0.8, "eyeglasses": 1.0, "makeup": 0.5},
    {"smile": 0.8, "age": 0.5},
    {"smile": 0.8, "mouth_open": 0.6},
    {"eyeglasses": 1.0, "yaw": 0.6},
)
"""Edits that are measured together."""
MEASURES = ("identity", "dlib", *CHANGES, *COLUMNS)
"""What is measured of each edit: the cosine of identity embeddings and the distance of dlib's descriptors, both to the
unedited restoration (the latter not a number where dlib finds no face), changes by region, and scores after it."""
THUMBNAIL = 128
"""Side in pixels of the pictures that sheets show."""


@dataclass(frozen=True)
class Trials:
    """What every photo of a set goes through.

    Attributes:
        edits: strengths by name.
        max_bytes: of a coded photo.
        folder: cache of coded photos and of results.
    """

    edits: tuple[Mapping[str, float], ...]
    max_bytes: int
    folder: Path


@dataclass(frozen=True)
class EditedPhoto:
    """Results of one photo.

    Attributes:
        name: of its file.
        size: in bytes, of its file.
        before: its scores ``(len(COLUMNS),)``.
        rows: ``(E, len(MEASURES))``, one for each edit.
        pictures: thumbnails as JPEG, the unedited restoration first.
    """

    name: str
    size: int
    before: np.ndarray
    rows: np.ndarray
    pictures: tuple[bytes, ...]


def all_edits(names: Sequence[str]) -> tuple[Mapping[str, float], ...]:
    """Every direction at every strength, and what is measured together of these directions."""
    single = [{name: strength} for name in names for strength in STRENGTHS]
    return (*single, *(edit for edit in TOGETHER if set(edit) <= set(names)))


def measure(trials: Trials, photos: Sequence[Path], workers: int = 1) -> Iterator[EditedPhoto]:
    """Results of all photos, in the order in which they are there.

    Raises:
        WeightsError: scorers or the codec are missing.
    """
    yield from each(partial(_measure, trials), photos, workers)


def _measure(trials: Trials, path: Path) -> EditedPhoto:
    codec, panel, identity, render, version = _instruments()
    kept = trials.folder / f"edits-{_digest(trials, version)}" / f"{digest_of(path)}.npz"
    if kept.is_file():
        return _load(kept, path.name)
    data = coded(codec, path, trials.max_bytes, trials.folder / f"coded-{version}-{trials.max_bytes}")
    semantics = codec.parse(data)
    plain = render(semantics)
    regions = FaceRegions.of(plain, panel.mesh)
    person, describe = _embedding(identity, plain), _describer(plain)
    before, described = panel([plain])[0], describe(plain)
    rows, pictures = [], [plain]
    for edit in trials.edits:
        picture = render(codec.edit(semantics, dict(edit)))
        points, _ = panel.mesh.landmarks(picture)
        changes = regions.changes(picture, points)
        rows.append(
            [
                float((person * _embedding(identity, picture)).sum()),
                float(np.linalg.norm(describe(picture) - described)),
                *(changes[name] for name in CHANGES),
                *panel([picture])[0],
            ]
        )
        pictures.append(picture)
    photo = EditedPhoto(path.name, len(data), before, np.array(rows, np.float32), tuple(map(_jpeg, pictures)))
    _save(kept, photo)
    return photo


def _digest(trials: Trials, version: str) -> str:
    """Stands for all that results depend on, but for the photo."""
    code = [path.read_bytes() for path in sorted(Path(editing.__file__).parent.glob("*.py"))]
    digest = hashlib.sha256(version.encode() + b"".join(code))
    digest.update(repr((trials.max_bytes, SCORING, MEASURES, [sorted(edit.items()) for edit in trials.edits])).encode())
    for name in sorted({name for edit in trials.edits for name in edit}):
        direction = directions.load(name)
        told = [direction.metadata.get(key) for key in ("place", "response", "paints", "drags")]
        digest.update(direction.array.tobytes() + direction.tints.tobytes() + repr(told).encode())
    return digest.hexdigest()[:12]


@functools.lru_cache(maxsize=1)
def _instruments() -> tuple[Codec, ScorerPanel, IdentityNetwork, Callable[[Semantics], Image.Image], str]:
    """Made once in each process."""
    from directions.scorers import ScorerPanel
    from hsc.codec import Codec
    from hsc.metrics.identity import IdentityNetwork

    codec = Codec.load(device="cpu")
    return codec, ScorerPanel(), IdentityNetwork.load(), preview(codec), fingerprint(codec)


def _embedding(identity: IdentityNetwork, picture: Image.Image) -> torch.Tensor:
    pixels = torch.from_numpy(np.asarray(picture).copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
    with torch.inference_mode():
        return identity(pixels)[0]


def _describer(plain: Image.Image) -> Callable[[Image.Image], np.ndarray]:
    """dlib's descriptor of pictures, where it finds the unedited face; not a number where it finds none."""
    from hsc.imaging import alignment
    from hsc.metrics import face_metrics

    try:
        face, _ = alignment.select(alignment.detect(plain))
    except (FaceError, HSCError):
        return lambda picture: np.full(128, np.nan)
    return lambda picture: face_metrics.descriptor(picture, face)


def _jpeg(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def _save(path: Path, photo: EditedPhoto) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial_path = path.with_suffix(f".{os.getpid()}")
    with partial_path.open("wb") as file:
        np.savez(
            file, size=photo.size, before=photo.before, rows=photo.rows,
            jpegs=np.frombuffer(b"".join(photo.pictures), np.uint8),
            ends=np.cumsum([len(picture) for picture in photo.pictures]),
        )  # fmt: skip
    os.replace(partial_path, path)


def _load(path: Path, name: str) -> EditedPhoto:
    with np.load(path, allow_pickle=False) as archive:
        data, ends = archive["jpegs"].tobytes(), archive["ends"].tolist()
        pictures = tuple(data[start:end] for start, end in zip([0, *ends[:-1]], ends))
        return EditedPhoto(name, int(archive["size"]), archive["before"], archive["rows"], pictures)
