"""General inversion encoder: photo -> core semantics S and middle feature F (HSC, arXiv 2502.16799, section III)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hsc.generator import CHANNELS, LATENT, LAYERS
from hsc.networks.initialisation import zero
from hsc.networks.module_list import ModuleList


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with group normalisation around a skip; ``stride`` 2 halves the resolution."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(8, inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1)
        self.norm2 = nn.GroupNorm(8, outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1)
        same = inputs == outputs and stride == 1
        self.skip = nn.Identity() if same else nn.Conv2d(inputs, outputs, 1)
        self.stride = stride
        zero(self.conv2)

    def forward(self, features: Tensor) -> Tensor:
        update = self.conv1(F.relu(self.norm1(features)))
        update = self.conv2(F.relu(self.norm2(update)))
        if self.stride == 2:
            features = F.avg_pool2d(features, 2)
        return self.skip(features) + update


class GeneralInversionEncoder(nn.Module):
    """A residual pyramid on the picture at 256 px, one head for S, one for each level of F.

    S goes through a bottleneck that all layers share, then one small map for each layer: linear heads of full width,
    one a layer, would be most of the encoder's parameters for no gain.

    Args:
        levels: of F, from 16x16 up.
        width: channels at 16x16 and below.
        bottleneck: width that the S head passes through.
        rank: numbers that describe one layer's style code.
    """

    SIZE = 256

    mean: Tensor

    def __init__(self, levels: int = 1, width: int = 160, bottleneck: int = 512, rank: int = 64) -> None:
        super().__init__()
        self.stem = nn.Conv2d(48, 64, 3, 1, 1)
        self.at64 = ResidualBlock(64, 64)
        self.at32 = nn.Sequential(ResidualBlock(64, 128, 2), ResidualBlock(128, 128))
        self.at16 = nn.Sequential(ResidualBlock(128, width, 2), *(ResidualBlock(width, width) for _ in range(2)))
        self.at8 = nn.Sequential(ResidualBlock(width, width, 2), ResidualBlock(width, width))
        self.global_ = nn.Linear(width * 4, width)
        widths = (width, 128)[:levels]
        self.lateral = ModuleList(nn.Conv2d(coarse, fine, 1) for coarse, fine in zip(widths, widths[1:]))
        self.to_f = ModuleList(
            nn.Sequential(ResidualBlock(own, own), nn.GroupNorm(8, own), nn.ReLU(), nn.Conv2d(own, channels, 1))
            for own, channels in zip(widths, CHANNELS[1:])
        )
        self.s_norm = nn.GroupNorm(8, width)
        self.s_hidden = nn.Linear(width * 16, bottleneck)
        self.s_layers = nn.Linear(bottleneck, LAYERS * rank)
        self.s_basis = nn.Parameter(torch.randn(LAYERS, rank, LATENT) * 0.05)
        self.register_buffer("mean", torch.zeros(LATENT))

    def forward(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Aligned face ``(B, 3, 256, 256)`` in [-1, 1] to S ``(B, 16, 512)`` and F, ``(B, 512, 16, 16)`` and finer."""
        *pyramid, at8 = self.pyramid(image)
        return self.semantics(self.evidence(at8)), self.middle(pyramid, at8)

    def pyramid(self, image: Tensor) -> list[Tensor]:
        """Activations at 64x64, 32x32, 16x16 and 8x8."""
        at64 = self.at64(self.stem(F.pixel_unshuffle(image, 4)))
        at32 = self.at32(at64)
        at16 = self.at16(at32)
        return [at64, at32, at16, self.at8(at16)]

    def evidence(self, at8: Tensor) -> Tensor:
        """What the S head sees: activations at 8x8, pooled to 4x4, ``(B, 16 * width)``."""
        return F.avg_pool2d(F.relu(self.s_norm(at8)), 2).flatten(1)

    def semantics(self, evidence: Tensor) -> Tensor:
        """The S head, linear in its evidence: ``(B, 16, 512)``."""
        coordinates = self.s_layers(self.s_hidden(evidence)).unflatten(1, (LAYERS, -1))
        return self.mean + torch.einsum("blr,lrc->blc", coordinates, self.s_basis)

    def middle(self, pyramid: list[Tensor], at8: Tensor) -> list[Tensor]:
        """The F heads: each level sees its own activations and, from above, all coarser ones."""
        context = _double(at8) + self.global_(F.adaptive_avg_pool2d(at8, 2).flatten(1))[:, :, None, None]
        features = []
        for index, head in enumerate(self.to_f):
            if index:
                context = self.lateral[index - 1](_double(context))
            context = pyramid[-1 - index] + context
            features.append(head(context))
        return features


def _double(features: Tensor) -> Tensor:
    return F.interpolate(features, scale_factor=2, mode="bilinear")
