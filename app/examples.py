"""Prepared faces: made by the generator itself, so nobody's, and one public-domain portrait.

``assets/examples/examples.json`` names them. Beside each picture may lie its file of the default size, so that nobody
waits for it: ``python -m app.examples`` writes these, after every change of the model or the encoder; ``--faces`` makes
the synthetic pictures again from their seeds.
"""

from __future__ import annotations

import base64
import functools
import io
import json
from dataclasses import dataclass
from pathlib import Path

import click
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


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--faces", is_flag=True, help="Make the synthetic faces again first.")
def main(faces: bool) -> None:
    """Write the prepared .hsc file of every example by the codec that is here."""
    from app.studio import DEFAULT_BYTES, Studio

    if faces:
        for entry in json.loads((FOLDER / "examples.json").read_text(encoding="utf-8")):
            if "seed" in entry:
                generate(entry).save(FOLDER / entry["file"], quality=93)
                click.echo(f"{entry['file']}: {entry['title']}")
    studio = Studio()
    for index, example in enumerate(studio.examples):
        data = studio.codec.encode(studio.example(index).crop, max_bytes=DEFAULT_BYTES)
        example.prepared.write_bytes(data)
        click.echo(f"{example.prepared.name}: {len(data)} bytes")


if __name__ == "__main__":
    main()
