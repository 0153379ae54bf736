"""Hierarchical Semantic Compression of face photos (HSC, arXiv 2502.16799).

>>> codec = hsc.Codec.load()
>>> data = codec.encode(image, max_bytes=800)
>>> codec.decode(data).save("restored.png")
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hsc.codec import Codec, Semantics

__version__ = "0.9.1"
__all__ = ["Codec", "Semantics", "__version__"]


def __getattr__(name: str):
    # torch and the networks are imported when the codec is first asked for, not with the package.
    if name in ("Codec", "Semantics"):
        from hsc import codec

        return getattr(codec, name)
    raise AttributeError(f"module 'hsc' has no attribute {name!r}")
