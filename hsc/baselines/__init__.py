"""Codecs to compare with, all through one protocol (`ImageCodec`): complete files in, pictures out.

for codec in baselines.codecs():
    print(codec.name, codec.available() or "ready")
data = baselines.get("vvc").encode(image, max_bytes=800)
restored = baselines.get("vvc").decode(data)
"""

from __future__ import annotations

from importlib import import_module

from hsc.baselines.pixels import to_rgb
from hsc.baselines.protocol import NO_WEIGHTS, BaselineError, ImageCodec, RateSearch

__all__ = ["NO_WEIGHTS", "BaselineError", "ImageCodec", "RateSearch", "codecs", "get", "to_rgb"]


# Key -> module, class and arguments. Modules are imported for the codecs that are asked for: the learned ones
# bring torch with them, which takes seconds.
_KNOWN: dict[str, tuple[str, str, dict[str, str]]] = {
    "hsc": ("hsc_codec", "HSC", {}),
    "jpeg": ("classical", "JPEG", {}),
    "webp": ("classical", "WebP", {}),
    "jpegxl": ("classical", "JPEGXL", {}),
    "vvc": ("vvc", "VVC", {}),
    "hevc": ("hevc", "HEVC", {}),
    "av1": ("av1", "AV1", {}),
    "vvc-scaled": ("vvc", "VVC", {"scaling": "best"}),
    "avif": ("classical", "AVIF", {}),
    "hific": ("hific", "HiFiCCodec", {}),
    "factorized": ("reduced_codecs", "Balle2017", {}),
    "hyperprior": ("reduced_codecs", "Balle2018", {}),
    "elic": ("reduced_codecs", "ELIC", {}),
    "cheng2020": ("learned", "Cheng2020", {}),
    "ms-illm": ("reduced_codecs", "MSILLM", {}),
    "hsc-refined": ("hsc_codec", "ThoroughHSC", {}),
}


def codecs() -> list[ImageCodec]:
    """One of each codec that is known, available or not: this one first, then the quick ones, the slowest last."""
    return [get(key) for key in _KNOWN]


def get(key: str) -> ImageCodec:
    """The codec of this key.

    Raises:
        BaselineError: there is none.
    """
    if key not in _KNOWN:
        raise BaselineError(f"there is no codec {key!r}; there are {', '.join(sorted(_KNOWN))}")
    module, name, arguments = _KNOWN[key]
    return getattr(import_module(f"hsc.baselines.{module}"), name)(**arguments)
