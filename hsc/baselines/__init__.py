"""Codecs to compare with, all through one protocol (`ImageCodec`): complete files in, pictures out.

for codec in baselines.codecs():
    print(codec.name, codec.available() or "ready")
data = baselines.get("vvc").encode(image, max_bytes=800)
restored = baselines.get("vvc").decode(data)
"""

from __future__ import annotations

from hsc.baselines.pixels import to_rgb
from hsc.baselines.protocol import BaselineError, ImageCodec, Ladder

__all__ = ["BaselineError", "ImageCodec", "Ladder", "codecs", "default_codecs", "get", "to_rgb"]


def codecs() -> list[ImageCodec]:
    """One of each codec that this project knows, available here or not, its own first and quick ones next."""
    from hsc.baselines.av1 import AV1
    from hsc.baselines.classical import AVIF, JPEG, JPEGXL, WebP
    from hsc.baselines.hevc import HEVC
    from hsc.baselines.hific import HiFiCCodec
    from hsc.baselines.learned import LEARNED
    from hsc.baselines.own import HSC
    from hsc.baselines.vvc import VVC

    classical = [JPEG(), WebP(), JPEGXL(), VVC(), HEVC(), AV1(), VVC(scaling="best"), AVIF()]
    return [HSC(), *classical, HiFiCCodec(), *(codec() for codec in LEARNED)]


def default_codecs() -> list[ImageCodec]:
    """Those of a live comparison: available here, and done with one face within seconds."""
    return [codec for codec in codecs() if not codec.key.endswith("-scaled") and codec.available() is None]


def get(key: str) -> ImageCodec:
    """The codec of this key.

    Raises:
        BaselineError: there is none.
    """
    known = {codec.key: codec for codec in codecs()}
    if key not in known:
        raise BaselineError(f"there is no codec {key!r}; there are {', '.join(sorted(known))}")
    return known[key]
