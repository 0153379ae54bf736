"""The codec's networks together: one photo's way from S and F to symbols and back.

Everything between symbols and entropy parameters runs in exact arithmetic (float64 on a grid, see
:mod:`hsc.networks.exact`); everything between symbols and pixels is ordinary float32.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from hsc.architecture import DETAIL_LEVEL, FIRST_LEVEL, LATENTS, SLICES
from hsc.networks import (
    DetailCompressionNetwork,
    FeatureCompressionNetwork,
    GeneralInversionEncoder,
    LatentUpdater,
    SemanticCompressionNetwork,
    SemanticContextEncoder,
)
from hsc.networks.module_list import ModuleList

__all__ = ["DETAIL_LEVEL", "FIRST_LEVEL", "LATENTS", "SLICES", "HSCNetworks"]


class HSCNetworks(nn.Module):
    """GIE, SCN, for each level of F an FCN and an SCE (HSC, arXiv 2502.16799), and an updater for the encoder.

    Args:
        levels: levels of F that are coded: 1 for 16x16, 2 for 32x32 as well.
        detail: whether detail is coded after them.
    """

    def __init__(self, levels: int = 1, detail: bool = False) -> None:
        super().__init__()
        if not 1 <= levels <= len(LATENTS):
            raise ValueError(f"There are 1 to {len(LATENTS)} levels of F, not {levels}.")
        self.gie = GeneralInversionEncoder(levels)
        self.scn = SemanticCompressionNetwork()
        self.fcn = ModuleList(FeatureCompressionNetwork(latent=LATENTS[i], slices=SLICES[i]) for i in range(levels))
        self.sce = ModuleList(
            SemanticContextEncoder(
                size=2 ** (FIRST_LEVEL + 1 + i),
                slices=SLICES[i],
                slice_channels=LATENTS[i] // SLICES[i],
                coarser=LATENTS[i - 1] if i else 0,
            )
            for i in range(levels)
        )
        self.updater = LatentUpdater(LATENTS[:levels])
        self.detail: DetailCompressionNetwork | None = None
        self.detail_context: SemanticContextEncoder | None = None
        if detail:
            self.detail = DetailCompressionNetwork()
            self.detail_context = SemanticContextEncoder(
                size=2 ** (DETAIL_LEVEL + 1),
                slices=self.detail.slices,
                slice_channels=self.detail.slice_channels,
                coarser=LATENTS[levels - 1],
            )

    @classmethod
    def for_state(cls, state: Mapping[str, Tensor]) -> HSCNetworks:
        """Networks with as many levels as a state dictionary has, and detail if it has; nothing is loaded."""
        levels = len({name.split(".")[1] for name in state if name.startswith("fcn.")})
        return cls(levels, detail=any(name.startswith("detail.") for name in state))

    @property
    def levels(self) -> range:
        """Generator levels of F, coarse to fine."""
        return range(FIRST_LEVEL, FIRST_LEVEL + len(self.fcn))

    @property
    def layers(self) -> int:
        """Layers of a complete file without detail: S and all slices of F."""
        return 1 + sum(fcn.slices for fcn in self.fcn)

    def layer_name(self, index: int) -> str:
        """What the layer with this index is called: ``"S"``, ``"F1"`` ..., ``"D1"`` ..."""
        return "S" if index == 0 else f"F{index}" if index < self.layers else f"D{index - self.layers + 1}"

    @property
    def detail_layers(self) -> int:
        """Slices of detail, which may follow."""
        return 0 if self.detail is None else self.detail.slices
