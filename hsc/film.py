"""A film of one edit sliding over a bitstream."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
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
    others: Mapping[str, float] = MappingProxyType({}), progress: Callable[[int, int], None] | None = None,
) -> list[Image.Image]:
    """``count`` pictures of side ``size`` in which strength goes from one end to the other and back, smoothly.

    Args:
        name: direction that slides.
        others: edits that stay as they are.

    Raises:
        DirectionError: the direction is unknown or a strength is out of range.
    """
    first, last = ends
    pictures = []
    for index in range(count):
        share = 0.5 - 0.5 * math.cos(2 * math.pi * index / count)
        strengths = {**others, name: first + share * (last - first)}
        pictures.append(codec.render(codec.edit(semantics, strengths), size))
        if progress:
            progress(index + 1, count)
    return pictures


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
    suffix = out.suffix.lower()
    if suffix not in (".mp4", ".gif"):
        raise HSCError(f"A film is .mp4 or .gif, not {out.name}.")
    pictures = frames(codec, semantics, name, ends, count, size, others, progress)
    if suffix == ".gif":
        images.save(pictures[0], out, NOTE, save_all=True, append_images=pictures[1:],
                    duration=1000 / FRAMES_PER_SECOND, loop=0)
        return
    import imageio_ffmpeg

    try:
        writer = imageio_ffmpeg.write_frames(str(out), (size, size), fps=FRAMES_PER_SECOND, quality=8,
                                             macro_block_size=8,
                                             output_params=["-metadata", f"comment={NOTE}"])
        writer.send(None)
        for picture in pictures:
            writer.send(np.ascontiguousarray(picture))
        writer.close()
    except OSError as error:
        raise HSCError(f"{out} cannot be written: {error}.") from error
