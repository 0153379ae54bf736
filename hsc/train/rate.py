"""Estimated rate of noisy or rounded latents, from CompressAI's entropy models (arXiv 2011.03029)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from hsc.bitstream.range_coder import FrequencyTables
from hsc.networks import SemanticCompressionNetwork as SCN
from hsc.networks import entropy_tables
from hsc.runtime import packages


def add_noise(values: Tensor) -> Tensor:
    """Uniform noise in [-0.5, 0.5], the differentiable stand-in for rounding (Ballé et al., 2017)."""
    return values + torch.rand_like(values) - 0.5


class RateModel(nn.Module):
    """Bits for S (factorised prior, Ballé et al., arXiv 1802.01436) and F (conditional Gaussian).

    Raises:
        HSCError: CompressAI is not installed.
    """

    def __init__(self) -> None:
        super().__init__()
        # Only training and table export need CompressAI; decoding reads the stored tables.
        packages.require("compressai", "Training", "train")
        from compressai.entropy_models import EntropyBottleneck, GaussianConditional

        self.factorised = EntropyBottleneck(SCN.CHANNELS, filters=(3, 3), init_scale=4)
        self.gaussian = GaussianConditional(entropy_tables.scale_table())

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

    @torch.enable_grad()
    def fit_tables(self, scn: SCN, tables: FrequencyTables, iterations: int = 600) -> float:
        """Fit the density of S to tables that :func:`hsc.train.export.semantic_tables` once made of such a density.

        So training can go on from exported weights, which have no densities.

        Args:
            scn: has the quantisation steps of the tables.
            tables: of every quality group and channel, group by group.

        Returns:
            How many bytes S would have on average with the density, over those with the tables.
        """
        masses: list[tuple[Tensor, Tensor, Tensor]] = []
        for group in range(0, entropy_tables.SEMANTIC_GROUPS, 3):
            quality = entropy_tables.quality_value(group * entropy_tables.QUALITIES // entropy_tables.SEMANTIC_GROUPS)
            step = scn.steps(quality)[0].detach().float()[:, None, None]
            found, bins = tables.masses(np.arange(SCN.CHANNELS) + group * SCN.CHANNELS)
            masses.append((torch.from_numpy(found).float(), torch.from_numpy(bins).float()[:, None] * step, step))
        optimizer = torch.optim.Adam(self.factorised.parameters(), lr=1e-2)
        for index in range(iterations):
            # Two thirds of the way in large steps, then in small ones.
            optimizer.param_groups[0]["lr"] = 1e-2 if 3 * index < 2 * iterations else 2e-3
            mass, values, step = masses[index % len(masses)]
            bits = -(mass * self.probability(values, step)[:, 0].log2()).sum()
            optimizer.zero_grad()
            bits.backward()
            optimizer.step()
        with torch.no_grad():
            own, least = 0.0, 0.0
            for mass, values, step in masses:
                own -= float((mass * self.probability(values, step)[:, 0].log2()).sum())
                least -= float((mass * mass.clamp(min=1e-12).log2()).sum())
        return own / least
