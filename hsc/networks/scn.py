"""Semantic compression network: S <-> 192x2x2 = 768 symbols (HSC, arXiv 2502.16799, section III)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hsc.generator import LATENT, LAYERS
from hsc.networks.entropy_tables import SEMANTIC_GROUPS
from hsc.networks.gain import QuantisationStep


class SemanticCompressionNetwork(nn.Module):
    """A linear transform of S about the mean latent, learned from its principal components.

    Style codes of one face are strongly correlated across layers and nearly Gaussian in W, where a linear transform
    is all that a small network finds; so every code is first projected on a basis that all layers share, and the
    16 projections are then mixed.
    """

    CHANNELS, SIZE = 192, 2

    mean: Tensor

    def __init__(self, rank: int = 64) -> None:
        super().__init__()
        symbols = self.CHANNELS * self.SIZE**2
        self.register_buffer("mean", torch.zeros(LATENT))
        self.project = nn.Linear(LATENT, rank, bias=False)
        self.analysis = nn.Linear(LAYERS * rank, symbols)
        self.synthesis = nn.Linear(symbols, LAYERS * rank)
        self.expand = nn.Parameter(torch.zeros(LAYERS, rank, LATENT))
        self.steps = QuantisationStep(self.CHANNELS, 1.0, -1.0)

    def encode(self, codes: Tensor) -> Tensor:
        """S ``(B, 16, 512)`` to coefficients ``(B, 768)`` before quantisation."""
        return self.analysis(self.project(codes - self.mean).flatten(1))

    def decode(self, coefficients: Tensor) -> Tensor:
        """Dequantised coefficients ``(B, 768)`` to S^ ``(B, 16, 512)``."""
        codes = self.synthesis(coefficients).unflatten(1, (LAYERS, -1))
        return self.mean + torch.einsum("blr,lrc->blc", codes, self.expand)

    def step(self, quality: Tensor) -> Tensor:
        """``(B, 1)`` quality to the ``(B, 768)`` quantisation steps.

        Symbols of one channel share theirs, and so do the qualities of a group, which share their tables too.
        """
        group = torch.floor(quality * SEMANTIC_GROUPS) / SEMANTIC_GROUPS
        return self.steps(group).repeat_interleave(self.SIZE**2, 1)
