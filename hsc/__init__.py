"""Hierarchical Semantic Compression of face photos (HSC, arXiv 2502.16799).

>>> codec = hsc.Codec.load()
>>> data = codec.encode(image, max_bytes=800)
>>> codec.decode(data).save("restored.png")
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hsc.codec import Codec, Semantics

__version__ = "0.10.0"
__all__ = ["Codec", "Semantics", "__version__"]


def __getattr__(name: str):
    # torch and the networks are imported when the codec is first asked for, not with the package.
    if name in ("Codec", "Semantics"):
        from hsc.runtime import threads

        threads.configure()
        return getattr(importlib.import_module("hsc.codec"), name)
    # The two modules that every example of the library starts with.
    if name in ("alignment", "images"):
        return importlib.import_module(f"hsc.imaging.{name}")
    raise AttributeError(f"module 'hsc' has no attribute {name!r}")
