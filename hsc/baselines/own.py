"""This project's own codec, seen through the protocol of the others."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
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
        from hsc.codec import MODEL_ID, REFINE

        return f"hsc {hsc.__version__}, model {MODEL_ID}, refine {REFINE}, {self._digest}"

    def ladder(self, image: Image.Image) -> _Ladder:
        return _Ladder(self._load(), to_rgb(image))

    def decode(self, data: bytes) -> Image.Image:
        try:
            return self._load().decode(data, size=1024)
        except HSCError as error:
            raise BaselineError(f"HSC decoding failed: {error}") from error

    @functools.cached_property
    def _digest(self) -> str:
        """Stands for the networks, and for the code that encodes: a benchmark keeps results under it."""
        from hsc import codec, layers, refine, soft

        digest = hashlib.sha256()
        for name, value in sorted(self._load().networks.state_dict().items()):
            digest.update(name.encode() + value.cpu().numpy().tobytes())
        for module in (codec, layers, refine, soft):
            digest.update(Path(module.__file__).read_bytes())
        return digest.hexdigest()[:12]

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
