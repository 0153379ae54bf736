"""The restorations that README and model card show: ``python -m tests.app.pictures``, after every change of the model.

Only prepared examples are shown, since the faces of the evaluation may not be published: generated ones, which are easier
for this codec than photos are, and one public-domain portrait.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
from PIL import Image

from app import examples
from hsc import alignment, baselines, images
from hsc.codec import Codec
from hsc.sheet import contact_sheet, grid

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
        row, ladder = [(face, "original")], vvc.ladder(face)
        for target in BESIDE_VVC:
            data, rival = codec.encode(face, max_bytes=target), ladder.fit(target)
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


@click.command()
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False, exists=True), default=FOLDER)
def main(folder: Path) -> None:
    """Write restorations.jpg, beside-vvc.jpg and details.jpg."""
    codec, shown = Codec.load(), faces()
    for name, picture in (
        ("restorations", contact_sheet(codec, [shown[name] for name in RESTORED], BYTES)),
        ("beside-vvc", beside_vvc(codec, list(shown.values()))),
        ("details", details(codec, shown)),
    ):
        path = folder / f"{name}.jpg"
        images.save(picture, path, "Faces restored by HSC, some by VVC; not photographs.", quality=85)
        click.echo(path)


if __name__ == "__main__":
    main()
