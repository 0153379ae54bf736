"""Semantic context encoder: what S^ and earlier slices say about the next slice of F (HSC, arXiv 2502.16799).

Slice 1 is predicted from S^ alone, slice i from S^ and the slices before it; no hyperprior is sent. A finer level also
sees all slices of the level before. Channel-wise
autoregression after Minnen and Singh, "Channel-wise Autoregressive Entropy Models", ICIP 2020. All layers are
integer-exact at inference (see :mod:`hsc.networks.exact`).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hsc.networks.exact import ExactConv2d, ExactLinear
from hsc.networks.initialisation import zero
from hsc.networks.module_list import ModuleList


class SemanticContextEncoder(nn.Module):
    """Gaussian mean and log2 scale for every symbol of a slice.

    Args:
        semantics: coefficients of S^.
        size: side of the symbols, a multiple of 8.
        embedding: channels of the 8x8 map that S^ is turned into.
        hidden: width of each slice's network.
        coarser: channels of the level before, whose symbols have half the side; 0 for the coarsest level.
    """

    EMBEDDED = 8

    def __init__(
        self,
        semantics: int = 768,
        size: int = 8,
        slices: int = 8,
        slice_channels: int = 24,
        embedding: int = 16,
        hidden: int = 64,
        coarser: int = 0,
    ) -> None:
        super().__init__()
        self.size = size
        self.hidden = ExactLinear(semantics, 128)
        self.embed = ExactLinear(128, embedding * self.EMBEDDED**2)
        self.coarse = ExactConv2d(coarser, hidden) if coarser else None
        # One channel more: the quality, constant over the map.
        self.first = ModuleList(
            ExactConv2d(embedding + 1 + (hidden if coarser else 0) + i * slice_channels, hidden) for i in range(slices)
        )
        self.second = ModuleList(ExactConv2d(hidden, 2 * slice_channels) for _ in range(slices))
        for layer in self.second:
            zero(layer)

    def start(self, semantics: Tensor, quality: Tensor, coarser: Tensor | None = None) -> Tensor:
        """The context of slice 1, ``(B, C, h, w)``.

        Args:
            semantics: coefficients of S^ ``(B, 768)``.
            quality: ``(B, 1)``.
            coarser: decoded coefficients of the level before ``(B, C, h / 2, w / 2)``, where there is one.
        """
        embedded = self.embed(F.relu(self.hidden(semantics))).unflatten(1, (-1, self.EMBEDDED, self.EMBEDDED))
        # The nearest neighbour, so that exact values stay exact.
        maps = [_enlarge(embedded, self.size // self.EMBEDDED)]
        maps.append(quality[:, :, None, None].expand(-1, -1, self.size, self.size))
        if self.coarse is not None:
            maps.append(_enlarge(F.relu(self.coarse(coarser)), 2))
        return torch.cat(maps, 1)

    def forward(self, index: int, context: Tensor) -> tuple[Tensor, Tensor]:
        """Context of slice ``index`` to its mean and log2 scale, each ``(B, slice channels, h, w)``.

        The context of the next slice is this one with the decoded slice appended.
        """
        return self.second[index](F.relu(self.first[index](context))).chunk(2, 1)


def _enlarge(maps: Tensor, factor: int) -> Tensor:
    return maps.repeat_interleave(factor, 2).repeat_interleave(factor, 3)
