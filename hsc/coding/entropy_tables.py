"""From exact network outputs to the coder's frequency tables.

S uses a factorised prior: one table for each channel and each of 16 quality groups. F uses conditional Gaussians:
64 tables by scale, picked by an integer threshold on the exact log2 scale. Tables are CompressAI's quantised
cumulative frequencies, made once at export and shipped as integers; nothing of them is recomputed when decoding.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hsc.bitstream.range_coder import FrequencyTables

QUALITIES = 256
"""Quality is a byte; the networks see quality / 256."""
SEMANTIC_GROUPS = 16
"""Qualities fall into as many groups; S is quantised alike throughout a group, so that 16 sets of tables serve it."""
SCALES = 64
"""Number of Gaussian tables."""
SCALE_MIN, SCALE_STEP = -3.25, 0.1796875
"""log2 of the first Gaussian table's standard deviation, in quantisation steps, and from one table to the next (46/256,
on the activation grid)."""
DETAIL_SLOPE, DETAIL_LAG, DETAIL_LEAST = 2, 180, 4
"""The quality of detail is ``slope * quality - lag``, no less than the last: once S and F are good, more is gained by
detail than by them. Part of the format."""
LEAST_DETAILED = (DETAIL_LAG + DETAIL_LEAST) // DETAIL_SLOPE
"""The quality of S and F below which that of detail falls no further."""


def detail_quality(quality: int) -> int:
    """Quality byte of a file to that of its detail."""
    return min(max(DETAIL_SLOPE * quality - DETAIL_LAG, DETAIL_LEAST), QUALITIES - 1)


def scale_indexes(log2_scale: np.ndarray) -> np.ndarray:
    """Exact log2 of scale over step to the nearest table, int64, clamped at both ends."""
    nearest = np.floor((log2_scale - SCALE_MIN) / SCALE_STEP + 0.5)
    indexes: np.ndarray = np.clip(nearest, 0, SCALES - 1).astype(np.int64)
    return indexes


def log2_scales(indexes: Any) -> Any:
    """Numbers of Gaussian tables, of any kind, to the log2 of their standard deviations, in steps."""
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
    def from_state(cls, state: Mapping[str, Any]) -> EntropyTables:
        """From the arrays ``{semantic,gaussian}.{cdf,lengths,offsets}`` of a weights file, rows of cdf end to end.

        Raises:
            KeyError: some are missing.
            ValueError: they are no tables.
        """

        def tables(name: str) -> FrequencyTables:
            flat, lengths, offsets = (
                np.asarray(state[f"{name}.{part}"]).astype(np.int32) for part in ("cdf", "lengths", "offsets")
            )
            cdf = np.zeros((len(lengths), lengths.max()), np.int32)
            cdf[np.arange(lengths.max())[None] < lengths[:, None]] = flat
            return FrequencyTables(cdf, lengths, offsets)

        return cls(tables("semantic"), tables("gaussian"))

    def semantic_indexes(self, quality: int, channels: int, positions: int) -> np.ndarray:
        """Table of each S symbol, ``(channels * positions,)``."""
        first = quality * SEMANTIC_GROUPS // QUALITIES * channels
        return np.repeat(np.arange(first, first + channels), positions)
