"""How good a restoration is: perceptual distance, identity, landmarks, and what it cost."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from hsc.metrics.rate import bpp

if TYPE_CHECKING:
    from hsc.metrics.face_metrics import (
        FaceMetrics,
        Original,
        Scores,
        face_distance,
        frechet_vgg16,
        identity_cosine,
        landmark_error,
        ms_ssim,
        psnr,
        vgg_features,
    )

__all__ = [
    "FaceMetrics",
    "Original",
    "Scores",
    "bpp",
    "face_distance",
    "frechet_vgg16",
    "identity_cosine",
    "landmark_error",
    "ms_ssim",
    "psnr",
    "vgg_features",
]


def __getattr__(name: str) -> Any:
    # Networks, and PyTorch with them, are imported when one is asked for: what a file costs needs none.
    if name in __all__:
        return getattr(importlib.import_module("hsc.metrics.face_metrics"), name)
    raise AttributeError(f"module 'hsc.metrics' has no attribute {name!r}")
