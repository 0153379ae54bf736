"""Pictures from files, and between PIL and tensors.

Whatever comes in (any orientation, colour model, depth, transparency, number of frames) goes out as a plain
8-bit sRGB picture without metadata, or is refused with one sentence.
"""

from __future__ import annotations

import functools
import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Union

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from hsc.errors import HSCError, ImageError
from hsc.imaging import marks
from hsc.imaging.marks import SOFTWARE
from hsc.imaging.prechecks import MAX_PIXELS, check_bytes, check_size, scale_down
from hsc.imaging.provenance import DigitalSource
from hsc.runtime import atomic
from hsc.runtime.names import reason, shown

if TYPE_CHECKING:  # decoding a picture needs no tensors, and torch takes seconds to import
    import torch

# fmt: off
SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".avif", ".avifs", ".gif", ".bmp", ".tif", ".tiff",
    ".ppm", ".pgm", ".pbm", ".pnm", ".pfm", ".heic", ".heif", ".hif", ".jp2", ".j2k", ".jpc", ".jpf", ".jpx", ".j2c",
)
# fmt: on
"""Of the files that are taken for pictures where a folder or an archive of them is given, in lower case: all that the
formats of :func:`open_image` have."""

# Formats whose decoders are asked; others that Pillow knows (EPS, PDF, ...) may start foreign programs.
_FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF", "PPM", "JPEG2000", "HEIF")
_READABLE = "JPEG, PNG, HEIC, WebP, AVIF, GIF, BMP, TIFF, PPM or JPEG 2000"
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_MAX_PROFILE_BYTES = 4 << 20
# Of a picture of 32 bits: the share of values that may be beyond white, and how far any may be where that is no
# highlight.
_BEYOND, _OVERSHOOT = 0.001, 0.1

__all__ = [
    "MAX_PIXELS",
    "SOFTWARE",
    "SUFFIXES",
    "as_file",
    "check_size",
    "load",
    "open_image",
    "pictures_in",
    "save",
    "to_pil",
    "to_rgb",
    "to_tensor",
]

Source = Union[str, "os.PathLike[str]", bytes, BinaryIO]


def open_image(source: Source, name: str | None = None) -> Image.Image:
    """Read a picture from a path, from bytes or from a binary file; mode RGB, no metadata.

    See :func:`to_rgb` for what happens to other colour models. Of an animation the first frame is taken.

    Args:
        source: the file.
        name: what to call it in messages; a path has its own.

    Raises:
        ImageError: the file is missing or empty, is not an image, is larger than :mod:`hsc.imaging.prechecks`
            allows, or is damaged or truncated.
    """
    data, known = _read(source)
    return to_rgb(load(data, name or known))


def load(data: bytes, name: str = "The picture") -> Image.Image:
    """Decode the bytes of a picture file, as it is: any mode, orientation and profile.

    Args:
        data: a whole file.
        name: what to call it in messages.

    Raises:
        ImageError: as :func:`open_image`.
    """
    if not data:
        raise ImageError(f"{name} is empty.")
    Image.init()  # registers the decoders; only the first call does anything
    check_bytes(data, name)
    if data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS:
        _register_heif()
    try:
        # Pillow fails on the name of a format that nobody registered, as HEIF's is until a file needs it.
        formats = [format_name for format_name in _FORMATS if format_name in Image.OPEN]
        image: Image.Image = Image.open(io.BytesIO(data), formats=formats)
        check_size(image, name)
        image = scale_down(image)
    except ImageError:
        raise
    except UnidentifiedImageError as error:
        raise ImageError(f"{name} is not an image that can be read ({_READABLE}).") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(f"{name} has more than {MAX_PIXELS // 10**6} megapixels.") from error
    except Exception as error:  # Pillow's decoders fail in many ways on damaged files
        raise ImageError(f"{name} is damaged or truncated.") from error
    return image


@functools.cache
def _register_heif() -> None:
    """Let Pillow read what phones write; where the package is missing, such a file is none that can be read."""
    try:
        import pillow_heif
    except ImportError:
        return
    pillow_heif.options.DECODE_THREADS = 1
    pillow_heif.options.THUMBNAILS = False
    pillow_heif.register_heif_opener()


def to_rgb(image: Image.Image) -> Image.Image:
    """An 8-bit sRGB copy, upright and without metadata.

    The EXIF orientation is applied; a colour profile is converted to sRGB, and then transparent pixels are laid on
    white; CMYK without a profile and greyscale are converted plainly; 16-bit grey is scaled to 8 bits; 32-bit grey is
    taken as 0 to 1 (floats), 0 to 255 or 0 to 65535, the least of these that holds nearly all its values, and what
    few values are beyond are clipped.

    Raises:
        ImageError: a 32-bit picture holds values far below 0, far above 65535, or that are no numbers.
    """
    image.load()
    image = _upright(image)
    profile = image.info.get("icc_profile")
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = _eight_bit(image)
    alpha = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
    rgb = _to_srgb(image, profile) or _plain(image)
    if alpha is not None:
        rgb = Image.composite(rgb, Image.new("RGB", rgb.size, "white"), alpha)
    # A new object from the pixels alone: nothing of EXIF, GPS, XMP or comments is carried along.
    return Image.fromarray(np.asarray(rgb))


def to_tensor(image: Image.Image, size: int | None = None) -> torch.Tensor:
    """A PIL picture as float32 (1, 3, H, W) in [-1, 1], resized to (size, size) if ``size`` is given."""
    import torch

    if size is not None and image.size != (size, size):
        image = image.resize((size, size), Image.Resampling.LANCZOS)
    array = np.array(image.convert("RGB"))
    return torch.from_numpy(array).permute(2, 0, 1)[None].float() / 127.5 - 1


def to_pil(image: np.ndarray | torch.Tensor) -> Image.Image:
    """A picture (3, H, W) or (1, 3, H, W) in [-1, 1] as PIL, values beyond clipped, rounded to 8 bits."""
    values = image if isinstance(image, np.ndarray) else image.detach().float().cpu().numpy()
    if values.ndim == 4 and values.shape[0] == 1:
        values = values[0]
    if values.ndim != 3 or values.shape[0] != 3:
        raise ValueError(f"expected one picture (3, H, W), not {tuple(values.shape)}")
    planes = []
    for plane in values:  # one at a time: they fit the processor's cache
        scaled = plane + np.float32(1)
        scaled *= np.float32(127.5)
        np.rint(scaled, out=scaled)
        np.clip(scaled, 0, 255, out=scaled)
        planes.append(Image.fromarray(scaled.astype(np.uint8)))
    return Image.merge("RGB", planes)


def save(
    image: Image.Image,
    path: Path,
    note: str,
    durable: bool = True,
    source: DigitalSource | None = DigitalSource.EDITED,
    **options: Any,
) -> None:
    """Write a picture whose metadata say what it is, in the format that the suffix names; complete or not at all.

    Args:
        image: any PIL picture.
        path: PNG, JPEG, WebP, AVIF, TIFF and GIF have a place for the note; other formats go without.
        note: one sentence: restored or edited by HSC.
        durable: see :func:`hsc.runtime.atomic.replacing`.
        source: the same for machines, see :mod:`hsc.imaging.provenance`; None for pictures that no generator made.
        options: for Pillow's writer.

    Raises:
        HSCError: the suffix names no format that Pillow writes, or the file cannot be written.
    """
    try:
        data = as_file(image, path.suffix.lower(), note, source=source, **options)
    except HSCError as error:
        raise HSCError(f"{shown(path)} cannot be written: {error}") from error
    atomic.write_bytes(path, data, durable)


def as_file(
    image: Image.Image,
    suffix: str,
    note: str,
    coded: bytes | None = None,
    source: DigitalSource | None = DigitalSource.EDITED,
    **options: object,
) -> bytes:
    """The bytes that :func:`save` writes.

    Args:
        suffix: ``.png`` or another, in lower case.
        coded: the ``.hsc`` file that the picture shows, see :func:`hsc.imaging.marks.options`.

    Raises:
        HSCError: it names no format that Pillow writes, or the picture does not fit into that format.
    """
    format = Image.registered_extensions().get(suffix)
    if format not in Image.SAVE:
        kind = "a format that can only be read" if format else "no picture format"
        raise HSCError(f"{shown(suffix) or 'a name without suffix'} is {kind}.")
    buffer = io.BytesIO()
    try:
        image.save(buffer, format, **marks.options(suffix, note, coded, source), **options)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:  # writers fail in many ways
        raise HSCError(f"{suffix} cannot hold this picture ({reason(error)}).") from error
    return buffer.getvalue()


def pictures_in(folder: Path) -> list[Path]:
    """The picture files directly in a folder, by name: every command takes the same for pictures.

    Hidden files are none: file systems and programs keep notes of their own beside pictures, under their suffixes.

    Raises:
        ImageError: there are none, or the folder cannot be read.
    """
    try:
        with os.scandir(folder) as entries:
            names = [
                entry.name
                for entry in entries
                if os.path.splitext(entry.name)[1].lower() in SUFFIXES
                and not entry.name.startswith(".")
                and not entry.is_dir()
            ]
    except FileNotFoundError as error:
        raise ImageError(f"There is no folder {shown(folder)}.") from error
    except OSError as error:
        raise ImageError(f"The folder {shown(folder)} cannot be read: {reason(error)}.") from error
    if not names:
        raise ImageError(f"There are no pictures in {shown(folder)}.")
    return [Path(folder) / name for name in sorted(names)]


def _read(source: Source) -> tuple[bytes, str]:
    """All bytes of a source, and what to call it in messages."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        return bytes(source), "The picture"
    if hasattr(source, "read"):
        return source.read(), "The picture"
    path = Path(source)
    try:
        return path.read_bytes(), shown(path.name)
    except FileNotFoundError as error:
        raise ImageError(f"{shown(path)} does not exist.") from error
    except IsADirectoryError as error:
        raise ImageError(f"{shown(path)} is a folder, not an image.") from error
    except (OSError, ValueError) as error:
        raise ImageError(f"{shown(path)} cannot be read: {reason(error)}.") from error


def _upright(image: Image.Image) -> Image.Image:
    """Apply the EXIF orientation; unreadable EXIF counts as none."""
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # Pillow parses EXIF loosely and fails in many ways; the pixels are good all the same
        return image


def _eight_bit(image: Image.Image) -> Image.Image:
    """Greyscale of 16 or 32 bits as mode L."""
    values = np.asarray(image, dtype=np.float64)
    if not np.isfinite(values).all():
        raise ImageError("The picture's values are neither 8-bit nor 16-bit ones: some are no numbers.")
    top = 65535 if image.mode.startswith("I;16") else _range(values, image.mode == "F")
    low, high = values.min(), values.max()
    # What sharpening and resampling overshoot by, and highlights above white, are clipped.
    if low < -_OVERSHOOT * top or (top == 65535 and high > (1 + _OVERSHOOT) * top):
        raise ImageError("The picture's values are neither 8-bit nor 16-bit ones.")
    return Image.fromarray(np.rint(np.clip(values / top, 0, 1) * 255).astype(np.uint8))


def _range(values: np.ndarray, floats: bool) -> int:
    """What is white in a picture of 32 bits: the least of 1, 255 and 65535 that nearly all its values keep to."""
    few = max(1, int(_BEYOND * values.size))
    nearly_all = np.partition(values, -few - 1, axis=None)[-few - 1] if values.size > few else values.max()
    for top in (1, 255) if floats else (255,):
        if nearly_all <= (1 + _OVERSHOOT) * top:
            # Black but for a few pixels: whole numbers up to 255 are rather 8 bits than highlights.
            if top == 1 and values.max() > 2 and (values == np.rint(values)).all():
                continue
            return top
    return 65535


def _plain(image: Image.Image) -> Image.Image:
    """RGB without a profile, of any mode that Pillow converts."""
    try:
        return image.convert("RGB")
    except ValueError:  # L*a*b*, which Pillow only converts by profiles
        from PIL import ImageCms

        lab = ImageCms.createProfile("LAB")
        plain = ImageCms.profileToProfile(image, lab, ImageCms.createProfile("sRGB"), outputMode="RGB")
        assert plain is not None  # that is for changes in place
        return plain


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image | None:
    """Convert by a colour profile, without transparency; ``None`` if there is none that fits."""
    if not profile or len(profile) > _MAX_PROFILE_BYTES or image.mode == "LAB":
        return None
    from PIL import ImageCms

    try:
        embedded = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        # The mode follows the profile: a palette has colours of it, and grey pictures often carry one of RGB.
        mode = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}.get(embedded.profile.xcolor_space.strip())
        grey = image.mode in ("1", "L", "LA", "La")
        if mode is None or (mode == "L") > grey or (mode == "CMYK") != (image.mode == "CMYK"):
            return None
        source = image if image.mode == mode else _opaque(image).convert(mode)
        return ImageCms.profileToProfile(source, embedded, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


def _opaque(image: Image.Image) -> Image.Image:
    """The colours of a picture, whatever its transparency."""
    return image.convert("RGBA") if image.mode in ("P", "PA", "La", "RGBa") else image
