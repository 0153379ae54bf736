"""Pictures from files, and between PIL and tensors.

Whatever comes in (any orientation, colour model, depth, transparency, number of frames) goes out as a plain
8-bit sRGB picture without metadata, or is refused with one sentence.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import BinaryIO, Optional, Union

import numpy as np
import torch
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from hsc.errors import HSCError, ImageError

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
"""Of the files that are taken for pictures where a folder or an archive of them is given."""

SOFTWARE = "HSC Studio"
"""What files name as their maker."""

MAX_PIXELS = 40_000_000
"""Largest picture that is decoded, in pixels; checked on the header alone."""

# Formats whose decoders are asked; others that Pillow knows (EPS, PDF, ...) may start foreign programs.
_FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF", "PPM", "JPEG2000")
_READABLE = "JPEG, PNG, WebP, AVIF, GIF, BMP, TIFF, PPM or JPEG 2000"
_MAX_PROFILE_BYTES = 4 << 20

Source = Union[str, "os.PathLike[str]", bytes, BinaryIO]


def open_image(source: Source) -> Image.Image:
    """Read a picture from a path, from bytes or from a binary file; mode RGB, no metadata.

    See :func:`to_rgb` for what happens to other colour models. Of an animation the first frame is taken.

    Raises:
        ImageError: the file is missing or empty, is not an image, has more than :data:`MAX_PIXELS` pixels, or
            is damaged or truncated.
    """
    data, name = _read(source)
    if not data:
        raise ImageError(f"{name} is empty.")
    Image.init()  # registers the decoders; only the first call does anything
    try:
        image = Image.open(io.BytesIO(data), formats=_FORMATS)
        check_size(image, name)
        image.load()
    except ImageError:
        raise
    except UnidentifiedImageError as error:
        raise ImageError(f"{name} is not an image that can be read ({_READABLE}).") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(f"{name} has more than {MAX_PIXELS // 10**6} megapixels.") from error
    except Exception as error:  # Pillow's decoders fail in many ways on damaged files
        raise ImageError(f"{name} is damaged or truncated.") from error
    return to_rgb(image)


def check_size(image: Image.Image, name: str = "The picture") -> None:
    """Refuse a picture of more than :data:`MAX_PIXELS` pixels, before it is decoded.

    Raises:
        ImageError: it is larger.
    """
    width, height = image.size
    if width * height > MAX_PIXELS:
        megapixels = width * height / 1e6
        limit = MAX_PIXELS // 10**6
        raise ImageError(f"{name} has {megapixels:.0f} megapixels; at most {limit} megapixels are read.")


def to_rgb(image: Image.Image) -> Image.Image:
    """An 8-bit sRGB copy, upright and without metadata.

    The EXIF orientation is applied; transparent pixels are laid on white; a colour profile is converted to
    sRGB; CMYK without a profile and greyscale are converted plainly; 16-bit grey is scaled to 8 bits; 32-bit
    grey is taken as 0 to 1 (floats), 0 to 255 or 0 to 65535, the least of these that holds its values.

    Raises:
        ImageError: a 32-bit picture holds values below 0, above 65535, or that are no numbers.
    """
    image.load()
    image = _upright(image)
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = _eight_bit(image)
    elif image.has_transparency_data:
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    rgb = _to_srgb(image) or image.convert("RGB")
    # A new object from the pixels alone: nothing of EXIF, GPS, XMP or comments is carried along.
    return Image.fromarray(np.asarray(rgb))


def to_tensor(image: Image.Image, size: Optional[int] = None) -> torch.Tensor:
    """A PIL picture as float32 (1, 3, H, W) in [-1, 1], resized to (size, size) if ``size`` is given."""
    if size is not None and image.size != (size, size):
        image = image.resize((size, size), Image.Resampling.LANCZOS)
    array = np.array(image.convert("RGB"))
    return torch.from_numpy(array).permute(2, 0, 1)[None].float() / 127.5 - 1


def to_pil(image: torch.Tensor) -> Image.Image:
    """A picture (3, H, W) or (1, 3, H, W) in [-1, 1] as PIL, values beyond clipped, rounded to 8 bits."""
    if image.dim() == 4 and image.shape[0] == 1:
        image = image[0]
    if image.dim() != 3 or image.shape[0] != 3:
        raise ValueError(f"expected one picture (3, H, W), not {tuple(image.shape)}")
    levels = ((image.detach().float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return Image.fromarray(levels.permute(1, 2, 0).cpu().numpy())


def save(image: Image.Image, path: Path, note: str, **options: object) -> None:
    """Write a picture whose metadata say what it is, in the format that the suffix names.

    Args:
        image: any PIL picture.
        path: PNG, JPEG, WebP, AVIF, TIFF and GIF have a place for the note; other formats go without.
        note: one sentence: restored or edited by HSC.
        options: for Pillow's writer.

    Raises:
        HSCError: the suffix names no format that Pillow writes, or the file cannot be written.
    """
    suffix = path.suffix.lower()
    if suffix == ".png":
        info = PngInfo()
        info.add_text("Software", SOFTWARE)
        info.add_text("Comment", note)
        options["pnginfo"] = info
    elif suffix == ".gif":
        options["comment"] = note
    else:
        exif = Image.Exif()
        exif[ExifTags.Base.Software] = SOFTWARE
        exif[ExifTags.Base.ImageDescription] = note
        options["exif"] = exif
    try:
        image.save(path, **options)
    except KeyError as error:
        raise HSCError(f"{path} cannot be written: {suffix} is a format that can only be read.") from error
    except (OSError, ValueError) as error:
        raise HSCError(f"{path} cannot be written: {error}.") from error


def _read(source: Source) -> tuple[bytes, str]:
    """All bytes of a source, and what to call it in messages."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        return bytes(source), "The picture"
    if hasattr(source, "read"):
        return source.read(), "The picture"
    path = Path(source)
    try:
        return path.read_bytes(), path.name
    except FileNotFoundError as error:
        raise ImageError(f"{path} does not exist.") from error
    except IsADirectoryError as error:
        raise ImageError(f"{path} is a folder, not an image.") from error
    except (OSError, ValueError) as error:
        raise ImageError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from error


def _upright(image: Image.Image) -> Image.Image:
    """Apply the EXIF orientation; unreadable EXIF counts as none."""
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # Pillow parses EXIF loosely and fails in many ways; the pixels are good all the same
        return image


def _eight_bit(image: Image.Image) -> Image.Image:
    """Greyscale of 16 or 32 bits as mode L."""
    values = np.asarray(image, dtype=np.float64)
    if not np.isfinite(values).all() or values.min() < 0 or values.max() > 65535:
        raise ImageError("The picture's values are neither 8-bit nor 16-bit ones.")
    if image.mode.startswith("I;16") or values.max() > 255:
        values = values / 257
    elif image.mode == "F" and values.max() <= 1:
        values = values * 255
    return Image.fromarray(np.rint(values).astype(np.uint8))


def _to_srgb(image: Image.Image) -> Optional[Image.Image]:
    """Convert by the embedded colour profile; ``None`` if there is none that fits."""
    profile = image.info.get("icc_profile")
    if not profile or len(profile) > _MAX_PROFILE_BYTES or image.mode not in ("RGB", "RGBA", "CMYK", "L"):
        return None
    from PIL import ImageCms

    try:
        source = image.convert("RGB") if image.mode == "RGBA" else image
        embedded = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return ImageCms.profileToProfile(source, embedded, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return None
