"""Every kind of picture file gives plain RGB or one clear sentence."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from hsc.errors import HSCError, ImageError
from hsc.imaging import images

SIZE = (40, 24)


def gradient(channels: int = 3) -> np.ndarray:
    """A smooth picture (24, 40, channels) whose four corners differ."""
    y, x = np.mgrid[0:1:24j, 0:1:40j]
    return np.stack([255 * x, 255 * y, 255 * (1 - x), 255 * y * x][:channels], axis=-1).round().astype(np.uint8)


def saved(image: Image.Image, format: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def difference(image: Image.Image, expected: np.ndarray) -> float:
    assert image.mode == "RGB"
    return np.abs(np.asarray(image, dtype=float) - expected).mean()


@pytest.mark.parametrize("format", ["PNG", "WEBP", "BMP", "TIFF", "PPM", "GIF", "JPEG", "AVIF"])
def test_formats(format: str) -> None:
    options = {"quality": 95} if format in ("JPEG", "AVIF") else {"lossless": True} if format == "WEBP" else {}
    data = saved(Image.fromarray(gradient()), format, **options)
    assert difference(images.open_image(data), gradient()) < 6


def test_sources_are_equal(tmp_path: Path) -> None:
    data = saved(Image.fromarray(gradient()), "PNG")
    path = tmp_path / "a picture.png"
    path.write_bytes(data)
    opened = [images.open_image(source) for source in (data, path, str(path), io.BytesIO(data))]
    assert all(np.array_equal(np.asarray(image), gradient()) for image in opened)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_and_nothing_kept(orientation: int) -> None:
    inverse = {
        2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }  # fmt: skip
    stored = Image.fromarray(gradient())
    if orientation in inverse:
        stored = stored.transpose(inverse[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif.get_ifd(0x8825)[1] = "N"  # GPS latitude
    opened = images.open_image(saved(stored, "PNG", exif=exif))
    assert np.array_equal(np.asarray(opened), gradient())
    assert not opened.info and not opened.getexif()
    assert b"Exif" not in saved(opened, "JPEG")


def test_damaged_exif_does_not_matter() -> None:
    data = saved(Image.fromarray(gradient()), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff", quality=95)
    assert images.open_image(data).size == SIZE


def test_cmyk() -> None:
    picture = Image.fromarray(gradient())
    assert difference(images.open_image(saved(picture.convert("CMYK"), "JPEG", quality=95)), gradient()) < 8
    assert difference(images.open_image(saved(picture.convert("CMYK"), "TIFF")), gradient()) < 3


def test_grey_and_palette_and_bilevel() -> None:
    picture = Image.fromarray(gradient())
    grey = np.asarray(picture.convert("L"))[..., None].repeat(3, axis=2)
    assert difference(images.open_image(saved(picture.convert("L"), "PNG")), grey) == 0
    assert difference(images.open_image(saved(picture.quantize(256), "PNG")), gradient()) < 8
    bilevel = images.open_image(saved(picture.convert("1"), "PNG"))
    assert set(np.unique(np.asarray(bilevel))) == {0, 255}


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_16_bit_grey_keeps_its_range(format: str) -> None:
    ramp = np.linspace(0, 65535, 960).reshape(24, 40).astype(np.uint16)
    opened = images.open_image(saved(Image.fromarray(ramp), format))
    assert np.abs(np.asarray(opened)[..., 0] - ramp / 257).max() <= 0.5


def png_16_bit_rgb(values: np.ndarray) -> bytes:
    """A 16-bit RGB PNG, which Pillow can read but not write."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    height, width, _ = values.shape
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def test_16_bit_rgb() -> None:
    opened = images.open_image(png_16_bit_rgb(gradient().astype(np.uint16) * 257))
    assert difference(opened, gradient()) <= 1


@pytest.mark.parametrize("top, ok", [(1.0, True), (255.0, True), (65535.0, True), (1e6, False), (np.nan, False)])
def test_float_grey(top: float, ok: bool) -> None:
    ramp = np.linspace(0, 1, 960).reshape(24, 40).astype(np.float32)
    data = saved(Image.fromarray(ramp * np.float32(top)), "TIFF")
    if ok:
        assert np.abs(np.asarray(images.open_image(data))[..., 0] - ramp * 255).max() <= 0.51
    else:
        with pytest.raises(ImageError, match="16-bit"):
            images.open_image(data)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA", "P"])
def test_transparency_is_laid_on_white(mode: str) -> None:
    picture = Image.new("RGBA", SIZE, (0, 0, 0, 255))
    picture.paste((10, 20, 30, 0), (0, 0, 20, 24))
    if mode == "P":
        data = saved(picture.quantize(4), "PNG")
    elif mode == "PA":
        data = saved(picture.quantize(4), "GIF", transparency=picture.quantize(4).getpixel((0, 0)))
    else:
        data = saved(picture.convert(mode), "PNG")
    opened = images.open_image(data)
    assert opened.getpixel((2, 2)) == (255, 255, 255)
    assert opened.getpixel((30, 2)) == (0, 0, 0)


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG"])
def test_first_frame_of_an_animation(format: str) -> None:
    frames = [Image.new("RGB", SIZE, colour) for colour in ("red", "green", "blue")]
    data = saved(frames[0], format, save_all=True, append_images=frames[1:], lossless=True)
    opened = images.open_image(data)
    assert not getattr(opened, "is_animated", False)
    assert opened.getpixel((5, 5)) == (255, 0, 0)


def test_colour_profile_is_converted() -> None:
    lab_white = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = Image.fromarray(gradient())
    assert difference(images.open_image(saved(picture, "PNG", icc_profile=lab_white)), gradient()) <= 1
    assert difference(images.open_image(saved(picture, "PNG", icc_profile=b"nonsense")), gradient()) == 0


def truncated_jpeg() -> bytes:
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype=np.uint8)
    data = saved(Image.fromarray(noise), "JPEG")
    return data[: len(data) // 2]


def bomb(width: int, height: int) -> bytes:
    """A small PNG that says it is large."""
    data = bytearray(saved(Image.new("1", (8, 8)), "PNG"))
    data[16:24] = struct.pack(">II", width, height)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    return bytes(data)


@pytest.mark.parametrize("data, message", [
    (b"", "empty"),
    (b"hello, I am not a picture", "not an image"),
    (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image"),
    (truncated_jpeg(), "damaged or truncated"),
    (truncated_jpeg()[:3], "not an image"),
    (saved(Image.fromarray(gradient()), "PNG")[:60], "damaged or truncated"),
    (bomb(10_000, 10_000), "100 megapixels; at most 40"),
    (bomb(30_000, 30_000), "megapixels"),
])  # fmt: skip
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_bad_input_gives_one_sentence(data: bytes, message: str) -> None:
    with pytest.raises(ImageError, match=message) as caught:
        images.open_image(data)
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")


def test_bad_paths(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="does not exist"):
        images.open_image(tmp_path / "none.jpg")
    with pytest.raises(ImageError, match="folder"):
        images.open_image(tmp_path)
    (tmp_path / "x.jpg").write_bytes(b"")
    with pytest.raises(ImageError, match=r"x\.jpg is empty"):
        images.open_image(tmp_path / "x.jpg")


@settings(max_examples=150, deadline=None)
@given(format=st.sampled_from(["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP"]), data=st.data())
def test_damage_never_escapes_as_another_error(format: str, data: st.DataObject) -> None:
    original = saved(Image.fromarray(gradient()), format)
    damaged = bytearray(original)
    for _ in range(data.draw(st.integers(1, 8))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(damaged)))
    try:
        assert images.open_image(bytes(damaged[:cut])).mode == "RGB"
    except ImageError as error:
        assert "\n" not in str(error)


def test_tensor_round_trip() -> None:
    picture = Image.fromarray(gradient())
    tensor = images.to_tensor(picture)
    assert tensor.shape == (1, 3, 24, 40) and tensor.min() == -1 and tensor.max() == 1
    assert np.array_equal(np.asarray(images.to_pil(tensor)), gradient())
    assert np.array_equal(
        np.asarray(images.to_pil(tensor[0] * 3)), np.asarray(images.to_pil(tensor.mul(3).clamp(-1, 1)))
    )
    assert images.to_tensor(picture, size=16).shape == (1, 3, 16, 16)
    with pytest.raises(ValueError, match="one picture"):
        images.to_pil(torch.zeros(2, 3, 4, 4))


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "gif", "tif"])
def test_saved_pictures_say_what_they_are(tmp_path, suffix):
    path = tmp_path / f"face.{suffix}"
    images.save(Image.new("RGB", (8, 8)), path, "Synthetic: edited.")
    with Image.open(path) as picture:
        told = [*picture.info.values(), *picture.getexif().values()]
    assert any(
        "Synthetic: edited." in (each.decode("latin-1") if isinstance(each, bytes) else str(each)) for each in told
    )


@pytest.mark.parametrize("name", ["face.xyz", "face.psd", "missing/face.png"])
def test_pictures_that_cannot_be_saved_are_refused(tmp_path, name):
    with pytest.raises(HSCError, match="cannot be written"):
        images.save(Image.new("RGB", (8, 8)), tmp_path / name, "")


def wide_gamut() -> bytes:
    """An ICC profile of Adobe RGB's primaries and a gamma of 2.2."""

    def xyz(*values: float) -> bytes:
        return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(65536 * value)) for value in values)

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(2.2 * 256)) + b"\0\0"
    tags = {
        b"wtpt": xyz(0.9642, 1, 0.8249), b"rXYZ": xyz(0.60974, 0.31111, 0.01947),
        b"gXYZ": xyz(0.20528, 0.62567, 0.06087), b"bXYZ": xyz(0.14919, 0.06322, 0.74457),
        b"rTRC": curve, b"gTRC": curve, b"bTRC": curve, b"cprt": b"text\0\0\0\0none\0\0\0\0",
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", 5) + b"wide\0" + bytes(80),
    }  # fmt: skip
    table, body, start = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for name, value in tags.items():
        value += bytes(-len(value) % 4)
        table += name + struct.pack(">II", start + len(body), len(value))
        body += value
    head = struct.pack(">I", start + len(body)) + b"lcms\2\x40\0\0mntrRGB XYZ " + bytes(12) + b"acsp" + bytes(28)
    head += struct.pack(">iii", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + table + body


def in_wide_gamut(picture: Image.Image, format: str = "PNG", **options: object) -> np.ndarray:
    return np.asarray(images.open_image(saved(picture, format, icc_profile=wide_gamut(), **options))).astype(int)


PALETTE = Image.fromarray(gradient()).quantize(64)
GREY = Image.fromarray(gradient()).convert("L")
WITH_PROFILE_AND_ALPHA = {
    "RGBA": (Image.fromarray(gradient()).convert("RGBA"), "PNG", {}),
    "RGBA TIFF": (Image.fromarray(gradient()).convert("RGBA"), "TIFF", {}),
    "RGBA WebP": (Image.fromarray(np.dstack([gradient(), np.full(SIZE[::-1], 254, np.uint8)])), "WEBP",
                  {"lossless": True, "exact": True}),
    "RGB, one colour transparent": (Image.fromarray(gradient()), "PNG", {"transparency": (1, 2, 3)}),
    "palette": (PALETTE, "PNG", {}),
    "palette with alpha": (PALETTE, "PNG", {"transparency": bytes([255] * 64)}),
    "grey": (GREY, "PNG", {}),
    "grey with alpha": (GREY.convert("LA"), "PNG", {}),
    "grey, one level transparent": (GREY, "PNG", {"transparency": 1}),
    "16-bit grey": (Image.fromarray(np.asarray(GREY).astype(np.uint16) * 257), "PNG", {}),
}  # fmt: skip


@pytest.mark.parametrize("kind", WITH_PROFILE_AND_ALPHA)
def test_a_profile_counts_whatever_the_mode(kind: str) -> None:
    picture, format, options = WITH_PROFILE_AND_ALPHA[kind]
    plain = GREY.convert("RGB") if "grey" in kind else picture.convert("RGB")
    expected = in_wide_gamut(plain)
    assert np.abs(expected - np.asarray(plain).astype(int)).max() > 5  # it makes a difference
    assert np.abs(in_wide_gamut(picture, format, **options) - expected).max() <= 2


def test_half_transparent_colours_are_those_of_the_profile() -> None:
    picture = Image.fromarray(np.dstack([gradient(), np.full(SIZE[::-1], 128, np.uint8)]))
    expected = in_wide_gamut(Image.fromarray(gradient())) * 128 / 255 + 255 * 127 / 255
    assert np.abs(in_wide_gamut(picture) - expected).max() <= 2


@pytest.mark.parametrize("top, odd", [
    (1, 1.02), (1, 3.0), (1, -0.02), (255, 256.5), (255, 270), (255, -3), (65535, 65600), (65535, -100),
])  # fmt: skip
@pytest.mark.parametrize("count", [1, 5])
def test_a_few_values_beyond_white_or_black_are_clipped(top: float, odd: float, count: int) -> None:
    values = np.tile(np.linspace(0, top, 960).astype(np.float32).reshape(24, 40), (3, 2))
    values[2, 3 : 3 + count] = odd
    opened = np.asarray(images.open_image(saved(Image.fromarray(values), "TIFF")))[..., 0]
    assert np.abs(opened - np.clip(values / top, 0, 1) * 255).max() <= 0.51


def test_integers_keep_their_range_too() -> None:
    values = np.linspace(0, 255, 960).astype(np.int32).reshape(24, 40)
    values[2, 3] = 300
    opened = np.asarray(images.open_image(saved(Image.fromarray(values), "TIFF")))[..., 0]
    assert np.abs(opened - np.clip(values, 0, 255)).max() <= 1
    dark = np.zeros((24, 40), np.float32)
    dark[5, 5:15] = 200.0  # black but for a few whole numbers: 8 bits
    assert np.asarray(images.open_image(saved(Image.fromarray(dark), "TIFF"))).max() in (200, 255)


def test_lab_is_converted() -> None:
    picture = Image.fromarray(gradient() // 2 + 64)
    lab = ImageCms.profileToProfile(
        picture, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    assert difference(images.open_image(saved(lab, "TIFF")), np.asarray(picture).astype(float)) < 4
