"""The codec's networks together: one photo's way from S and F to symbols and back.

Everything between symbols and entropy parameters runs in exact arithmetic (float64 on a grid, see
:mod:`hsc.networks.exact`); everything between symbols and pixels is ordinary float32.
"""

from __future__ import annotations

from torch import nn

from hsc.networks import (
    FeatureCompressionNetwork,
    GeneralInversionEncoder,
    SemanticCompressionNetwork,
    SemanticContextEncoder,
)

LEVEL = 2
"""Generator level of F: the input of block 2, 512x16x16."""


class HSCNetworks(nn.Module):
    """GIE, SCN, FCN and SCE of HSC (arXiv 2502.16799), for one feature level."""

    def __init__(self) -> None:
        super().__init__()
        self.gie = GeneralInversionEncoder()
        self.scn = SemanticCompressionNetwork()
        self.fcn = FeatureCompressionNetwork()
        self.sce = SemanticContextEncoder(slices=self.fcn.slices, slice_channels=self.fcn.slice_channels)
