"""The process in which strangers' pictures are decoded: few rights, bounded time and memory, no networks.

Started by :mod:`hsc.imaging.decoding`, which talks to it over its standard input and output. Integers are unsigned and
little-endian.

    to the worker     length (8 bytes), the bytes of a picture file
    from the worker   b"P", width and height (4 bytes each), then strips from top to bottom:
                          rows (4 bytes), rows x width x 3 bytes of 8-bit sRGB; 0 rows end the picture
                      b"E", length (4 bytes), one sentence in UTF-8
                      after either: one byte, 1 if the worker serves on, 0 if it ends to make room for a fresh one
"""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Iterator

from PIL import Image, ImageOps

from hsc.errors import ImageError
from hsc.imaging import images
from hsc.runtime import threads

STRIP_PIXELS = 2_000_000
"""Pixels that are converted and handed over at a time, so that a picture is not in memory several times over."""
RETIRE = 200_000_000
"""Bytes of memory at its peak after which a worker makes room for a fresh one: what it took goes back for certain."""


def main() -> None:
    """Serve until the input ends; the arguments are seconds of CPU for each picture, and bytes of memory in all."""
    seconds, memory = int(sys.argv[1]), int(sys.argv[2])
    channel_in, channel_out = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not get between the pixels
    Image.init()
    threads.step_back()  # a burden on others as little in time as in memory
    _limit_memory(memory)
    while header := channel_in.read(8):
        data = channel_in.read(struct.unpack("<Q", header)[0])
        _limit_time(seconds)
        try:
            width, height, strips = decoded(data)
            channel_out.write(b"P" + struct.pack("<II", width, height))
            for rows, pixels in strips:
                channel_out.write(struct.pack("<I", rows))
                channel_out.write(pixels)
            channel_out.write(struct.pack("<I", 0))
        except ImageError as error:
            said = str(error).encode()
            channel_out.write(b"E" + struct.pack("<I", len(said)) + said)
        stays = _peak() <= RETIRE
        channel_out.write(bytes([stays]))
        channel_out.flush()
        if not stays:
            return


def decoded(data: bytes) -> tuple[int, int, Iterator[tuple[int, bytes]]]:
    """Width, height and strips of a picture as :func:`hsc.imaging.images.to_rgb` gives it.

    Raises:
        ImageError: see :func:`hsc.imaging.images.open_image`. Nothing is raised while strips are taken, but for want
            of memory, which ends the process.
    """
    image = images.load(data)
    try:
        ImageOps.exif_transpose(image, in_place=True)
    except Exception:  # Pillow parses EXIF loosely and fails in many ways; the pixels are good all the same
        pass
    image.info.pop("exif", None)  # applied; a strip must not be turned again
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = images.to_rgb(image)  # the range is that of the whole picture
    return image.width, image.height, _strips(image)


def _strips(image: Image.Image) -> Iterator[tuple[int, bytes]]:
    height = max(1, STRIP_PIXELS // image.width)
    for top in range(0, image.height, height):
        bottom = min(top + height, image.height)
        strip = image.crop((0, top, image.width, bottom))
        yield bottom - top, images.to_rgb(strip).tobytes()


def _limit_memory(limit: int) -> None:
    try:
        import resource
    except ImportError:  # Windows: time alone is bounded, by whoever waits
        return
    for kind, value in ((resource.RLIMIT_DATA, limit), (resource.RLIMIT_AS, 2 * limit), (resource.RLIMIT_CORE, 0)):
        _, hard = resource.getrlimit(kind)
        if hard == resource.RLIM_INFINITY or value < hard:
            resource.setrlimit(kind, (value, hard))


def _limit_time(seconds: int) -> None:
    """So many more seconds of CPU from here, and the system ends this process."""
    try:
        import resource
    except ImportError:
        return
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    limit = int(usage.ru_utime + usage.ru_stime) + 1 + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (limit, hard))


def _peak() -> int:
    """Most bytes of memory that this process had; getrusage counts those of the process that started it as well."""
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        return 0


if __name__ == "__main__":
    main()
