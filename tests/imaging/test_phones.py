"""What phones write: HEIC, and more megapixels than are decoded."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageChops, ImageStat

from hsc.errors import ImageError
from hsc.imaging import decoding, images
from hsc.imaging.prechecks import MAX_PIXELS

pillow_heif = pytest.importorskip("pillow_heif", reason="needs pillow-heif")


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    """A soft pattern, 640 x 480."""
    noise = np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8)
    return Image.fromarray(noise).resize((640, 480), Image.Resampling.BICUBIC)


def written(image: Image.Image, **options) -> bytes:
    """A picture as HEIC."""
    buffer = io.BytesIO()
    pillow_heif.from_pillow(image).save(buffer, quality=90, **options)
    return buffer.getvalue()


def error(one: Image.Image, other: Image.Image) -> float:
    """Root mean square difference, 0 to 255."""
    return max(ImageStat.Stat(ImageChops.difference(one, other)).rms)


@pytest.mark.parametrize("opened", [images.open_image, decoding.open_image], ids=["here", "in the worker"])
def test_heic_is_read(picture: Image.Image, opened) -> None:
    read = opened(written(picture))
    assert read.mode == "RGB" and read.size == picture.size and error(read, picture) < 8
    assert not read.info


def test_heic_is_upright(picture: Image.Image) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = picture.transpose(Image.Transpose.ROTATE_90)
    read = decoding.open_image(written(turned, exif=exif.tobytes()))
    assert read.size == picture.size and error(read, picture) < 8


@pytest.mark.parametrize("cut", [0.5, 0.9])
def test_damaged_heic_is_refused_in_a_sentence(picture: Image.Image, cut: float) -> None:
    data = written(picture)
    with pytest.raises(ImageError):
        decoding.open_image(data[: int(cut * len(data))])


@pytest.mark.parametrize("progressive", [False, True])
def test_forty_nine_megapixels_are_scaled_while_they_are_decoded(picture: Image.Image, progressive: bool) -> None:
    buffer = io.BytesIO()
    picture.resize((8160, 6120), Image.Resampling.NEAREST).save(buffer, "JPEG", quality=60, progressive=progressive)
    read = decoding.open_image(buffer.getvalue())
    assert read.size == (4080, 3060) and read.width * read.height <= MAX_PIXELS
    assert error(read.resize((640, 480)), picture) < 8


@pytest.mark.slow
def test_forty_nine_megapixels_of_heic_are_read(picture: Image.Image) -> None:
    large = picture.resize((8160, 6120), Image.Resampling.NEAREST)
    read = decoding.open_image(written(large, enc_params={"preset": "ultrafast"}))
    assert read.size == (4080, 3060) and error(read.resize((640, 480)), picture) < 12


def test_more_than_any_phone_has_is_refused(picture: Image.Image) -> None:
    buffer = io.BytesIO()
    Image.new("L", (9600, 9400)).save(buffer, "JPEG")
    with pytest.raises(ImageError, match="90 megapixels; at most 89"):
        images.open_image(buffer.getvalue())
    buffer = io.BytesIO()
    Image.new("1", (8160, 6120)).save(buffer, "PNG", compress_level=1)
    with pytest.raises(ImageError, match="at most 40"):
        images.open_image(buffer.getvalue())
