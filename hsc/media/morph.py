"""A film of one edit sliding over a bitstream."""

from __future__ import annotations

import contextlib
import math
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from PIL import Image

from hsc.baselines import ffmpeg
from hsc.codec import Codec
from hsc.editing.registry import direction_set
from hsc.errors import HSCError
from hsc.imaging import images, marks, provenance
from hsc.imaging.provenance import DigitalSource
from hsc.runtime import atomic
from hsc.runtime.names import for_program, shown
from hsc.semantics import Semantics

FRAMES_PER_SECOND = 24
NOTE = "Synthetic: a face restored and edited by HSC."
_INPUT = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-r", str(FRAMES_PER_SECOND)]
_COLOURS = "bt709"
_CONVERSION = f"scale=out_color_matrix={_COLOURS}:out_range=tv:flags=bicubic+accurate_rnd+full_chroma_int"
_TAGS = f"setparams=range=tv:colorspace={_COLOURS}:color_primaries={_COLOURS}:color_trc={_COLOURS}"
_OUTPUT = [
    "-an", "-vf", f"{_CONVERSION},format=yuv420p,{_TAGS}", "-c:v", "libx264", "-crf", "10",
    "-metadata", f"comment={NOTE}", "-movflags", "+faststart",
]  # fmt: skip
_NO_SPACE = "No space left on device"


def frames(
    codec: Codec,
    semantics: Semantics,
    name: str,
    ends: tuple[float, float],
    count: int,
    size: int,
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
    there: list[Image.Image] = []  # the way back shows the same pictures
    for index in range(count):
        if index <= count // 2:
            share = 0.5 - 0.5 * math.cos(2 * math.pi * index / count)
            strengths = {**others, name: first + share * (last - first)}
            there.append(codec.render(codec.edit(semantics, strengths), size))
        yield there[min(index, count - index)]


def write(
    codec: Codec,
    semantics: Semantics,
    name: str,
    ends: tuple[float, float],
    out: Path,
    count: int = 48,
    size: int = 512,
    others: Mapping[str, float] = MappingProxyType({}),
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write the film as ``.mp4`` or ``.gif``, by the suffix of ``out``; its metadata say that it is synthetic.

    The file appears complete or not at all.

    Raises:
        HSCError: another suffix, or the file cannot be written.
        DirectionError: see :func:`frames`.
    """
    directions = direction_set()

    suffix = out.suffix.lower()
    if suffix not in (".mp4", ".gif"):
        raise HSCError(f"A film is .mp4 or .gif, not {shown(out.name)}.")
    if not out.parent.is_dir():
        raise HSCError(f"{shown(out)} cannot be written: there is no such folder.")
    for strength in ends:
        list(directions.movements({**others, name: strength}))
    pictures = _counted(frames(codec, semantics, name, ends, count, size, others), count, progress)
    if suffix == ".gif":
        first = next(pictures)
        images.save(first, out, NOTE, save_all=True, append_images=pictures, duration=1000 / FRAMES_PER_SECOND, loop=0)
    else:
        write_mp4(pictures, out, size)


def _counted(
    pictures: Iterator[Image.Image], count: int, progress: Callable[[int, int], None] | None
) -> Iterator[Image.Image]:
    for done, picture in enumerate(pictures, 1):
        if progress:
            progress(done, count)
        yield picture


def write_mp4(pictures: Iterable[Image.Image], out: Path, size: int) -> None:
    """Write pictures (sRGB, ``size`` x ``size``) as an H.264 film that says in which colours it is.

    ffmpeg by itself converts RGB by the matrix of BT.601 and leaves the film untagged, so that players, which expect
    BT.709 of anything this large, show other colours. Here matrix, range and tags are those of BT.709.

    Raises:
        HSCError: the film cannot be written, or there is no ffmpeg that has H.264.
    """
    missing = ffmpeg.missing("libx264", "h264")
    if missing:
        raise HSCError(f"{shown(out)} cannot be written: {missing}.")
    with atomic.replacing(out) as path:
        _encode(pictures, [*_INPUT, "-s", f"{size}x{size}", "-i", "-", *_OUTPUT, for_program(path)], out)
        provenance.mark_mp4(path, provenance.xmp(DigitalSource.EDITED, NOTE, marks.SOFTWARE))


def _encode(pictures: Iterable[Image.Image], arguments: list[str], out: Path) -> None:
    """Send pictures to ffmpeg.

    Raises:
        HSCError: it does not write the film.
    """
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(
            [ffmpeg.executable(), "-hide_banner", "-loglevel", "error", "-y", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=complaints,
        )
        channel = process.stdin
        assert channel is not None  # it is a pipe
        try:
            with contextlib.suppress(BrokenPipeError):  # it has ended, and says why
                for picture in pictures:
                    channel.write(picture.convert("RGB").tobytes())
            with contextlib.suppress(BrokenPipeError):
                channel.close()
            process.wait()
        finally:
            if process.poll() is None:  # an interrupt, or a picture that could not be made
                process.kill()
                process.wait()
        if process.returncode:
            complaints.seek(0)
            why = _NO_SPACE if (said := complaints.read()).count(_NO_SPACE.encode()) else ffmpeg.first_complaint(said)
            raise HSCError(f"{shown(out)} cannot be written: {why}.")
