"""The codec's networks together: one photo's way from S and F to symbols and back.

Everything between symbols and entropy parameters runs in exact arithmetic (float64 on a grid, see
:mod:`hsc.networks.exact`); everything between symbols and pixels is ordinary float32.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from hsc.networks import (
    FeatureCompressionNetwork,
    GeneralInversionEncoder,
    LatentUpdater,
    SemanticCompressionNetwork,
    SemanticContextEncoder,
)

FIRST_LEVEL = 2
"""Generator level of the coarsest F: the input of block 2, 512x16x16."""
LATENTS, SLICES = (192, 96), (8, 4)
"""Channels of symbols, and slices they are cut into, for each level of F from the coarsest."""


class HSCNetworks(nn.Module):
    """GIE, SCN, for each level of F an FCN and an SCE (HSC, arXiv 2502.16799), and an updater for the encoder.

    Args:
        levels: levels of F that are coded: 1 for 16x16, 2 for 32x32 as well.
    """

    def __init__(self, levels: int = 1) -> None:
        super().__init__()
        if not 1 <= levels <= len(LATENTS):
            raise ValueError(f"There are 1 to {len(LATENTS)} levels of F, not {levels}.")
        self.gie = GeneralInversionEncoder(levels)
        self.scn = SemanticCompressionNetwork()
        self.fcn = nn.ModuleList(
            FeatureCompressionNetwork(latent=LATENTS[i], slices=SLICES[i]) for i in range(levels)
        )
        self.sce = nn.ModuleList(
            SemanticContextEncoder(
                size=2 ** (FIRST_LEVEL + 1 + i), slices=SLICES[i], slice_channels=LATENTS[i] // SLICES[i],
                coarser=LATENTS[i - 1] if i else 0,
            )
            for i in range(levels)
        )
        self.updater = LatentUpdater(LATENTS[:levels])

    @classmethod
    def for_state(cls, state: Mapping[str, Tensor]) -> HSCNetworks:
        """Networks with as many levels as a state dictionary has; nothing is loaded."""
        return cls(len({name.split(".")[1] for name in state if name.startswith("fcn.")}))

    @property
    def levels(self) -> range:
        """Generator levels of F, coarse to fine."""
        return range(FIRST_LEVEL, FIRST_LEVEL + len(self.fcn))

    @property
    def layers(self) -> int:
        """Layers of a complete file: S and all slices."""
        return 1 + sum(fcn.slices for fcn in self.fcn)
