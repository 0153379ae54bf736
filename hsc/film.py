"""A film of one edit sliding over a bitstream."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
from PIL import Image

from hsc import images
from hsc.codec import Codec, Semantics
from hsc.errors import HSCError

FRAMES_PER_SECOND = 24
NOTE = "Synthetic: a face restored and edited by HSC."


def frames(
    codec: Codec, semantics: Semantics, name: str, ends: tuple[float, float], count: int, size: int,
    others: Mapping[str, float] = MappingProxyType({}),
) -> Iterator[Image.Image]:
    """``count`` pictures of side ``size`` in which strength goes from one end to the other and back, smoothly.

    Args:
        name: direction that slides.
        others: edits that stay as they are.

    Raises:
        DirectionError: the direction is unknown or a strength is out of range.
    """
    first, last = ends
    for index in range(count):
        share = 0.5 - 0.5 * math.cos(2 * math.pi * index / count)
        yield codec.render(codec.edit(semantics, {**others, name: first + share * (last - first)}), size)


def write(
    codec: Codec, semantics: Semantics, name: str, ends: tuple[float, float], out: Path, count: int = 48,
    size: int = 512, others: Mapping[str, float] = MappingProxyType({}),
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write the film as ``.mp4`` or ``.gif``, by the suffix of ``out``; its metadata say that it is synthetic.

    Raises:
        HSCError: another suffix, or the file cannot be written.
        DirectionError: see :func:`frames`.
    """
    import directions  # which the codec does without until something is edited

    suffix = out.suffix.lower()
    if suffix not in (".mp4", ".gif"):
        raise HSCError(f"A film is .mp4 or .gif, not {out.name}.")
    if not out.parent.is_dir():
        raise HSCError(f"{out} cannot be written: there is no such folder.")
    for strength in ends:
        directions.combine({**others, name: strength})
    pictures = _counted(frames(codec, semantics, name, ends, count, size, others), count, progress)
    if suffix == ".gif":
        first = next(pictures)
        images.save(first, out, NOTE, save_all=True, append_images=pictures, duration=1000 / FRAMES_PER_SECOND, loop=0)
    else:
        _write_mp4(pictures, out, size)


def _counted(
    pictures: Iterator[Image.Image], count: int, progress: Callable[[int, int], None] | None
) -> Iterator[Image.Image]:
    for done, picture in enumerate(pictures, 1):
        if progress:
            progress(done, count)
        yield picture


def _write_mp4(pictures: Iterator[Image.Image], out: Path, size: int) -> None:
    import imageio_ffmpeg

    try:
        writer = imageio_ffmpeg.write_frames(str(out), (size, size), fps=FRAMES_PER_SECOND, quality=8,
                                             macro_block_size=8, output_params=["-metadata", f"comment={NOTE}"])
        writer.send(None)
        for picture in pictures:
            writer.send(np.ascontiguousarray(picture))
        writer.close()
    except OSError as error:  # its text is all that ffmpeg printed
        raise HSCError(f"{out} cannot be written.") from error
    if not out.is_file() or not out.stat().st_size:
        raise HSCError(f"{out} cannot be written.")
