"""Deep Image Structure and Texture Similarity (Ding et al. 2020, arXiv:2004.07728).

Of the picture itself and of VGG16's activations at five depths, each channel's means (texture) and correlation
(structure) are compared over the whole picture, and weighed by what the authors learned. A patch of the right texture
that lies a little elsewhere costs little, where LPIPS counts every position.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hsc.metrics.lpips import CHANNELS, VGG16Features

SIZE = 256
"""Side in pixels at which its authors measure."""
_WIDTHS = (3, *CHANNELS["vgg"])
_STABLE = 1e-6


class SmoothVGG16Features(VGG16Features):
    """VGG16 whose pools are smooth: the root of a weighted mean of squares, as the authors have it."""

    window: Tensor

    def __init__(self) -> None:
        super().__init__()
        line = torch.tensor([0.5, 1.0, 0.5])  # a Hann window
        self.register_buffer("window", torch.outer(line, line) / line.sum() ** 2, persistent=False)

    def pool(self, x: Tensor) -> Tensor:
        kernel = self.window.to(x).expand(x.shape[1], 1, 3, 3)
        return (F.conv2d(x.square(), kernel, stride=2, padding=1, groups=x.shape[1]) + 1e-12).sqrt()


class DISTS(nn.Module):
    """The distance; 0 for equal pictures. Use :meth:`load` for the published weights.

    Attributes:
        alpha, beta: weights of means and correlations, (1475,): of the picture's channels and then of each depth's.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stack = SmoothVGG16Features()
        self.alpha = nn.Parameter(torch.zeros(sum(_WIDTHS)))
        self.beta = nn.Parameter(torch.zeros(sum(_WIDTHS)))
        self.requires_grad_(False).eval()

    @classmethod
    def load(cls) -> DISTS:
        """The network with its published weights, fetched on first use; VGG16 is LPIPS's.

        Raises:
            WeightsError: see :func:`hsc.weights.dists_path`, or a cached file is damaged.
        """
        from hsc import weights

        vgg = weights.read(weights.lpips_path("vgg"))
        state = {name: value for name, value in vgg.items() if name.startswith("stack.")}
        model = cls()
        weights.load_state(model, {**state, **weights.read(weights.dists_path())})
        return model

    def features(self, image: Tensor) -> list[Tensor]:
        """The picture (B, 3, H, W), here in [0, 1], and five activations; from [-1, 1], best at `SIZE`."""
        return [(image + 1) / 2, *self.stack(image)]

    def distance(self, first: list[Tensor], second: list[Tensor]) -> Tensor:
        """Distance (B,) of two outputs of :meth:`features`."""
        alike = first[0].new_zeros(len(first[0]))
        total = self.alpha.sum() + self.beta.sum()
        for a, b, alpha, beta in zip(first, second, self.alpha.split(_WIDTHS), self.beta.split(_WIDTHS)):
            a, b = a.flatten(2), b.flatten(2)
            mean_a, mean_b = a.mean(2), b.mean(2)
            variances = a.var(2, correction=0) + b.var(2, correction=0)
            covariance = (a * b).mean(2) - mean_a * mean_b
            texture = (2 * mean_a * mean_b + _STABLE) / (mean_a.square() + mean_b.square() + _STABLE)
            structure = (2 * covariance + _STABLE) / (variances + _STABLE)
            alike = alike + (texture @ alpha + structure @ beta) / total
        return 1 - alike

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Distance (B,) of two batches of pictures (B, 3, H, W) in [-1, 1]."""
        return self.distance(self.features(first), self.features(second))
