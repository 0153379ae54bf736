"""`python -m hsc blend`: a face between those of two compressed files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hsc.cli import common
from hsc.cli.files import Command, Input, InputFile, Output, OutputFile, say, warn

if TYPE_CHECKING:
    import numpy as np

    from hsc.codec import Codec
    from hsc.semantics import Semantics

_SHARE = click.FloatRange(0, 1)


@click.command(cls=Command)
@click.argument("first", type=InputFile())
@click.argument("second", type=InputFile())
@click.argument("out", type=OutputFile("picture"))
@click.option("--amount", type=_SHARE, default=0.5, show_default=True, help="0 is FIRST, 1 is SECOND.")
@click.option("--features", type=_SHARE, help="The same for F alone; --amount is S's then. [--amount]")
@click.option("--size", type=click.Choice(common.SIZES), default="1024", show_default=True)
@common.sign_option
def blend(
    first: Input, second: Input, out: Output, amount: float, features: float | None, size: str, sign: Input | None
) -> None:
    """Blend the faces of the files FIRST and SECOND, their stored edits included, into the picture OUT.

    \b
    Examples:
      python -m hsc blend me.hsc you.hsc us.png
      python -m hsc blend me.hsc you.hsc mine.png --amount 0 --features 1    # S of FIRST, F of SECOND
    """
    from hsc.imaging import images

    coded = [common.read_coded(file) for file in (first, second)]
    codec = common.load_codec()
    one, other = (_edited(codec, data) for data in coded)
    share = amount if features is None else features
    points = None if share in (0, 1) else _landmarks(codec, one, other)
    picture = codec.render(codec.blend(one, other, amount, features, points), int(size))
    note = f"Synthetic: two faces blended by HSC (S {amount:g}, F {share:g} of the second)."
    suffix = out.suffix(".png")
    out.write(common.signed(images.as_file(picture, suffix, note), suffix, sign, note))
    say(f"{out}: {len(coded[0])} and {len(coded[1])} bytes")


def _edited(codec: Codec, data: bytes) -> Semantics:
    semantics = codec.parse(data)
    return codec.edit(semantics, codec.stored_edits(semantics))


def _landmarks(codec: Codec, *faces: Semantics) -> tuple[np.ndarray, np.ndarray] | None:
    """Those of both faces; None, with a note, where they cannot be found."""
    from hsc.imaging import alignment

    try:
        one, other = (alignment.landmarks_of(codec.render(face, 512)) for face in faces)
    except ModuleNotFoundError:
        warn(["Landmarks need dlib (pip install 'hsc-studio[encode]'): without them the blend may show two mouths."])
        return None
    if one is None or other is None:
        warn(["No landmarks were found in one of the faces: the blend may show two mouths."])
        return None
    return one, other
