"""Estimated rate of noisy or rounded latents, from CompressAI's entropy models (arXiv 2011.03029)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hsc.entropy import scale_table
from hsc.networks import SemanticCompressionNetwork as SCN


def add_noise(values: Tensor) -> Tensor:
    """Uniform noise in [-0.5, 0.5], the differentiable stand-in for rounding (Ballé et al., 2017)."""
    return values + torch.rand_like(values) - 0.5


class RateModel(nn.Module):
    """Bits for S (factorised prior, Ballé et al., arXiv 1802.01436) and F (conditional Gaussian)."""

    def __init__(self) -> None:
        super().__init__()
        # Only training and table export need CompressAI; decoding reads the stored tables.
        from compressai.entropy_models import EntropyBottleneck, GaussianConditional

        self.factorised = EntropyBottleneck(SCN.CHANNELS, filters=(3, 3), init_scale=4)
        self.gaussian = GaussianConditional(scale_table())

    def probability(self, values: Tensor, step: Tensor) -> Tensor:
        """Probability mass of bins of width ``step`` around ``values``, both ``(C, 1, N)``.

        The density lives in the unquantised domain, so that one density serves every step.
        """
        cumulative = self.factorised._logits_cumulative
        lower = cumulative(values - step / 2, stop_gradient=False)
        upper = cumulative(values + step / 2, stop_gradient=False)
        sign = -torch.sign(lower + upper).detach()
        mass = (torch.sigmoid(sign * upper) - torch.sigmoid(sign * lower)).abs()
        return mass.clamp(min=1e-9)

    def semantic_bits(self, values: Tensor, step: Tensor) -> Tensor:
        """Noisy coefficients ``(B, 768)`` and their steps to bits ``(B,)``."""
        batch = len(values)
        channels = SCN.CHANNELS

        def by_channel(tensor: Tensor) -> Tensor:
            return tensor.reshape(batch, channels, -1).transpose(0, 1).reshape(channels, 1, -1)

        mass = self.probability(by_channel(values), by_channel(step.expand_as(values)))
        return -mass.log2().reshape(channels, batch, -1).sum((0, 2))

    def slice_bits(self, offset: Tensor, log2_scale: Tensor) -> Tensor:
        """Bits of symbols whose noisy distance from the mean is ``offset``, all in quantisation steps, same shape."""
        return -self.gaussian._likelihood(offset, torch.exp2(log2_scale)).clamp(min=1e-9).log2()
