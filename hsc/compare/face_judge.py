"""The metrics of `hsc.metrics` as comparisons use them; see `hsc.compare.Judge`."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from PIL import Image

from hsc import metrics
from hsc.errors import WeightsError
from hsc.imaging import images
from hsc.metrics.identity import MOBILEFACENET

VERSION = "2"
"""Raise it when a number changes: benchmarks keep what they measured under it."""


class MetricsJudge:
    """Judges square pictures of at least 161 pixels a side.

    Args:
        scorer: holds the networks.
    """

    def __init__(self, scorer: metrics.FaceMetrics):
        self.scorer = scorer
        # A cache must not mix numbers of two identity networks, nor those with and without one.
        network = scorer.network
        kind = "no-identity" if isinstance(network, WeightsError) else network.name
        self.version = VERSION if kind == MOBILEFACENET else f"{VERSION}-{kind}"

    @classmethod
    def load(cls, device: str | torch.device = "cpu") -> MetricsJudge:
        """A judge with the networks that are there; those that are fetched are so on first use."""
        return cls(metrics.FaceMetrics(device))

    def prepare(self, original: Image.Image) -> metrics.Original:
        """See `metrics.FaceMetrics.prepare`."""
        return self.scorer.prepare(original)

    def measure(self, prepared: metrics.Original, restored: Image.Image) -> dict[str, float]:
        """The numbers of `metrics.Scores` that can be had; `detected` is 1 or 0."""
        scores = dataclasses.asdict(self.scorer.score(prepared, restored))
        return {name: float(value) for name, value in scores.items() if isinstance(value, (bool, int, float))}

    def features(self, picture: Image.Image) -> np.ndarray:
        """(512,) VGG16 features of `metrics.vgg_features`."""
        tensor = images.to_tensor(picture).to(self.scorer.device)
        return metrics.vgg_features(self.scorer.vgg.stack, tensor)[0].cpu().numpy()


def frechet_distance(first: np.ndarray, second: np.ndarray) -> float:
    """`metrics.frechet_vgg16` of (N, 512) and (M, 512) features; it is not FID."""
    return metrics.frechet_vgg16(torch.from_numpy(first.copy()), torch.from_numpy(second.copy()))
