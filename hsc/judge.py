"""The metrics of `hsc.metrics` for many restorations of one original: what depends on the original is done once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from hsc import alignment, images, metrics
from hsc.errors import WeightsError
from hsc.identity import five_points

VERSION = "1"
"""Raise it when a number changes: benchmarks keep what they measured under it."""


@dataclass(frozen=True)
class Prepared:
    """What all comparisons with one original share: its tensor, LPIPS features, and face where one is found."""

    picture: Image.Image
    tensor: Tensor
    alex: list[Tensor]
    vgg: list[Tensor]
    face: alignment.Face | None


class MetricsJudge:
    """Judges square pictures of at least 161 pixels a side; see `hsc.compare.Judge`.

    Args:
        scorer: holds the networks.
    """

    def __init__(self, scorer: metrics.FaceMetrics):
        self.scorer = scorer
        # Which identity measure there is depends on the machine; a cache must not mix them.
        measure = "dlib" if isinstance(scorer.network, WeightsError) else "mobilefacenet"
        self.version = f"{VERSION}-{measure}"

    @classmethod
    def load(cls, device: str | torch.device = "cpu") -> MetricsJudge:
        """With the networks that are there, fetched on first use."""
        return cls(metrics.FaceMetrics(device))

    @torch.no_grad()
    def prepare(self, original: Image.Image) -> Prepared:
        """See `hsc.compare.Judge`.

        Raises:
            WeightsError: LPIPS's weights are missing and cannot be fetched.
        """
        tensor = images.to_tensor(original).to(self.scorer.device)
        faces = alignment.detect(original)
        centre = (0.0, 0.0, float(original.width), float(original.height))
        return Prepared(
            original, tensor, self.scorer.alex.features(tensor), self.scorer.vgg.features(_small(tensor)),
            max(faces, key=lambda face: _overlap(face.box, centre), default=None),
        )

    @torch.no_grad()
    def measure(self, prepared: Prepared, restored: Image.Image) -> dict[str, float]:
        """What `hsc.metrics.Scores` describes, as far as it can be had here; of faces where the original has one.

        `identity` where its network is there, else dlib's `face_distance`. `detected` is 1 or 0.
        """
        scorer, first = self.scorer, prepared.tensor
        second = images.to_tensor(restored).to(scorer.device)
        scores = {
            "lpips_alex": scorer.alex.distance(prepared.alex, scorer.alex.features(second)).item(),
            "lpips_vgg_256": scorer.vgg.distance(prepared.vgg, scorer.vgg.features(_small(second))).item(),
            "psnr": metrics.psnr(first, second).item(),
            "ms_ssim": metrics.ms_ssim(first, second).item(),
        }
        face = prepared.face
        if not isinstance(scorer.network, WeightsError):
            # Landmarks count from a pixel's corner, sampling from its centre.
            points = None if face is None else five_points(torch.from_numpy(face.landmarks).float()) - 0.5
            scores["identity"] = metrics.identity(scorer.network, first, second, points).item()
        elif face is not None:
            scores["face_distance"] = metrics.face_distance(prepared.picture, restored, face)
        if face is not None:
            found = alignment.locate(restored, face.box)
            scores["landmarks"] = metrics.landmark_error(face.landmarks, found)
            scores["detected"] = float(
                any(_overlap(face.box, other.box) > 0.5 for other in alignment.detect(restored))
            )
        return scores

    def features(self, picture: Image.Image) -> np.ndarray:
        """(512,) VGG16 features of `metrics.vgg_features`."""
        tensor = images.to_tensor(picture).to(self.scorer.device)
        return metrics.vgg_features(self.scorer.vgg.stack, tensor)[0].cpu().numpy()


def frechet_distance(first: np.ndarray, second: np.ndarray) -> float:
    """`metrics.frechet_vgg16` of (N, 512) and (M, 512) features; it is not FID."""
    return metrics.frechet_vgg16(torch.from_numpy(first), torch.from_numpy(second))


def _small(tensor: Tensor) -> Tensor:
    return torch.nn.functional.interpolate(
        tensor, size=(256, 256), mode="bilinear", antialias=True, align_corners=False
    )


def _overlap(first: tuple[float, ...], second: tuple[float, ...]) -> float:
    """Intersection over union of two boxes (left, top, right, bottom)."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    shared = max(width, 0.0) * max(height, 0.0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (first, second)]
    return shared / (sum(areas) - shared)
