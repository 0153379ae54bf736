"""Still-image formats as people use them, through Pillow: JPEG, WebP, AVIF; JPEG XL through ffmpeg's libjxl.

Unlike the video standards they are never scaled down: their files have no place to say that a small picture
is to be shown large, and nobody uses them so. Below their smallest file they cannot go.
"""

from __future__ import annotations

import io
import math

import numpy as np
from PIL import Image, features

from hsc.baselines import ffmpeg
from hsc.baselines.pixels import to_rgb
from hsc.baselines.protocol import BaselineError, ImageCodec
from hsc.baselines.rate_search import SteppedRateSearch


class PillowCodec(ImageCodec):
    """A format that Pillow writes, searched over its quality from 0 or 1 to 100.

    Attributes:
        format: Pillow's name of the format; `feature`: of the library behind it.
        options: how it is saved, beside the quality.
        lowest: smallest quality; `bits_per_pixel`: expected rate there; `growth`: of the rate a quality step.
    """

    format: str
    feature: str
    options: dict[str, object]
    lowest: int = 0
    bits_per_pixel: float
    growth: float = 1.035

    def available(self) -> str | None:
        if not features.check(self.feature):
            return f"this build of Pillow has no {self.name}"
        return None

    def description(self) -> str:
        settings = " ".join(f"{key}={value}" for key, value in self.options.items())
        library = features.version("libjpeg_turbo" if self.feature == "jpg" else self.feature)
        return f"Pillow, {self.feature} {library}, {settings}, quality by search"

    def rate_search(self, image: Image.Image) -> SteppedRateSearch:
        rgb = to_rgb(image)
        return SteppedRateSearch(
            lambda setting: self._save(rgb, self.lowest + setting),
            steps=101 - self.lowest,
            smallest=max(self.bits_per_pixel * rgb.width * rgb.height / 8, 50.0),
            growth=self.growth,
        )

    def decode(self, data: bytes) -> Image.Image:
        try:
            with Image.open(io.BytesIO(data), formats=[self.format]) as image:
                image.load()
                return image.convert("RGB")
        except (OSError, ValueError, SyntaxError) as error:
            raise BaselineError(
                f"{self.name} decoding failed: the file is damaged, cut or of another format"
            ) from error

    def _save(self, rgb: Image.Image, quality: int) -> bytes:
        buffer = io.BytesIO()
        try:
            # A copy without `info`: Pillow would write an ICC profile or EXIF from there into the file.
            Image.fromarray(np.asarray(rgb)).save(buffer, self.format, quality=quality, **self.options)
        except (OSError, ValueError) as error:
            raise BaselineError(f"{self.name} encoding failed: {error}") from error
        return buffer.getvalue()


class JPEG(PillowCodec):
    key, name, format, feature = "jpeg", "JPEG", "JPEG", "jpg"
    options = {"optimize": True, "progressive": True, "subsampling": "4:2:0"}
    lowest = 1
    bits_per_pixel = 0.07
    growth = 1.04


class WebP(PillowCodec):
    key, name, format, feature = "webp", "WebP", "WEBP", "webp"
    options = {"method": 6}
    bits_per_pixel = 0.06


class AVIF(PillowCodec):
    key, name, format, feature = "avif", "AVIF", "AVIF", "avif"
    # One thread: the number of threads must not change the bytes.
    options = {"speed": 6, "subsampling": "4:2:0", "max_threads": 1}
    bits_per_pixel = 0.04
    growth = 1.04


class JPEGXL(ImageCodec):
    """libjxl at effort 7, searched over its Butteraugli distance from 15 (ffmpeg's limit) to 0.3."""

    key, name = "jpegxl", "JPEG XL"
    _steps = 60

    def available(self) -> str | None:
        return ffmpeg.missing("libjxl", "libjxl")

    def description(self) -> str:
        return f"ffmpeg {ffmpeg.version()}, libjxl, effort 7, distance by search"

    def rate_search(self, image: Image.Image) -> SteppedRateSearch:
        rgb = to_rgb(image)
        pixels = np.asarray(rgb).tobytes()
        return SteppedRateSearch(
            lambda setting: self._encode(
                pixels, rgb.size, 15.0 * math.exp(-setting * math.log(50.0) / (self._steps - 1))
            ),
            steps=self._steps,
            smallest=max(0.10 * rgb.width * rgb.height / 8, 50.0),
            growth=1.045,
        )

    def decode(self, data: bytes) -> Image.Image:
        ppm = ffmpeg.run(
            [
                "-xerror",
                "-f",
                "jpegxl_pipe",
                "-i",
                "pipe:0",
                "-frames:v",
                "1",
                "-c:v",
                "ppm",
                "-pix_fmt",
                "rgb24",
                "-f",
                "image2pipe",
                "pipe:1",
            ],
            data,
            f"{self.name} decoding",
        )
        try:
            with Image.open(io.BytesIO(ppm), formats=["PPM"]) as image:
                return image.convert("RGB")
        except OSError as error:
            raise BaselineError(f"{self.name} decoding failed: the file holds no picture") from error

    def _encode(self, pixels: bytes, size: tuple[int, int], distance: float) -> bytes:
        return ffmpeg.run(
            [
                "-f",
                "rawvideo",
                "-pix_fmt",
                "rgb24",
                "-s",
                f"{size[0]}x{size[1]}",
                "-color_primaries",
                "bt709",
                "-color_trc",
                "iec61966-2-1",
                "-i",
                "pipe:0",
                "-frames:v",
                "1",
                "-c:v",
                "libjxl",
                "-effort",
                "7",
                "-distance",
                f"{distance:.4f}",
                "-f",
                "image2pipe",
                "pipe:1",
            ],
            pixels,
            f"{self.name} encoding",
        )
