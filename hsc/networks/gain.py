"""Continuous rate: one quantisation step for each channel, a learned function of the quality.

After Cui et al., "Asymmetric Gained Deep Image Compression With Continuous Rate Adaptation", CVPR 2021: gains that
are interpolated exponentially between learned ends serve every rate with one model.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hsc.networks.exact import exp2, to_grid


class QuantisationStep(nn.Module):
    """log2 of the step is ``coarse + quality * (fine - coarse)``, quality in [0, 1]."""

    def __init__(self, channels: int, coarse: float, fine: float) -> None:
        super().__init__()
        self.coarse = nn.Parameter(torch.full((channels,), coarse))
        self.fine = nn.Parameter(torch.full((channels,), fine))

    def log2(self, quality: Tensor) -> Tensor:
        """``(B, 1)`` quality to ``(B, C)`` log2 steps; float64 quality gives values on the activation grid."""
        if quality.dtype != torch.float64:
            return self.coarse + quality * (self.fine - self.coarse)
        coarse, fine = to_grid(self.coarse), to_grid(self.fine)
        return to_grid(coarse + quality * (fine - coarse))

    def forward(self, quality: Tensor) -> Tensor:
        """``(B, 1)`` quality to ``(B, C)`` steps; exact for float64 quality on a 2^-8 grid."""
        exponent = self.log2(quality)
        return exp2(exponent) if exponent.dtype == torch.float64 else torch.exp2(exponent)


def straight_through(values: Tensor, symbols: Tensor) -> Tensor:
    """The symbols; gradients pass to the values as if nothing had happened (straight-through estimator)."""
    return values + (symbols - values).detach()


def ste_round(values: Tensor) -> Tensor:
    """Round, straight through."""
    return straight_through(values, values.round())
