"""Films of a file: how it arrives layer by layer, and what it looked like before and after."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from PIL import Image

from hsc import bitstream
from hsc.codec import Codec
from hsc.errors import HSCError
from hsc.imaging import corner_mark, images
from hsc.media import morph

HOLD, FADE, END = 9, 5, 24
"""Frames that a layer is shown, that it takes to appear, and that the whole is shown at the end."""
_WIPE = 24
NOTE = "Synthetic: a face restored by HSC from ever more bytes of a file."


def stages(codec: Codec, data: bytes, size: int) -> Iterator[tuple[int, str, Image.Image]]:
    """Bytes received, the layer that is complete with them, and the picture of that prefix: from nothing to the whole.

    Args:
        data: a whole file; edits in it come with its last bytes.
        size: side of the pictures, 1024, 512 or 256.
    """
    yield 0, "nothing", codec.decode(b"", size)
    whole = codec.parse(data)
    ends = [(layer.end, layer.name) for layer in whole.layers]
    for end, name in ends[:-1]:
        yield end, name, codec.decode(bitstream.truncate(data, end), size)
    if ends:
        yield len(data), ends[-1][1], codec.decode(data, size)


def frames(shown: list[tuple[int, str, Image.Image]]) -> Iterator[Image.Image]:
    """The film of :func:`stages`: each is faded in and says how many bytes it has."""
    before = None
    for received, name, picture in shown:
        labelled = corner_mark.draw(picture, f"{received:,} bytes: {name}")
        for step in range(1, FADE + 1):
            yield labelled if before is None else Image.blend(before, labelled, step / FADE)
        yield from [labelled] * HOLD
        before = labelled
    if before is not None:
        yield from [before] * END


def write(
    codec: Codec, data: bytes, out: Path, size: int = 512, progress: Callable[[int, int], None] | None = None
) -> None:
    """Write the film of a file arriving, ``.mp4`` or ``.gif``.

    Args:
        progress: called with layers rendered and all of them.

    Raises:
        HSCError: another suffix, or the file cannot be written.
    """
    total, shown = len(codec.parse(data).layers) + 1, []
    for stage in stages(codec, data, size):
        shown.append(stage)
        if progress:
            progress(len(shown), total)
    save(frames(shown), out, size, NOTE)


def wipe(before: Image.Image, after: Image.Image) -> Iterator[Image.Image]:
    """A divider that goes over two pictures of one size and back, with a rest at both ends."""
    width, height = after.size
    there = [before] * (_WIPE // 2)
    for step in range(_WIPE + 1):
        at, frame = round(width * step / _WIPE), before.copy()
        frame.paste(after.crop((0, 0, at, height)), (0, 0))
        if 0 < at < width:
            frame.paste("white", (max(0, at - 1), 0, min(width, at + 1), height))
        there.append(frame)
    yield from there
    yield from [after] * (_WIPE // 2)
    yield from reversed(there[_WIPE // 2 :])


def save(pictures: Iterator[Image.Image], out: Path, size: int, note: str) -> None:
    """Write pictures of one size as ``.mp4`` or ``.gif``, by the suffix.

    Raises:
        HSCError: another suffix, or the file cannot be written.
    """
    suffix = out.suffix.lower()
    if suffix == ".mp4":
        morph.write_mp4(pictures, out, size)
    elif suffix == ".gif":
        first = next(pictures)
        duration = 1000 / morph.FRAMES_PER_SECOND
        images.save(first, out, note, save_all=True, append_images=pictures, duration=duration, loop=0)
    else:
        raise HSCError(f"A film is .mp4 or .gif, not {out.name}.")
