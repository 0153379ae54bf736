"""Which features at 64x64 are lips, lids, skin and hair.

The generator keeps what it paints apart: a linear map of the features, each scaled to unit size, tells regions of a
face from one another (compare Collins et al., "Editing in Style", arXiv 2004.14367). It was fitted by least squares to
FaceMesh's outlines on the generator's own faces and on decoded ones, see :mod:`directions.tints`, and finds the lips
of this face where ellipses only know where lips are on the whole.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hsc.editing.movement import REGIONS
from hsc.errors import WeightsError

SHARPNESS = 8.0
"""Of the step from out to in: the map was fitted to give -1 and 1."""


class RegionProbe:
    """A linear map for each region.

    Args:
        weight: ``(4, C)`` float32, one row for each of :data:`REGIONS`.
        bias: ``(4,)``.
    """

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        self.weight, self.bias = weight, bias

    @classmethod
    def load(cls) -> RegionProbe:
        """The shipped one.

        Raises:
            WeightsError: its file is missing or damaged.
        """
        from hsc import weights

        state = weights.read(weights.shipped("regions"))
        try:
            weight, bias = state["weight"].float(), state["bias"].float()
        except KeyError as error:
            raise WeightsError("regions.safetensors does not hold a map of regions.") from error
        if weight.dim() != 2 or len(weight) != len(REGIONS) or bias.shape != weight.shape[:1]:
            raise WeightsError("regions.safetensors holds a map of other regions.")
        return cls(weight, bias)

    def __call__(self, features: Tensor) -> dict[str, Tensor]:
        """Features ``(1, C, H, W)`` to a soft mask ``(1, 1, H, W)``, 0 to 1, for each region."""
        scaled = features * torch.rsqrt(features.square().mean(1, keepdim=True) + 1e-6)
        found = torch.einsum("bchw,kc->bkhw", scaled, self.weight.to(scaled)) + self.bias.to(scaled)[:, None, None]
        return dict(zip(REGIONS, torch.sigmoid(SHARPNESS * found).chunk(len(REGIONS), 1)))
