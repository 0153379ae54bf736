"""Latent updater: how a coding failed -> where to move the latents before the next.

Iterative amortised inference (Marino et al., "Iterative Amortized Inference", ICML 2018, arXiv 1807.09356): the
gradient of the distortion with respect to the latents, beside the photo and its restoration, tells an encoder far
more than the photo alone. Only the encoder needs it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hsc.networks.gie import ResidualBlock
from hsc.networks.initialisation import zero
from hsc.networks.module_list import ModuleList


class LatentUpdater(nn.Module):
    """Offsets of the coefficients of S, and of F at each level.

    Args:
        latents: channels of the symbols of F, for each level from the coarsest, whose symbols are 8x8.
        semantics: coefficients of S.
        width: channels at 16x16 and below.
    """

    def __init__(self, latents: Sequence[int], semantics: int = 768, width: int = 144) -> None:
        super().__init__()
        # 48 values of the photo and 48 of the error for each 4x4 pixels, and the quality.
        self.at64 = nn.Sequential(nn.Conv2d(97, 64, 3, 1, 1), ResidualBlock(64, 64))
        self.at32 = ResidualBlock(64, 128, 2)
        self.at16 = ResidualBlock(128, width, 2)
        self.inputs = ModuleList(nn.Conv2d(2 * channels, width, 1) for channels in latents)
        self.mix = nn.Sequential(*(ResidualBlock(width, width) for _ in range(3)))
        self.at8 = ResidualBlock(width, width, 2)
        heads = [nn.Sequential(nn.GroupNorm(8, width), nn.ReLU(), nn.Conv2d(width, size, 1)) for size in latents]
        self.heads = ModuleList(heads)
        self.s_hidden = nn.Linear(2 * semantics + 4 * width, 256)
        self.s_head = nn.Linear(256, semantics)
        for last in (self.s_head, *(head[-1] for head in heads)):
            zero(last)

    def forward(
        self, picture: Tensor, restored: Tensor, quality: Tensor, latents: Sequence[Tensor], gradients: Sequence[Tensor]
    ) -> list[Tensor]:
        """What to add to the latents, in their order and shapes.

        Args:
            picture, restored: ``(B, 3, 256, 256)`` in [-1, 1].
            quality: ``(B, 1)`` in [0, 1].
            latents: coefficients of S ``(B, 768)`` and of F ``(B, C, 8, 8)``, ``(B, C, 16, 16)``, of about unit size.
            gradients: of the distortion with respect to these, of unit size.
        """
        seen = F.pixel_unshuffle(torch.cat((picture, picture - restored), 1), 4)
        seen = torch.cat((seen, quality[:, :, None, None].expand(-1, -1, *seen.shape[-2:])), 1)
        at16 = self.at16(self.at32(self.at64(seen)))
        semantics, *levels = (torch.cat(pair, 1) for pair in zip(latents, gradients))
        for layer, level in zip(self.inputs, levels):
            at16 = at16 + F.interpolate(layer(level), size=at16.shape[-2:])
        at16 = self.mix(at16)
        at8 = self.at8(at16)
        pooled = F.adaptive_avg_pool2d(at8, 2).flatten(1)
        hidden = F.relu(self.s_hidden(torch.cat((semantics, pooled), 1)))
        return [self.s_head(hidden), *(head(at) for head, at in zip(self.heads, (at8, at16)))]
