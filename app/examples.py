"""Prepared faces: made by the generator itself, so nobody's, and one public-domain portrait.

``assets/examples/examples.json`` names them; ``python -m app.examples`` makes the synthetic ones again from
their seeds.
"""

from __future__ import annotations

import base64
import io
import json
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

FOLDER = Path(__file__).resolve().parents[1] / "assets" / "examples"
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

    def thumbnail(self) -> str:
        """A small picture as a data URL."""
        buffer = io.BytesIO()
        small = self.open().resize((_THUMBNAIL, _THUMBNAIL), Image.Resampling.LANCZOS)
        small.save(buffer, "WEBP", quality=80)
        return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()


def read(folder: Path = FOLDER) -> list[Example]:
    """The prepared faces, in the order in which they are shown; empty where the folder is missing."""
    index = folder / "examples.json"
    if not index.is_file():
        return []
    entries = json.loads(index.read_text(encoding="utf-8"))
    return [
        Example(
            Path(entry["file"]).stem, entry["title"], folder / entry["file"], "seed" in entry, entry["credit"]
        )
        for entry in entries
    ]


def generate(entry: dict) -> Image.Image:
    """The face of a seed: w = mapping(z), pulled towards the mean w by the entry's ``truncation``."""
    import torch

    from hsc import images
    from hsc.generator import LATENT, LAYERS, Generator

    generator = Generator.load()
    with torch.no_grad():
        noise = torch.randn(4096, LATENT, generator=torch.Generator().manual_seed(0))
        mean = generator.mapping(noise).mean(0, keepdim=True)
        z = torch.randn(1, LATENT, generator=torch.Generator().manual_seed(entry["seed"]))
        w = mean + entry["truncation"] * (generator.mapping(z) - mean)
        return images.to_pil(generator(w[:, None].expand(-1, LAYERS, -1)))


def main() -> None:
    """Make every face that has a seed again."""
    for entry in json.loads((FOLDER / "examples.json").read_text(encoding="utf-8")):
        if "seed" in entry:
            generate(entry).save(FOLDER / entry["file"], quality=93)
            print(entry["file"], entry["title"])


if __name__ == "__main__":
    main()
