"""Pictures as the codecs need them: RGB arrays, 10-bit Y'CbCr planes, and a size that survives the trip."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from PIL import Image

from hsc.baselines.protocol import BaselineError

_KR, _KB = 0.2126, 0.0722  # ITU-R BT.709
_KG = 1.0 - _KR - _KB
#: Scales at which a picture may be coded; a file that was not coded as it is says which of them it has.
SCALES = (1.0, 3 / 4, 1 / 2, 3 / 8, 1 / 4, 3 / 16, 1 / 8, 1 / 16, 1 / 32)
_MAGIC = 0x50  # plus the number of the scale; start codes begin with 0x00, streams of OBUs with 0x12


def to_rgb(image: Image.Image) -> Image.Image:
    """See `hsc.imaging.images.to_rgb`.

    Raises:
        BaselineError: the picture has no pixels.
        ImageError: it has values that are no colours.
    """
    from hsc.imaging import images  # brings torch with it, which takes seconds

    if 0 in image.size:
        raise BaselineError("the picture has no pixels")
    return images.to_rgb(image)


def pad_to(rgb: np.ndarray, width: int, height: int) -> np.ndarray:
    """Repeat the last row and column of (H, W, 3) pixels until it is `width` by `height`."""
    return np.pad(rgb, ((0, height - rgb.shape[0]), (0, width - rgb.shape[1]), (0, 0)), mode="edge")


def rgb_to_yuv420p10(rgb: np.ndarray) -> bytes:
    """Planar 10-bit Y'CbCr 4:2:0, BT.709, limited range, little-endian (`yuv420p10le`).

    Chroma is the mean of each 2x2 block (centre-sited), so that `yuv420p10_to_rgb` has no shift.

    Args:
        rgb: (H, W, 3) uint8, even sides.
    """
    red, green, blue = np.moveaxis(rgb.astype(np.float32) / 255.0, -1, 0)
    luma = _KR * red + _KG * green + _KB * blue
    blue_difference = _block_mean(blue - luma) / (2.0 * (1.0 - _KB))
    red_difference = _block_mean(red - luma) / (2.0 * (1.0 - _KR))
    planes = (64.0 + 876.0 * luma, 512.0 + 896.0 * blue_difference, 512.0 + 896.0 * red_difference)
    return b"".join(np.rint(plane).astype("<u2").tobytes() for plane in planes)


def yuv420p10_to_rgb(data: bytes, width: int, height: int) -> np.ndarray:
    """The inverse of `rgb_to_yuv420p10`: chroma interpolated linearly between block centres.

    Returns:
        (H, W, 3) uint8.

    Raises:
        BaselineError: `data` is not one picture of this size.
    """
    samples = np.frombuffer(data, "<u2") if len(data) % 2 == 0 else np.empty(0, "<u2")
    area, chroma_shape = width * height, (-(-height // 2), -(-width // 2))
    chroma_area = chroma_shape[0] * chroma_shape[1]
    if samples.size != area + 2 * chroma_area:
        raise BaselineError(f"the decoder gave {len(data)} bytes, which are not one picture of {width}x{height} pixels")
    luma, blue_difference, red_difference = np.split(samples.astype(np.float32), [area, area + chroma_area])
    luma = (luma.reshape(height, width) - 64.0) / 876.0
    blue_difference, red_difference = (
        _interpolate(_interpolate((plane.reshape(chroma_shape) - 512.0) / 896.0, 0), 1)[:height, :width]
        for plane in (blue_difference, red_difference)
    )
    blue = luma + 2.0 * (1.0 - _KB) * blue_difference
    red = luma + 2.0 * (1.0 - _KR) * red_difference
    green = (luma - _KR * red - _KB * blue) / _KG
    return np.rint(255.0 * np.clip(np.stack([red, green, blue], axis=-1), 0.0, 1.0)).astype(np.uint8)


def _block_mean(plane: np.ndarray) -> np.ndarray:
    """(H, W) -> (H/2, W/2)."""
    height, width = plane.shape
    return plane.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3))


def _interpolate(plane: np.ndarray, axis: int) -> np.ndarray:
    """Twice as many samples along `axis`, each 3/4 of the nearer and 1/4 of the farther centre."""
    before = np.concatenate([plane.take([0], axis), plane.take(range(plane.shape[axis] - 1), axis)], axis)
    after = np.concatenate([plane.take(range(1, plane.shape[axis]), axis), plane.take([-1], axis)], axis)
    pairs = np.stack([0.75 * plane + 0.25 * before, 0.75 * plane + 0.25 * after], axis + 1)
    shape = list(plane.shape)
    shape[axis] *= 2
    return pairs.reshape(shape)


@dataclass(frozen=True)
class Frame:
    """How a picture lies in the coded one: scaled to `coded_size`, then padded to even sides that are large
    enough.

    Attributes:
        width, height: of the picture, in pixels.
        scale: index into `SCALES`.
    """

    width: int
    height: int
    scale: int = 0

    @property
    def coded_size(self) -> tuple[int, int]:
        """(width, height) after scaling."""
        width, height = (max(round(side * SCALES[self.scale]), 1) for side in (self.width, self.height))
        return width, height

    def padded_size(self, at_least: int) -> tuple[int, int]:
        """(width, height) after padding: what the encoder sees."""
        width, height = (max(side + side % 2, at_least) for side in self.coded_size)
        return width, height

    def write(self, stream: bytes, at_least: int) -> bytes:
        """The file: the stream as it is where it says all, else after 3 to 7 bytes of scale and size."""
        if self.scale == 0 and self.padded_size(at_least) == (self.width, self.height):
            return stream
        return bytes([_MAGIC + self.scale]) + varint(self.width) + varint(self.height) + stream

    @staticmethod
    def read(data: bytes) -> tuple[bytes, Frame | None]:
        """The stream, and its frame where the file has one.

        Raises:
            BaselineError: the size is cut off or senseless.
        """
        if not data or not _MAGIC <= data[0] < _MAGIC + len(SCALES):
            return data, None
        width, position = read_varint(data, 1)
        height, position = read_varint(data, position)
        if not (0 < width <= 1 << 15 and 0 < height <= 1 << 15):
            raise BaselineError(f"the file gives its picture a size of {width}x{height}")
        return data[position:], Frame(width, height, data[0] - _MAGIC)


def check_pixels(name: str, width: int, height: int) -> None:
    """Refuse a size that no file of a learned codec has: their networks take gigabytes for what lies beyond.

    Raises:
        BaselineError: it has no pixels, or more than `hsc.imaging.images.MAX_PIXELS`.
    """
    from hsc.imaging.images import MAX_PIXELS

    if not (width > 0 and height > 0 and width * height <= MAX_PIXELS):
        raise BaselineError(f"{name} takes pictures of 1 to {MAX_PIXELS // 10**6} million pixels, not {width}x{height}")


def seal(data: bytes) -> bytes:
    """Append a checksum of two bytes: an entropy decoder may read past the end of a stream that is cut."""
    return data + (zlib.crc32(data) & 0xFFFF).to_bytes(2, "big")


def unseal(name: str, data: bytes) -> bytes:
    """What was given to `seal`.

    Raises:
        BaselineError: the file is cut, damaged or of another codec.
    """
    body = data[:-2]
    if len(data) < 3 or seal(body) != data:
        raise BaselineError(f"{name} decoding failed: the file is cut, damaged or of another codec")
    return body


def varint(number: int) -> bytes:
    """LEB128: seven bits a byte, least significant first."""
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def read_varint(data: bytes, position: int) -> tuple[int, int]:
    """The number at `position`, and the position after it.

    Raises:
        BaselineError: it is cut off, or longer than 28 bits.
    """
    number = 0
    for shift in range(0, 28, 7):
        if position >= len(data):
            break
        byte = data[position]
        position += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, position
    raise BaselineError("the file ends within its header, or its header is damaged")
