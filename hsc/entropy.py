"""From exact network outputs to the coder's frequency tables.

S uses a factorised prior: one table for each channel and each of 16 quality groups. F uses conditional Gaussians:
64 tables by scale, picked by an integer threshold on the exact log2 scale. Tables are CompressAI's quantised
cumulative frequencies, made once at export and shipped as integers; nothing of them is recomputed when decoding.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hsc.rangecoder import FrequencyTables

QUALITIES = 256
"""Quality is a byte; the networks see quality / 256."""
SEMANTIC_GROUPS = 16
"""Qualities fall into as many groups; S is quantised alike throughout a group, so that 16 sets of tables serve it."""
SCALES = 64
"""Gaussian tables ..."""
SCALE_MIN, SCALE_STEP = -3.25, 0.1796875
"""... whose log2 standard deviations start here and are this far apart (46/256, on the activation grid)."""
DETAIL_SLOPE, DETAIL_LAG, DETAIL_LEAST = 2, 180, 4
"""Quality of detail over that of S and F, and its least: once those are good, more is gained by detail than by them."""
LEAST_DETAILED = (DETAIL_LAG + DETAIL_LEAST) // DETAIL_SLOPE
"""The quality of S and F below which that of detail falls no further."""


def quality_value(quality: int) -> Tensor:
    """Quality byte to the exact ``(1, 1)`` float64 that the networks take."""
    return torch.tensor([[quality / QUALITIES]], dtype=torch.float64)


def detail_quality(quality: int) -> int:
    """Quality byte of a file to that of its detail."""
    return min(max(DETAIL_SLOPE * quality - DETAIL_LAG, DETAIL_LEAST), QUALITIES - 1)


def scale_indexes(log2_scale: Tensor) -> Tensor:
    """Exact log2 of scale over step to the nearest table, int64, clamped at both ends."""
    nearest = torch.floor((log2_scale - SCALE_MIN) / SCALE_STEP + 0.5)
    return nearest.clamp(0, SCALES - 1).long()


def log2_scales(indexes: Tensor | int) -> Tensor | float:
    """Numbers of Gaussian tables to the log2 of their standard deviations, in steps."""
    return SCALE_MIN + indexes * SCALE_STEP


def scale_table() -> list[float]:
    """Standard deviations of the Gaussian tables, in steps."""
    return [2 ** log2_scales(i) for i in range(SCALES)]


@dataclass(frozen=True)
class EntropyTables:
    """All frequency tables of a model."""

    semantic: FrequencyTables
    gaussian: FrequencyTables

    @classmethod
    def from_state(cls, state: dict[str, Tensor]) -> EntropyTables:
        """From the tensors ``{semantic,gaussian}.{cdf,lengths,offsets}`` of a weights file, rows of cdf end to end."""

        def tables(name: str) -> FrequencyTables:
            flat, lengths, offsets = (
                state[f"{name}.{part}"].numpy().astype(np.int32) for part in ("cdf", "lengths", "offsets")
            )
            cdf = np.zeros((len(lengths), lengths.max()), np.int32)
            cdf[np.arange(lengths.max())[None] < lengths[:, None]] = flat
            return FrequencyTables(cdf, lengths, offsets)

        return cls(tables("semantic"), tables("gaussian"))

    def semantic_indexes(self, quality: int, channels: int, positions: int) -> np.ndarray:
        """Table of each S symbol, ``(channels * positions,)``."""
        first = quality * SEMANTIC_GROUPS // QUALITIES * channels
        return np.repeat(np.arange(first, first + channels), positions)
