"""`python -m hsc edit` and `morph`: store edits in a compressed file, or film one that slides."""

from __future__ import annotations

import click

from hsc.cli import common
from hsc.cli.files import Command, Input, InputFile, Output, OutputFile, say


@click.command(cls=Command)
@click.argument("file", type=InputFile(original=False))
@click.argument("out", type=OutputFile("data"))
@click.argument("edits", nargs=-1, metavar="NAME=VALUE...")
def edit(file: Input, out: Output, edits: tuple[str, ...]) -> None:
    """Store edits in a copy of FILE, in place of those it has; without any, remove them.

    The copy is the original file plus 2 bytes and 3 for each edit; - is standard input or output. OUT may be FILE.

    Example: python -m hsc edit me.hsc smiling.hsc smile=0.8 makeup=-0.3
    """
    asked = common.strengths_of(edits)
    data = common.read_coded(file)
    import directions
    from hsc import bitstream

    stored = directions.to_ids(asked)
    common.load_codec().parse(data)
    data = bitstream.append_edits(data, stored) if stored else bitstream.strip_edits(data)
    out.write(data)
    say(f"{out}: {len(data)} bytes")


@click.command(cls=Command)
@click.argument("file", type=InputFile())
@click.argument("out", type=OutputFile("film"))
@click.argument("move", metavar="NAME=FROM:TO")
@click.option("--frames", type=click.IntRange(2, 600), default=48, show_default=True)
@click.option("--size", type=click.Choice(common.SIZES), default="512", show_default=True)
@common.sign_option
def morph(file: Input, out: Output, move: str, frames: int, size: str, sign: Input | None) -> None:
    """Slide one edit over FILE, there and back, as the film OUT (.mp4 or .gif); other stored edits stay.

    - is standard input or output (MP4).

    Example: python -m hsc morph me.hsc me.mp4 smile=-1:1
    """
    from tqdm import tqdm

    name, _, span = move.partition("=")
    first, _, last = span.partition(":")
    try:
        ends = float(first), float(last)
    except ValueError:
        raise click.UsageError(f"{move!r} is not NAME=FROM:TO, such as smile=-1:1.") from None
    data = common.read_coded(file)
    from hsc.media import morph

    codec = common.load_codec()
    semantics = codec.parse(data)
    stored = codec.stored_edits(semantics)
    suffix = out.suffix(".mp4")
    with out.file(suffix) as path:
        with tqdm(total=frames, unit="frame") as bar:
            count = lambda done, _: bar.update()  # noqa: E731
            morph.write(codec, semantics, name, ends, path, frames, int(size), stored, count)
        if sign is not None:
            path.write_bytes(common.signed(path.read_bytes(), suffix, sign, morph.NOTE))
        written = path.stat().st_size
    say(f"{out}: {frames} frames, {written} bytes")
