import numpy as np
import pytest
from PIL import Image

from hsc.baselines.pixels import SCALES, Frame, pad_to, rgb_to_yuv420p10, to_rgb, yuv420p10_to_rgb
from hsc.baselines.protocol import BaselineError


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return 10 * np.log10(255**2 / np.mean((a.astype(float) - b.astype(float)) ** 2))


@pytest.mark.parametrize(
    "colour, expected",
    [  # ITU-R BT.709, 10 bit: white, black, and red with Y' = 64 + 876 * 0.2126, Cr at its limit of 960
        ((255, 255, 255), (940, 512, 512)),
        ((0, 0, 0), (64, 512, 512)),
        ((255, 0, 0), (250, 409, 960)),
    ],
)
def test_known_colours(colour, expected):
    rgb = np.full((2, 2, 3), colour, np.uint8)
    samples = np.frombuffer(rgb_to_yuv420p10(rgb), "<u2")
    assert tuple(samples[[0, 4, 5]]) == expected
    assert np.array_equal(yuv420p10_to_rgb(samples.tobytes(), 2, 2), rgb)


def test_grey_survives_unchanged():
    grey = np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), 3, axis=2)
    assert np.array_equal(yuv420p10_to_rgb(rgb_to_yuv420p10(grey), 16, 16), grey)


def test_chroma_has_no_shift():
    """A linear ramp of chroma comes back where it was: a half-sample shift would move every value by two."""
    ramp = np.arange(0, 256, 4, dtype=np.uint8)
    rgb = np.stack(np.broadcast_arrays(ramp[None, :], np.uint8(128), 255 - ramp[:, None]), -1).astype(np.uint8)
    back = yuv420p10_to_rgb(rgb_to_yuv420p10(rgb), 64, 64).astype(int)
    assert np.abs(back - rgb)[2:-2, 2:-2].max() <= 1


def test_wrong_length_is_refused():
    with pytest.raises(BaselineError, match="4x4"):
        yuv420p10_to_rgb(bytes(47), 4, 4)


def test_padding_repeats_the_edge():
    padded = pad_to(np.arange(12, dtype=np.uint8).reshape(2, 2, 3), 4, 3)
    assert padded.shape == (3, 4, 3)
    assert np.array_equal(padded[2, 3], [9, 10, 11])


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16"])
def test_every_mode_becomes_rgb(mode):
    image = Image.new("RGBA", (3, 2), (10, 20, 30, 0)).convert(mode) if mode != "I;16" else Image.new("I;16", (3, 2))
    assert to_rgb(image).mode == "RGB"
    assert to_rgb(image).size == (3, 2)


def test_transparency_is_white():
    assert to_rgb(Image.new("RGBA", (1, 1), (10, 20, 30, 0))).getpixel((0, 0)) == (255, 255, 255)


def test_a_picture_without_pixels_is_refused():
    with pytest.raises(BaselineError, match="no pixels"):
        to_rgb(Image.new("RGB", (0, 5)))


@pytest.mark.parametrize("size", [(1, 1), (17, 31), (1024, 1024), (5000, 3)])
@pytest.mark.parametrize("scale", range(len(SCALES)))
def test_frame_round_trip(size, scale):
    frame = Frame(*size, scale)
    data = frame.write(b"\x00\x00\x01stream", 16)
    stream, read = Frame.read(data)
    assert stream == b"\x00\x00\x01stream"
    if size == (1024, 1024) and scale == 0:
        assert read is None and len(data) == len(stream)
    else:
        assert read == frame
        assert len(data) - len(stream) <= 7


@pytest.mark.parametrize("data", [b"P", b"P\x80", b"P\x80\x80\x80\x80\x80", b"P\x00\x05", b"P\xff\xff\xff\x7f\x05"])
def test_damaged_frame_is_refused(data):
    with pytest.raises(BaselineError):
        Frame.read(data)
