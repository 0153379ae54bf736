"""Means of what prefixes of files are worth."""

from __future__ import annotations

import pytest

from hsc.compare.rate_sweep import mean_curve


def test_curves_are_averaged_layer_by_layer_up_to_the_shorter_one():
    short = [("none", 0, 0.6), ("S", 100, 0.5), ("D1", 300, 0.2)]
    long = [("none", 0, 0.8), ("S", 200, 0.4), ("D1", 500, 0.1), ("D2", 900, 0.05)]
    expected = [("none", 0, 0.7), ("S", 150, 0.45), ("D1", 400, 0.15)]
    for row, (name, size, distance) in zip(mean_curve([short, long]), expected, strict=True):
        assert row == {"layer": name, "bytes": size, "lpips_alex": pytest.approx(distance)}
