"""`python -m hsc group`: all faces of one photo, each a file, and all of them back in one picture."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import click

from hsc.cli import common
from hsc.cli.files import Command, Input, InputFile, InputFolder, Output, OutputFile, OutputFolder, say, warn
from hsc.cli.parameters import CommandGroup

_FOR_ONE = re.compile(r"(\d+):(.*)", re.DOTALL)


@click.group(cls=CommandGroup)
def group() -> None:
    """All faces of one photo: a compressed file for each, and all of them back in one picture."""


@group.command("encode", cls=Command)
@click.argument("photo", type=InputFile())
@click.argument("folder", type=OutputFolder())
@click.option("--bytes", "max_bytes", type=click.IntRange(1, 65535), help="Largest size of each file. [800]")
@click.option("--quality", type=click.IntRange(0, 255), help="Quality instead of a size.")
@common.refine_option
def encode(photo: Input, folder: Path, max_bytes: int | None, quality: int | None, refine: int) -> None:
    """Compress every face in PHOTO to a file in FOLDER: face-1.hsc for the largest, and group.json with their places.

    Example: python -m hsc group encode friends.jpg friends/ --bytes 600
    """
    from tqdm import tqdm

    from hsc.errors import HSCError
    from hsc.imaging import images, marks
    from hsc.media import group_photo

    if max_bytes is not None and quality is not None:
        raise click.UsageError("Give --bytes or --quality, not both.")
    if (folder / group_photo.MANIFEST).exists():
        raise HSCError(f"{folder} holds a group already: choose another folder.")
    data = photo.read()
    picture = images.open_image(data, photo.name)
    warn(marks.warning(data, photo.name))
    with tqdm(unit="face") as bar:

        def report(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        wanted = 800 if max_bytes is None and quality is None else max_bytes
        made = group_photo.encode(common.load_codec(), picture, wanted, quality, refine, report)
    group_photo.save(made, folder)
    sizes = ", ".join(str(len(member.data)) for member in made.members)
    count = len(made.members)
    say(f"{folder}: {count} face{'' if count == 1 else 's'}, {made.bytes} bytes ({sizes})")


@group.command("decode", cls=Command)
@click.argument("folder", type=InputFolder())
@click.argument("out", type=OutputFile("picture"))
@click.option("--into", type=InputFile(), help="The photo that the faces were cut from. [plain grey]")
@click.option(
    "--edit",
    "edits",
    multiple=True,
    metavar="[N:]NAME=VALUE",
    help="Apply a direction to all faces, or to face N, 1 for the largest; may be repeated.",
)
@click.option("--no-edits", is_flag=True, help="Leave out the edits that are stored in the files.")
@click.option("--restored", is_flag=True, help="With edits, too, show every face as restored, not as in the photo.")
@common.sign_option
def decode(
    folder: Path,
    out: Output,
    into: Input | None,
    edits: tuple[str, ...],
    no_edits: bool,
    restored: bool,
    sign: Input | None,
) -> None:
    """Restore all faces in FOLDER in one picture OUT; - is standard output (PNG).

    Edits change the photo where they act, and leave its other pixels as they are.

    \b
    Examples:
      python -m hsc group decode friends/ friends.png --into friends.jpg
      python -m hsc group decode friends/ smiling.jpg --into friends.jpg --edit smile=0.6 --edit 2:age=0.8
    """
    from tqdm import tqdm

    from hsc.imaging import images
    from hsc.media import group_photo

    loaded = group_photo.load(folder)
    for_all, for_one = _asked(edits, len(loaded.members))
    photo = None if into is None else images.open_image(into.read(), into.name)
    codec = common.load_codec()
    strengths: list[Mapping[str, float]] = []
    for index, member in enumerate(loaded.members):
        stored = {} if no_edits else codec.stored_edits(codec.parse(member.data))
        strengths.append({**stored, **for_all, **for_one.get(index, {})})
    with tqdm(total=len(loaded.members), unit="face") as bar:
        result = group_photo.paste(codec, loaded, photo, strengths, restored, lambda done, _: bar.update())
    told = [
        f"face {index + 1} {name}={value:g}"
        for index, each in enumerate(strengths)
        for name, value in each.items()
        if value
    ]
    note = f"Synthetic: faces restored and edited by HSC ({', '.join(told)})." if told else group_photo.NOTE
    suffix = out.suffix(".png")
    out.write(common.signed(images.as_file(result, suffix, note), suffix, sign, note))
    say(f"{out}: {len(loaded.members)} faces from {loaded.bytes} bytes")


def _asked(edits: tuple[str, ...], faces: int) -> tuple[dict[str, float], dict[int, dict[str, float]]]:
    """Edits of all faces, and those of single ones by index.

    Raises:
        UsageError: a word is no edit, or there is no such face.
    """
    for_all: list[str] = []
    for_one: dict[int, list[str]] = {}
    for edit in edits:
        match = _FOR_ONE.fullmatch(edit)
        if match is None:
            for_all.append(edit)
            continue
        number = int(match[1])
        if not 1 <= number <= faces:
            raise click.UsageError(f"{edit!r} is for a face that is not there: they are 1 to {faces}.")
        for_one.setdefault(number - 1, []).append(match[2])
    return common.strengths_of(tuple(for_all)), {
        index: common.strengths_of(tuple(words)) for index, words in for_one.items()
    }
