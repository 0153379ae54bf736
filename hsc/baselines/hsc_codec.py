"""This project's own codec, seen through the protocol of the others."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from hsc.baselines.pixels import to_rgb
from hsc.baselines.protocol import BaselineError, ImageCodec
from hsc.encoder.presets import DEFAULT, THOROUGH
from hsc.errors import HSCError

if TYPE_CHECKING:
    from hsc.codec import Codec


DECISIVE = (
    "imaging",
    "generator",
    "networks",
    "coding",
    "inference",
    "bitstream",
    "encoder",
    "rendering",
    "editing",
    "metrics",
)
"""Folders of the package whose code decides bytes or pixels of a file, or how they are measured."""


class HSC(ImageCodec):
    """`hsc.Codec` at its 1024 x 1024 pixels.

    Args:
        codec: one that is loaded already; without it the shipped one is loaded on first use.
        refine: refinement steps of the encoder, by default as many as it takes by itself.
    """

    key, name, kind = "hsc", "HSC", "hsc"

    def __init__(self, codec: Codec | None = None, refine: int | None = None):
        self._codec = codec
        self._refine = refine

    def available(self) -> str | None:
        try:
            self._load()
        except (HSCError, ImportError) as error:
            return str(error)
        return None

    def description(self) -> str:
        import hsc
        from hsc.model_ids import DETAILED_MODEL_ID

        return f"hsc {hsc.__version__}, model {DETAILED_MODEL_ID}, refine {self._steps}, {self._digest}"

    def rate_search(self, image: Image.Image) -> _RateSearch:
        return _RateSearch(self._load(), to_rgb(image), self._steps)

    def decode(self, data: bytes) -> Image.Image:
        try:
            return self._load().decode(data, size=1024)
        except HSCError as error:
            raise BaselineError(f"HSC decoding failed: {error}") from error

    @functools.cached_property
    def _digest(self) -> str:
        return fingerprint(self._load())

    @property
    def _steps(self) -> int:
        return DEFAULT.steps if self._refine is None else self._refine

    def _load(self) -> Codec:
        if self._codec is None:
            import hsc

            self._codec = hsc.Codec.load()
        return self._codec


class ThoroughHSC(HSC):
    """The same codec with an encoder that takes its time; see :mod:`hsc.encoder.refinement`."""

    key, slow = "hsc-refined", True

    def __init__(self, codec: Codec | None = None):
        super().__init__(codec, THOROUGH.steps)
        self.name = f"HSC ({THOROUGH.steps} refinement steps)"


def fingerprint(codec: Codec) -> str:
    """Twelve hexadecimal digits that stand for all that bytes or pixels come of.

    Every source file of :data:`DECISIVE` folders counts, whether it matters or not: measuring again costs minutes, a
    stale number goes unnoticed.
    """
    digest = hashlib.sha256()
    for network in (codec.networks, codec.generator, codec.preview):
        for name, value in sorted(network.state_dict().items()):
            digest.update(name.encode() + value.cpu().numpy().tobytes())
    for tables in (codec.tables.semantic, codec.tables.gaussian):
        digest.update(tables.tobytes())
    for path in sources():
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def sources() -> list[Path]:
    """The code that decides bytes and pixels of a file."""
    package = Path(__file__).resolve().parents[1]
    return sorted([package / "decoder.py", *(path for name in DECISIVE for path in (package / name).glob("*.py"))])


class _RateSearch:
    """One scalable encoder serves every rate."""

    def __init__(self, codec: Codec, image: Image.Image, refine: int):
        self._codec = codec
        self._image = image
        self._refine = refine

    def fit(self, max_bytes: int) -> bytes:
        try:
            return self._codec.encode(self._image, max_bytes=max_bytes, refine=self._refine)
        except HSCError as error:
            raise BaselineError(f"HSC encoding failed: {error}") from error
