"""Feature compression network: the residual F - G_s(S^) <-> symbols in slices (HSC, arXiv 2502.16799)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hsc.networks.gain import QuantisationStep
from hsc.networks.initialisation import zero


class FeatureCompressionNetwork(nn.Module):
    """A linear 2x2 transform, started from principal components, plus a learned correction on both sides.

    Coding the residual makes the feature free at 0 bits, and makes an edit of S the same sum at every rate.

    Args:
        channels: channels of the feature; its side is twice the side of the symbols.
        latent: channels of the symbols.
        slices: groups of channels, most important first.
    """

    def __init__(self, channels: int = 512, latent: int = 192, slices: int = 8, width: int = 128) -> None:
        super().__init__()
        if latent % slices:
            raise ValueError(f"{latent} channels cannot be cut into {slices} equal slices.")
        self.latent, self.slices, self.slice_channels = latent, slices, latent // slices
        self.analysis = nn.Conv2d(channels, latent, 2, 2)
        self.analysis_correction = nn.Sequential(
            nn.Conv2d(2 * channels, width, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, latent, 4, 2, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(latent, latent, 1),
        )
        self.synthesis = nn.ConvTranspose2d(latent, channels, 2, 2)
        self.unfold = nn.ConvTranspose2d(latent, width, 4, 2, 1)
        self.condition = nn.Conv2d(channels, width, 1)
        self.synthesis_correction = nn.Sequential(
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, width, 3, 1, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, channels, 1),
        )
        self.step = QuantisationStep(latent, 1.0, -2.0)
        for last in (self.analysis_correction[-1], self.synthesis_correction[-1]):
            zero(last)

    def encode(self, feature: Tensor, base: Tensor) -> Tensor:
        """F and G_s(S^), both ``(B, C, 2h, 2w)``, to coefficients ``(B, latent, h, w)`` before quantisation."""
        residual = feature - base
        return self.analysis(residual) + self.analysis_correction(torch.cat((residual, base), 1))

    def decode(self, coefficients: Tensor, base: Tensor) -> Tensor:
        """Dequantised coefficients ``(B, latent, h, w)`` and G_s(S^) to F^ ``(B, C, 2h, 2w)``."""
        linear, correction = self.changes(coefficients, base)
        return base + linear + correction

    def changes(self, coefficients: Tensor, base: Tensor) -> tuple[Tensor, Tensor]:
        """What coefficients add to the feature: the linear transform's part and the correction's."""
        # The layout that the generator's features have, in which the transposed convolutions are ten times faster.
        coefficients = coefficients.contiguous(memory_format=torch.channels_last)
        condition = self.unfold(coefficients) + self.condition(base)
        return self.synthesis(coefficients), self.synthesis_correction(condition)
