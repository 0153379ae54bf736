"""The restorations that README and model card show: ``python -m tests.app.pictures``, after every change of the model.

Only prepared examples are shown, since the faces of the evaluation may not be published: generated ones, which are
easier for this codec than photos are, and one public-domain portrait.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
from PIL import Image, ImageFilter

from app import examples
from app.prepare import generate
from hsc import baselines
from hsc.codec import Codec
from hsc.compare.report import short_name
from hsc.encoder.presets import DEFAULT
from hsc.imaging import alignment, images
from hsc.media.contact_sheet import contact_sheet, grid

FOLDER = Path(__file__).resolve().parents[2] / "assets" / "screenshots"
RESTORED = ("astronaut", "glasses", "girl")
BYTES = (400, 800, 1500, 3000)
BESIDE_VVC = (400, 800, 1500)
ZOOMED = (800, 1500, 2600, 6000)
CROP = 256
"""Side in pixels of what a zoomed strip shows."""
DETAILS = (
    ("black-hair", "eyes", 530, 370),
    ("curls", "earring", 690, 610),
    ("fair-hair", "hair", 380, 20),
    ("girl", "teeth", 390, 610),
    ("glasses", "thin glasses", 300, 360),
    ("white-hair", "glasses", 190, 370),
    ("beard", "beard", 366, 680),
    ("baby", "headband", 420, 0),
)
"""Example, what is seen, and the left and upper edge of the crop."""
WITHOUT_GRID = replace(DEFAULT, preview_distortion=replace(DEFAULT.preview_distortion, grid=0.0))
"""The encoder without what 0.10.0 did against the grid: as it was in 0.9.1, but for rounding."""
ENCODERS = (("not refined", DEFAULT.with_steps(0)), ("without grid", WITHOUT_GRID), ("now", DEFAULT))
"""Whose files are compared where a file of 800 bytes goes wrong."""
EDITED, EDITED_BYTES = "curls", 800
EDITS = (("smile", {"smile": 0.8}), ("eyeglasses", {"eyeglasses": 1.0}), ("both", {"smile": 0.8, "eyeglasses": 1.0}))
DECODED_ONLY = ("vvc", "av1", "hific", "ms-illm", "elic")
"""Codecs whose files can be decoded, and that is all."""
ARTEFACTS = (
    ("tilted", "grid on skin", 250, 560, 160),
    ("laughing-glasses", "broken teeth", 380, 620, 224),
    ("fair-hair", "hatched hair", 380, 20, 256),
    (2026, "scarlet ear", 720, 420, 224),
    (2101, "scarf to hair", 560, 130, 256),
)
"""Example or seed of a face, what goes wrong, the left and upper edge of the crop, and its side; the first one has
grain added, as no generated face has skin as rough as a camera sees it."""


def faces() -> dict[str, Image.Image]:
    """The examples by name, aligned."""
    found = {example.name: example for example in examples.read()}
    return {
        name: example.open() if example.synthetic else alignment.align(images.open_image(example.path))[0]
        for name, example in found.items()
    }


def beside_vvc(codec: Codec, shown: Sequence[Image.Image], size: int = 150) -> Image.Image:
    """A row for each face: the original, then this codec and VVC at the same bytes, or at VVC's smallest size."""
    vvc = baselines.get("vvc")
    rows = []
    for face in shown:
        row, search = [(face, "original")], vvc.rate_search(face)
        for target in BESIDE_VVC:
            data, rival = codec.encode(face, max_bytes=target), search.fit(target)
            row += [(codec.decode(data), f"HSC {len(data):,}"), (vvc.decode(rival), f"VVC {len(rival):,}")]
        rows.append(row)
    return grid(rows, size)


def details(codec: Codec, shown: dict[str, Image.Image], size: int = 190) -> Image.Image:
    """A row for each detail: the original, and what files of ever more bytes show."""
    rows = []
    for name, caption, left, top in DETAILS:
        box = (left, top, left + CROP, top + CROP)
        row = [(shown[name].crop(box), caption)]
        for target in ZOOMED:
            data = codec.encode(shown[name], max_bytes=target)
            row.append((codec.decode(data).crop(box), f"{len(data):,} bytes"))
        rows.append(row)
    return grid(rows, size)


def beside_codecs(codec: Codec, face: Image.Image, size: int = 200) -> Image.Image:
    """The original, this codec's file, and edits of it that are decoded from the same file; below, what others decode
    from as many bytes, or from their fewest."""
    data = codec.encode(face, max_bytes=EDITED_BYTES)
    semantics = codec.parse(data)
    own = [(face, "original"), (codec.decode(data), f"HSC {len(data):,}")]
    own += [(codec.render(codec.edit(semantics, edit)), f"HSC, {name}") for name, edit in EDITS]
    others = []
    for key in DECODED_ONLY:
        other = baselines.get(key)
        rival = other.encode(face, EDITED_BYTES)
        others.append((other.decode(rival), f"{short_name(other.name)} {len(rival):,}"))
    return grid([own, others], size)


def grained(face: Image.Image, deviation: float = 9.0) -> Image.Image:
    """A face with grain over it, of about two pixels and the same in all colours."""
    noise = 128 + 30 * np.random.default_rng(0).standard_normal((face.height, face.width))
    grain = Image.fromarray(noise.clip(0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(1.2))
    offset = np.asarray(grain, np.float64) - 128
    pixels = np.asarray(face.convert("RGB"), np.float64) + (offset * deviation / offset.std())[..., None]
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def artefacts(codec: Codec, shown: dict[str, Image.Image], size: int = 224) -> Image.Image:
    """A row for each thing that goes wrong at 800 bytes: the original, and what three encoders make of it."""
    rows = []
    for name, caption, left, top, side in ARTEFACTS:
        face = shown[name] if isinstance(name, str) else generate({"seed": name, "truncation": 1.0})
        face, box = grained(face) if not rows else face, (left, top, left + side, top + side)
        row = [(face.crop(box), caption)]
        for encoder, preset in ENCODERS:
            data = codec.encode(face, max_bytes=800, preset=preset)
            row.append((codec.decode(data).crop(box), f"{encoder}, {len(data)}"))
        rows.append(row)
    return grid(rows, size)


@click.command()
@click.option("--only", multiple=True, help="Name of a picture; all by default. May be given several times.")
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False, exists=True), default=FOLDER)
def main(only: Sequence[str], folder: Path) -> None:
    """Write restorations.jpg, beside-vvc.jpg, beside-codecs.jpg, details.jpg and artefacts.jpg."""
    codec, shown = Codec.load(), faces()
    pictures = {
        "restorations": lambda: contact_sheet(codec, [shown[name] for name in RESTORED], BYTES),
        "beside-vvc": lambda: beside_vvc(codec, list(shown.values())),
        "beside-codecs": lambda: beside_codecs(codec, shown[EDITED]),
        "details": lambda: details(codec, shown),
        "artefacts": lambda: artefacts(codec, shown),
    }
    for name in only or pictures:
        path = folder / f"{name}.jpg"
        images.save(pictures[name](), path, "Faces restored by HSC, some by other codecs; not photographs.", quality=85)
        click.echo(path)


if __name__ == "__main__":
    main()
