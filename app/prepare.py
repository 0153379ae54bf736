"""``python -m app.prepare``: write the prepared file of every example, after every change of the model or the encoder.

``--faces`` makes the synthetic pictures again from their seeds first.
"""

from __future__ import annotations

import json

import click
from PIL import Image

from app import examples
from app.studio import DEFAULT_BYTES, Studio


def generate(entry: dict) -> Image.Image:
    """The face of a seed: w = mapping(z), pulled towards the mean w by the entry's ``truncation``."""
    import torch

    from hsc.generator import LATENT, LAYERS, Generator
    from hsc.imaging import images

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
    if faces:
        for entry in json.loads((examples.FOLDER / "examples.json").read_text(encoding="utf-8")):
            if "seed" in entry:
                generate(entry).save(examples.FOLDER / entry["file"], quality=93)
                click.echo(f"{entry['file']}: {entry['title']}")
    studio = Studio()
    for index, example in enumerate(studio.examples):
        data = studio.codec.encode(studio.example(index).crop, max_bytes=DEFAULT_BYTES)
        example.prepared.write_bytes(data)
        click.echo(f"{example.prepared.name}: {len(data)} bytes")


if __name__ == "__main__":
    main()
