"""`python -m hsc decode` and `info`: from a compressed file to a picture, or to what it says."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from hsc.cli import common
from hsc.cli.files import Command, Input, InputFile, Output, OutputFile, warn
from hsc.errors import FaceError

if TYPE_CHECKING:
    from PIL import Image

    from hsc.imaging.alignment import Face


@click.command(cls=Command)
@click.argument("file", type=InputFile())
@click.argument("out", type=OutputFile("picture"))
@click.option("--prefix", type=click.IntRange(0), help="Decode the first BYTES of the file only.")
@click.option("--size", type=click.Choice(common.SIZES), default="1024", show_default=True)
@click.option("--into", type=InputFile(), help="Paste the face back into this photo.")
@click.option("--face", type=click.IntRange(0), help="Which face of --into, 0 for the largest. [the one in FILE]")
@click.option("--edit", "edits", multiple=True, metavar="NAME=VALUE", help="Apply a direction; may be repeated.")
@click.option("--no-edits", is_flag=True, help="Leave out the edits that are stored in the file.")
@click.option("--direction", type=InputFile(), help="Apply a StyleGAN2-FFHQ direction of somebody else's, .npy or .pt.")
@click.option("--layers", metavar="A-B", default="0-15", show_default=True, help="Layers that --direction moves.")
@click.option("--scale", type=float, default=1.0, show_default=True, help="How far along --direction.")
@click.option("--corner-mark", is_flag=True, help="Write into the lower right corner that the face was restored.")
@common.sign_option
def decode(
    file: Input,
    out: Output,
    prefix: int | None,
    size: str,
    into: Input | None,
    face: int | None,
    edits: tuple[str, ...],
    no_edits: bool,
    direction: Input | None,
    layers: str,
    scale: float,
    corner_mark: bool,
    sign: Input | None,
) -> None:
    """Restore the face in FILE as the picture OUT; - is standard input or output (PNG).

    \b
    Examples:
      python -m hsc decode me.hsc me.png --edit smile=0.8
      python -m hsc decode me.hsc me.png --direction age.npy --layers 2-7 --scale 4
    """
    from hsc import bitstream
    from hsc.imaging import images, marks

    asked = common.strengths_of(edits)
    data = common.read_coded(file)
    if prefix is not None:
        data = bitstream.truncate(data, prefix)
    photo = None if into is None else images.open_image(into.read(), into.name)
    foreign = _foreign(direction, layers, scale) if direction else {}
    codec = common.load_codec()
    semantics = plain = codec.parse(data)
    strengths = {} if no_edits else codec.stored_edits(semantics)
    strengths.update(asked)
    note = "Restored by HSC from a compressed file."
    if foreign:
        from directions.foreign_effect import effect_of

        advice = [effect_of(codec, one).advice(scale) for one in foreign]
        warn([f"{direction.name if direction else ''}: {words}" for words in advice if words])
    if foreign or any(strengths.values()):
        semantics = codec.edit(semantics, {**strengths, **foreign})
        told = [f"{name}={value:g}" for name, value in strengths.items()]
        told += [f"{foreign_one.name} of layers {layers} times {scale:g}" for foreign_one in foreign]
        note = f"Synthetic: restored and edited by HSC ({', '.join(told)})."
    picture = codec.render(semantics, int(size))
    if photo is not None and into is not None:
        from hsc.imaging import alignment

        faces = alignment.detect(photo)
        if face is None and faces:
            face = _face_of(codec.render(plain, 512), photo, faces, file, into)
        _, found = alignment.align(photo, face, faces=faces)
        warn(found.notes)
        before = None if semantics is plain else codec.render(plain, int(size))
        if before is not None and alignment.changed_share(picture, before) > alignment.MUCH_CHANGED:
            warn(["The edit changes most of the picture, so its seam in the photo may show."])
        picture = alignment.paste_back(photo, picture, found, before)
        note = f"{note} {marks.PASTED}"
    edited = bool(foreign) or any(strengths.values())
    # An edited face does not carry the one that was edited, and a label is no part of a face.
    plain_picture = not edited and photo is None and not corner_mark
    coded = (bitstream.strip_edits(data) if semantics.complete else data) if plain_picture else None
    if corner_mark:
        from hsc.imaging import corner_mark as label

        picture = label.draw(picture)
    suffix = out.suffix(".png")
    out.write(common.signed(images.as_file(picture, suffix, note, coded), suffix, sign, note))


def _face_of(restored: Image.Image, photo: Image.Image, faces: list[Face], file: Input, into: Input) -> int:
    """Which face of a photo a file shows; a note says so where there are others, or where it looks like nobody there.

    Raises:
        FaceError: it may be several of them, or none.
    """
    from hsc.metrics import same_face

    found = same_face.distances(restored, photo, faces)
    index = same_face.nearest(found)
    if len(faces) == 1:
        if found and found[0] >= same_face.SAME:
            warn([f"The face of {into.name} does not look like the one in {file.name}."])
        return 0
    if index is None:
        raise FaceError(
            f"{into.name} shows {len(faces)} faces, and which of them is the one in {file.name} cannot be told: "
            "choose one with --face, 0 for the largest."
        )
    warn([f"{into.name} shows {len(faces)} faces; face {index} is the one in {file.name}."])
    return index


def _foreign(direction: Input, layers: str, scale: float) -> dict:
    """Somebody else's direction, with strength 1."""
    import directions

    first, dash, last = layers.partition("-")
    try:
        span = range(int(first), int(last if dash else first) + 1)
    except ValueError:
        raise click.UsageError(f"{layers!r} is not A-B, such as 2-7.") from None
    name = directions.name_of(direction.path) if direction.path else "direction"
    with direction.file() as path:
        return {directions.load_foreign(path, name, span, scale=scale): 1.0}


@click.command(cls=Command)
@click.argument("file", type=InputFile())
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def info(file: Input, as_json: bool) -> None:
    """Say what FILE holds and what each layer costs; - is standard input."""
    data = common.read_coded(file)
    from hsc.bitstream import HEADER_BYTES
    from hsc.metrics import bpp

    semantics = common.load_codec().inspect(data)
    facts = {
        "bytes": len(data),
        "bpp": bpp(len(data)),
        "model": semantics.model_id,
        "quality": semantics.quality,
        "complete": semantics.complete,
        "layers": [asdict(layer) for layer in semantics.layers],
        "total_layers": semantics.total_layers,
        "edits": [list(edit) for edit in semantics.edits],
    }
    if as_json:
        click.echo(json.dumps(facts))
        return
    state = "complete" if semantics.complete else "a prefix"
    click.echo(f"{file}: {len(data)} bytes, {facts['bpp']:.5f} bpp, quality {semantics.quality}, {state}")
    click.echo(f"{len(semantics.layers)} of {semantics.total_layers} layers:")
    for index, layer in enumerate(semantics.layers):
        own = layer.bytes if index else layer.bytes - HEADER_BYTES
        click.echo(f"  {layer.name:<3} {own:>5} bytes, complete at {layer.end}")
    for direction, strength in semantics.edits:
        click.echo(f"  edit: {_direction_name(direction)}, strength {strength:+.2f}")


def _direction_name(number: int) -> str:
    """What a direction is called that a file names by number; a newer file may name one that is not here."""
    import directions
    from hsc.errors import DirectionError

    try:
        return directions.by_id(number).name
    except DirectionError:
        return f"direction {number}, not known here"
