"""Pictures of strangers: the same pixels as in this process, and bounded time and memory whatever the file says."""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from hsc import paths
from hsc.errors import ImageError
from hsc.imaging import decode_worker, images, prechecks
from hsc.imaging.decoding import DecodingPool
from tests import hostile

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the system bounds memory and CPU time here")


@pytest.fixture
def pool() -> Iterator[DecodingPool]:
    pool = DecodingPool()
    yield pool
    pool.close()


def _file(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _files() -> dict[str, bytes]:
    """Pictures of many kinds, higher than one strip is."""
    values = np.random.default_rng(0).integers(0, 255, (70, 50, 4), np.uint8)
    rgba = Image.fromarray(values)
    rgb, grey = rgba.convert("RGB"), rgba.convert("L")
    turned = Image.Exif()
    turned[0x0112] = 6
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    deep = Image.fromarray((np.asarray(grey, np.uint16) * 257).astype(np.uint16))
    return {
        "jpeg": _file(rgb, "JPEG", exif=turned),
        "profile": _file(rgb, "PNG", icc_profile=profile),
        "alpha": _file(rgba, "PNG"),
        "palette": _file(rgb.quantize(16), "PNG", transparency=3),
        "deep": _file(deep, "PNG"),
        "cmyk": _file(rgb.convert("CMYK"), "JPEG"),
        "webp": _file(rgba, "WEBP"),
        "float": _file(Image.fromarray(np.asarray(grey, np.float32) / 255), "TIFF"),
        "tiff": _file(rgb, "TIFF", compression="tiff_lzw"),
        "gif": _file(rgb.quantize(64), "GIF"),
    }


@pytest.mark.parametrize("kind", list(_files()))
def test_strips_give_the_very_picture(kind: str, monkeypatch) -> None:
    monkeypatch.setattr(decode_worker, "STRIP_PIXELS", 500)
    data = _files()[kind]
    width, height, strips = decode_worker.decoded(data)
    found = b"".join(pixels for _, pixels in strips)
    expected = images.open_image(data)
    assert (width, height) == expected.size and found == expected.tobytes()


def test_a_worker_gives_the_very_picture_and_serves_on(pool: DecodingPool) -> None:
    data = (paths.assets() / "examples" / "astronaut.png").read_bytes()
    first, second = pool.open_image(data), pool.open_image(data)
    assert first.mode == "RGB" and first.tobytes() == second.tobytes() == images.open_image(data).tobytes()


def test_what_is_refused_is_refused_in_the_same_words(pool: DecodingPool) -> None:
    for data in (b"", b"no picture", _files()["jpeg"][:400], hostile.tiff_with_a_vast_tile()):
        with pytest.raises(ImageError) as expected:
            images.open_image(data)
        with pytest.raises(ImageError) as found:
            pool.open_image(data)
        assert str(found.value) == str(expected.value)
    assert pool.open_image(_files()["alpha"]).size == (50, 70)


@pytest.mark.parametrize("read", [images.open_image, None], ids=["here", "worker"])
@pytest.mark.parametrize(
    ("data", "said"),
    [
        (hostile.tiff_with_a_vast_tile(), "tiles of 2147 megapixels"),
        (hostile.jpeg_with_scans(1500), "more than 64 scans"),
        (hostile.png(1, 39_000_000), "1 x 39000000 pixels"),
        (hostile.png(10_000, 10_000), "100 megapixels"),
        (hostile.ppm_with_a_comment(1_000_000), "header without an end"),
    ],
    ids=["tile", "scans", "thin", "large", "comment"],
)
def test_a_burden_is_refused_before_it_is_decoded(data: bytes, said: str, read, pool: DecodingPool) -> None:
    with pytest.raises(ImageError, match=said):
        (read or pool.open_image)(data)


def test_what_cameras_and_programs_write_is_read() -> None:
    assert images.open_image(hostile.jpeg_with_scans(20)).size == (256, 256)
    assert images.open_image(hostile.ppm_with_a_comment(500)).size == (1, 1)
    tiles = {322: 256, 323: 256}
    assert images.open_image(_file(Image.new("RGB", (64, 64)), "TIFF", tiffinfo=tiles)).size == (64, 64)


@linux
def test_a_decoder_that_takes_too_long_is_ended_and_the_next_picture_read() -> None:
    pool = DecodingPool(seconds=1)
    data = hostile.ppm_in_words(3000)
    start = time.monotonic()
    with pytest.raises(ImageError, match="too much time or memory"):
        pool.open_image(data)
    assert time.monotonic() - start < 30
    assert pool.open_image(_files()["alpha"]).size == (50, 70)
    pool.close()


@linux
def test_a_decoder_that_takes_too_much_memory_is_refused_and_the_next_picture_read() -> None:
    pool = DecodingPool(memory=90_000_000)
    with pytest.raises(ImageError):
        pool.open_image(hostile.png(8000, 5000))
    assert pool.open_image(_files()["alpha"]).size == (50, 70)
    pool.close()


@linux
def test_a_worker_that_has_grown_makes_room(pool: DecodingPool, monkeypatch) -> None:
    assert pool.open_image(hostile.png(8000, 5000)).size == (8000, 5000)
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    grown = [child for child in children if "decode_worker" in Path(f"/proc/{child}/cmdline").read_text()]
    large = [child for child in grown if int(Path(f"/proc/{child}/statm").read_text().split()[1]) * 4096 > 100_000_000]
    assert not large


@linux
def test_a_worker_steps_back_behind_whoever_reads_nothing(pool: DecodingPool) -> None:
    pool.open_image(_files()["alpha"])
    assert os.getpriority(os.PRIO_PROCESS, pool._free.queue[0].pid) >= 10


def test_a_closed_pool_has_no_process_left() -> None:
    pool = DecodingPool()
    pool.open_image(_files()["alpha"])
    worker = pool._free.queue[0]
    pool.close()
    assert worker.poll() is not None


def test_limits_are_those_that_are_documented() -> None:
    assert images.MAX_PIXELS == prechecks.MAX_PIXELS == 40_000_000 and prechecks.MAX_SCANS >= 20
