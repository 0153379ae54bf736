"""The frequency tables of :mod:`hsc.coding.entropy_tables`, and the quality as the networks take it."""

from __future__ import annotations

import torch
from torch import Tensor

from hsc.coding.entropy_tables import (
    DETAIL_LAG,
    DETAIL_LEAST,
    DETAIL_SLOPE,
    LEAST_DETAILED,
    QUALITIES,
    SCALE_MIN,
    SCALE_STEP,
    SCALES,
    SEMANTIC_GROUPS,
    EntropyTables,
    detail_quality,
    log2_scales,
    scale_table,
)

__all__ = [
    "DETAIL_LAG",
    "DETAIL_LEAST",
    "DETAIL_SLOPE",
    "LEAST_DETAILED",
    "QUALITIES",
    "SCALES",
    "SCALE_MIN",
    "SCALE_STEP",
    "SEMANTIC_GROUPS",
    "EntropyTables",
    "detail_quality",
    "log2_scales",
    "quality_value",
    "scale_table",
]


def quality_value(quality: int) -> Tensor:
    """Quality byte to the exact ``(1, 1)`` float64 that the networks take."""
    return torch.tensor([[quality / QUALITIES]], dtype=torch.float64)
