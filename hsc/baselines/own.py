"""This project's own codec, seen through the protocol of the others."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from PIL import Image

from hsc.baselines.pixels import to_rgb
from hsc.baselines.protocol import BaselineError, ImageCodec
from hsc.errors import HSCError

if TYPE_CHECKING:
    from hsc.codec import Codec


class HSC(ImageCodec):
    """`hsc.Codec` at its 1024 x 1024 pixels.

    Args:
        codec: one that is loaded already; without it the shipped one is loaded on first use.
    """

    key, name, kind = "hsc", "HSC", "hsc"

    def __init__(self, codec: Codec | None = None):
        self._codec = codec

    def available(self) -> str | None:
        try:
            self._load()
        except (HSCError, ImportError) as error:
            return str(error)
        return None

    def description(self) -> str:
        import hsc
        from hsc import weights
        from hsc.codec import MODEL_ID

        try:
            digest = hashlib.sha256(weights.shipped("codec").read_bytes()).hexdigest()[:12]
        except (HSCError, OSError):
            digest = "given"
        return f"hsc {hsc.__version__}, model {MODEL_ID}, weights {digest}"

    def ladder(self, image: Image.Image) -> _Ladder:
        return _Ladder(self._load(), to_rgb(image))

    def decode(self, data: bytes) -> Image.Image:
        try:
            return self._load().decode(data, size=1024)
        except HSCError as error:
            raise BaselineError(f"HSC decoding failed: {error}") from error

    def _load(self) -> Codec:
        if self._codec is None:
            import hsc

            self._codec = hsc.Codec.load()
        return self._codec


class _Ladder:
    """One scalable encoder serves every rate."""

    def __init__(self, codec: Codec, image: Image.Image):
        self._codec = codec
        self._image = image

    def fit(self, max_bytes: int) -> bytes:
        try:
            return self._codec.encode(self._image, max_bytes=max_bytes)
        except HSCError as error:
            raise BaselineError(f"HSC encoding failed: {error}") from error
