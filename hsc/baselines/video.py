"""Video codecs as still-picture codecs: one intra picture through ffmpeg, 10-bit 4:2:0."""

from __future__ import annotations

import re

import numpy as np
from PIL import Image

from hsc.baselines import ffmpeg
from hsc.baselines.pixels import SCALES, Frame, pad_to, rgb_to_yuv420p10, to_rgb, yuv420p10_to_rgb
from hsc.baselines.protocol import BaselineError, ImageCodec
from hsc.baselines.rate_search import SteppedRateSearch

_SMALLEST_SIDE = 16  # VVenC and x265 refuse less
_FILTER = Image.Resampling.LANCZOS


class VideoCodec(ImageCodec):
    """One intra picture of a video standard, as its elementary stream.

    The quantiser is searched for the number of bytes. With `scaling` ``"needed"`` the picture is coded at its
    own size wherever the coarsest quantiser allows it, as published curves are; below that it is scaled down,
    and scaled up again by the decoder. With ``"best"`` the scale of the smallest squared error is taken at
    every rate, which at a few hundred bytes for a megapixel is seldom the picture's own size.

    A file is the elementary stream as it is; where that does not say the picture's size (it was scaled, or
    has odd sides), 3 to 7 bytes before it do, counted as any other.

    Attributes:
        encoder, decoder, container: their names in ffmpeg.
        coarsest, finest: quantiser (QP or CRF) of the smallest and of the largest file.
        bits_per_pixel: expected rate at `coarsest`; `growth`: of the rate for each quantiser step below it.
    """

    kind = "standard"
    encoder: str
    decoder: str
    container: str
    coarsest: int
    finest: int
    bits_per_pixel: float
    growth: float

    def __init__(self, scaling: str = "needed"):
        if scaling not in ("needed", "best"):
            raise ValueError(f"scaling is 'needed' or 'best', not {scaling!r}")
        self.scaling = scaling
        if scaling == "best":
            self.key, self.name = f"{self.key}-scaled", f"{self.name} (best scale)"

    def arguments(self, quantiser: int | str) -> list[str]:
        """ffmpeg's options for this encoder."""
        raise NotImplementedError

    def available(self) -> str | None:
        return ffmpeg.missing(self.encoder, self.decoder)

    def description(self) -> str:
        arguments = " ".join(self.arguments("Q"))
        scaled = {
            "needed": "scaled below the coarsest Q",
            "best": "at the scale of the smallest squared error",
        }
        return f"ffmpeg {ffmpeg.version()}, {arguments}, yuv420p10 BT.709, {scaled[self.scaling]}"

    def rate_search(self, image: Image.Image) -> VideoRateSearch:
        return VideoRateSearch(self, to_rgb(image))

    def encode_at(self, image: Image.Image, quantiser: int) -> bytes:
        """The file for `image` at one quantiser, without scaling.

        Raises:
            BaselineError: as `encode`.
        """
        return self.encode_framed(to_rgb(image), Frame(*image.size), quantiser)

    def encode_framed(self, rgb: Image.Image, frame: Frame, quantiser: int) -> bytes:
        """Code `rgb`, which is of `frame.coded_size`, at one quantiser."""
        width, height = frame.padded_size(_SMALLEST_SIDE)
        stream = ffmpeg.run(
            ["-f", "rawvideo", "-pix_fmt", "yuv420p10le", "-s", f"{width}x{height}", "-r", "25",
             "-i", "pipe:0",
             "-frames:v", "1", *self.arguments(quantiser), "-f", self.container, "pipe:1"],
            rgb_to_yuv420p10(pad_to(np.asarray(rgb), width, height)), f"{self.name} encoding",
        )  # fmt: skip
        if not stream:
            raise BaselineError(f"{self.name} encoding failed: the encoder gave no bytes")
        return frame.write(stream, _SMALLEST_SIDE)

    def decode(self, data: bytes) -> Image.Image:
        stream, frame = Frame.read(data)
        y4m = ffmpeg.run(
            ["-xerror", "-err_detect", "explode", "-f", self.container, "-i", "pipe:0", "-frames:v", "1",
             "-f", "yuv4mpegpipe", "-strict", "-1", "-pix_fmt", "yuv420p10le", "pipe:1"],
            stream, f"{self.name} decoding",
        )  # fmt: skip
        picture = Image.fromarray(_read_y4m(y4m, self.name))
        if frame is None:
            return picture
        if picture.size != frame.padded_size(_SMALLEST_SIDE):
            raise BaselineError(f"{self.name} decoding failed: the size in the header is not the picture's")
        return picture.crop((0, 0, *frame.coded_size)).resize((frame.width, frame.height), _FILTER)


class VideoRateSearch:
    """All quantisers at full size and, where that serves, at smaller ones."""

    def __init__(self, codec: VideoCodec, image: Image.Image):
        self._codec = codec
        self._image = image
        self._searches: dict[int, SteppedRateSearch] = {}

    def fit(self, max_bytes: int) -> bytes:
        """See `RateSearch.fit`."""
        best: bytes | None = None
        best_error, smallest = float("inf"), b""
        for scale in range(len(SCALES)):
            data = self._at_scale(scale).fit(max_bytes)
            smallest = min(smallest, data, key=len) if smallest else data
            if len(data) > max_bytes:
                continue
            if self._codec.scaling == "needed" and scale == 0:
                return data
            error = self._squared_error(data)
            if error >= best_error:
                break
            found_before, best, best_error = best is not None, data, error
            # The largest scale that fits leaves it the coarsest quantisers; the next is sometimes better.
            if self._codec.scaling == "needed" and found_before:
                break
        return smallest if best is None else best

    def _at_scale(self, scale: int) -> SteppedRateSearch:
        if scale not in self._searches:
            codec, frame = self._codec, Frame(*self._image.size, scale)
            scaled = self._image if scale == 0 else self._image.resize(frame.coded_size, _FILTER)
            self._searches[scale] = SteppedRateSearch(
                lambda setting: codec.encode_framed(scaled, frame, codec.coarsest - setting),
                steps=codec.coarsest - codec.finest + 1,
                smallest=max(codec.bits_per_pixel * scaled.width * scaled.height / 8, 50.0),
                growth=codec.growth,
            )
        return self._searches[scale]

    def _squared_error(self, data: bytes) -> float:
        decoded = np.asarray(self._codec.decode(data), np.float32)
        return float(np.mean((decoded - np.asarray(self._image, np.float32)) ** 2))


def _read_y4m(data: bytes, name: str) -> np.ndarray:
    """The one frame of a YUV4MPEG2 stream in 10-bit 4:2:0, as (H, W, 3) uint8 RGB."""
    header, _, rest = data.partition(b"\n")
    found = re.match(rb"YUV4MPEG2 W(\d+) H(\d+) ", header)
    if not found:
        raise BaselineError(f"{name} decoding failed: the file holds no picture")
    if b" C420p10" not in header:
        raise BaselineError(f"{name} decoding failed: the decoder gave another sample format than 10-bit 4:2:0")
    _, _, samples = rest.partition(b"\n")
    return yuv420p10_to_rgb(samples, int(found.group(1)), int(found.group(2)))
