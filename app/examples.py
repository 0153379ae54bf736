"""Prepared faces: made by the generator itself, so nobody's, and one public-domain portrait.

``assets/examples/examples.json`` names them. Beside each picture may lie its file of the default size, so that nobody
waits for it: ``python -m app.prepare`` writes these.
"""

from __future__ import annotations

import base64
import functools
import io
import json
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from hsc import paths

FOLDER = paths.assets() / "examples"
_THUMBNAIL = 112


@dataclass(frozen=True)
class Example:
    """One prepared, aligned face.

    Attributes:
        name: of its file.
        title: describes it.
        path: the picture, 1024 x 1024.
        synthetic: whether the generator made it.
        credit: where it comes from.
    """

    name: str
    title: str
    path: Path
    synthetic: bool
    credit: str

    def open(self) -> Image.Image:
        """The picture, RGB."""
        with Image.open(self.path) as image:
            return image.convert("RGB")

    @property
    def prepared(self) -> Path:
        """Where its file of the default size is, if it was prepared."""
        return self.path.with_suffix(".hsc")

    def thumbnail(self) -> str:
        """A small picture as a data URL; made once."""
        return _thumbnail(self)


@functools.lru_cache(maxsize=64)
def _thumbnail(example: Example) -> str:
    buffer = io.BytesIO()
    small = example.open().resize((_THUMBNAIL, _THUMBNAIL), Image.Resampling.LANCZOS)
    small.save(buffer, "WEBP", quality=80)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()


def read(folder: Path = FOLDER) -> list[Example]:
    """The prepared faces, in the order in which they are shown; empty where the folder is missing."""
    index = folder / "examples.json"
    if not index.is_file():
        return []
    entries = json.loads(index.read_text(encoding="utf-8"))
    return [
        Example(Path(entry["file"]).stem, entry["title"], folder / entry["file"], "seed" in entry, entry["credit"])
        for entry in entries
    ]
