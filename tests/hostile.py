"""Files that are made to be a burden, as an attacker makes them; every checksum in them is right."""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image


def tiff_with_a_vast_tile(side: int = 46336) -> bytes:
    """A TIFF of 64 x 64 pixels and some 200 bytes whose one LZW tile has ``side`` x ``side``."""
    strip = b"\x80\x0b\x60\x50\x22\x0c\x0c\x85\x01"
    tags = [
        (256, 3, 1, 64), (257, 3, 1, 64), (258, 3, 1, 8), (259, 3, 1, 5), (262, 3, 1, 1), (277, 3, 1, 1),
        (322, 4, 1, side), (323, 4, 1, side), (324, 4, 1, 8), (325, 4, 1, len(strip)),
    ]  # fmt: skip
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(4)
    return b"II*\0" + struct.pack("<I", 8 + len(strip)) + strip + directory


def jpeg_with_scans(repeats: int, side: int = 256) -> bytes:
    """A progressive JPEG of noise whose last scan stands ``repeats`` times more."""
    buffer = io.BytesIO()
    Image.effect_noise((side, side), 60).save(buffer, "JPEG", progressive=True, quality=50)
    data = buffer.getvalue()
    last = data.rindex(b"\xff\xda")
    return data[:-2] + data[last:-2] * repeats + data[-2:]


def png(width: int, height: int) -> bytes:
    """A black PNG, one bit a pixel: a thousand times smaller than it is decoded."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    packer = zlib.compressobj(9)
    row = bytes(1 + (width + 7) // 8)
    rows = 1 + (1 << 20) // len(row)
    body = b"".join(packer.compress(row * min(rows, height - top)) for top in range(0, height, rows)) + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def ppm_with_a_comment(size: int) -> bytes:
    """A PPM of one pixel with a comment of ``size`` bytes in its header."""
    return b"P6\n#" + b"x" * size + b"\n1 1\n255\n\0\0\0"


def ppm_in_words(side: int) -> bytes:
    """A square PPM whose values are written out in decimal, which Pillow reads in Python."""
    return b"P3\n%d %d\n255\n" % (side, side) + b"7 " * (3 * side * side)
