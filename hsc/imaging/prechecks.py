"""What a picture file must not claim, checked on its bytes before anything of the claimed size is allocated or decoded.

Checksums and headers are written by whoever made the file. Width times height alone does not bound the work: a TIFF's
tile may be a thousand times its picture, a progressive JPEG may repeat its scans without end, and a comment may be as
long as the file.
"""

from __future__ import annotations

import re

from PIL import Image

from hsc.errors import ImageError

MAX_PIXELS = 40_000_000
"""Largest picture that is decoded, in pixels; checked on the header alone."""
MAX_SCALED = {"JPEG": 89_000_000, "HEIF": 64_000_000}
"""Largest pictures that are made smaller as they are decoded, in pixels: phones write 48 to 50 megapixels. JPEG's
decoder gives half of each side without ever holding the whole; HEIF's holds the whole. Above 89 Pillow itself warns."""
MAX_SIDE = 32_767
"""Longest side that is decoded, in pixels: Pillow keeps a pointer for each row, and no camera makes such strips."""
MAX_SCANS = 64
"""Scans of one JPEG: ten is usual, and each costs as much as decoding the picture once."""
MAX_HEADER = 1 << 16
"""Bytes within which the header of a PPM must end."""
_TILE_WIDTH, _TILE_LENGTH = 322, 323  # TIFF tags
_TILE_SLACK = 1 << 20
"""Pixels that a TIFF tile may have in any case; 256 x 256 and 512 x 512 are usual, for small pictures too."""
_PPM = re.compile(rb"P[1-6]\s")
_COMMENT = re.compile(rb"#[^\r\n]*[\r\n]")


def check_bytes(data: bytes, name: str = "The picture") -> None:
    """Refuse what the bytes of a file give away before a decoder sees them.

    Args:
        data: a whole file.
        name: what to call it in messages.

    Raises:
        ImageError: a JPEG of more than :data:`MAX_SCANS` scans, or a PPM whose header does not end.
    """
    if data.startswith(b"\xff\xd8"):
        # In entropy-coded data 0xFF is always followed by 0 or a restart marker, so this counts no pixels; what the
        # metadata may hold of it, the scans of a thumbnail, the limit has room for.
        if data.count(b"\xff\xda") > MAX_SCANS:
            raise ImageError(f"{name} is a JPEG of more than {MAX_SCANS} scans: no camera or program writes so many.")
    elif _PPM.match(data):
        fields = 3 if data[1:2] in b"14" else 4
        if len(_COMMENT.sub(b" ", data[:MAX_HEADER]).split(maxsplit=fields)) < fields:
            raise ImageError(f"{name} has a header without an end.")


def check_size(image: Image.Image, name: str = "The picture") -> None:
    """Refuse a picture that is too large, before it is decoded.

    Args:
        image: as ``Image.open`` gives it, not loaded yet.
        name: what to call it in messages.

    Raises:
        ImageError: it has more than :data:`MAX_PIXELS` pixels, or :data:`MAX_SCALED` where its format has that; a side
            over :data:`MAX_SIDE`; or it is a TIFF with tiles far larger than itself.
    """
    width, height = image.size
    limit = MAX_PIXELS // 10**6
    if width * height > MAX_SCALED.get(image.format or "", MAX_PIXELS):
        limit = MAX_SCALED.get(image.format or "", MAX_PIXELS) // 10**6
        megapixels = width * height / 1e6
        raise ImageError(f"{name} has {megapixels:.0f} megapixels; at most {limit} megapixels are read.")
    if max(width, height) > MAX_SIDE:
        raise ImageError(f"{name} is {width} x {height} pixels; at most {MAX_SIDE} on a side are read.")
    tags = getattr(image, "tag_v2", None)
    if tags is not None:
        tile = _number(tags.get(_TILE_WIDTH)) * _number(tags.get(_TILE_LENGTH))
        if tile > max(_TILE_SLACK, 2 * width * height):
            raise ImageError(f"{name} has tiles of {tile / 1e6:.0f} megapixels, far more than its picture.")


def scale_down(image: Image.Image) -> Image.Image:
    """Load a picture with at most :data:`MAX_PIXELS` pixels: a larger one with half its sides.

    Args:
        image: as ``Image.open`` gives it, after :func:`check_size`.
    """
    width, height = image.size
    if image.format == "JPEG" and width * height > MAX_PIXELS:
        image.draft(None, (-(-width // 2), -(-height // 2)))
    image.load()
    return image if image.width * image.height <= MAX_PIXELS else image.reduce(2)


def _number(value: object) -> int:
    """A TIFF tag that should be one number; 0 for anything else, which the decoder refuses by itself."""
    if isinstance(value, tuple) and value:
        value = value[0]
    return int(value) if isinstance(value, (int, float)) and value == value and abs(value) < 1e18 else 0
