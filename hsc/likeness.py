"""Does the restoration look like the person? A small network of our own, which refinement looks through.

LPIPS forgives a face that is sharp and somebody else's. This network was taught by distillation (Hinton et al., arXiv
1503.02531) to give the embeddings of a face recogniser, on real, restored and generated faces; see
:mod:`hsc.train.likeness`. It serves the encoder only. What restorations are judged by, :mod:`hsc.identity` and
dlib's distance, are other networks.
"""

from __future__ import annotations

from pathlib import Path

import torch.nn.functional as F
from torch import Tensor, nn

from hsc.identity import crop_ffhq
from hsc.networks.gie import ResidualBlock

EMBEDDING = 128
"""Width of an embedding."""


class LikenessNetwork(nn.Module):
    """FFHQ-aligned faces ``(B, 3, S, S)`` in [-1, 1] to embeddings ``(B, 128)`` of unit length."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(12, 24, 3, padding=1)
        widths = (24, 32, 64, 64, 96, 96)
        strides = (2, 2, 1, 2, 1)
        self.blocks = nn.Sequential(*(
            ResidualBlock(inputs, outputs, stride) for inputs, outputs, stride in zip(widths, widths[1:], strides)
        ))
        self.norm = nn.GroupNorm(8, widths[-1])
        self.narrow = nn.Conv2d(widths[-1], 32, 1)
        self.embed = nn.Linear(32 * 7 * 7, EMBEDDING)

    @classmethod
    def load(cls, path: Path | None = None) -> LikenessNetwork:
        """The trained network, frozen, from ``path`` or from the shipped weights.

        Raises:
            WeightsError: the weights are missing or another network's.
        """
        from hsc import weights

        network = cls()
        weights.load_state(network, weights.read(path or weights.shipped("likeness")))
        return network.eval().requires_grad_(False)

    def forward(self, image: Tensor) -> Tensor:
        features = self.blocks(self.stem(F.pixel_unshuffle(crop_ffhq(image), 2)))
        features = self.narrow(F.relu(self.norm(features)))
        return F.normalize(self.embed(features.flatten(1)), dim=1)
