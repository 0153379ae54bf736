"""What a restored picture is judged by in training."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hsc.identity import IdentityNetwork
from hsc.lpips import LPIPS
from hsc.refine import COLOUR_WEIGHT, colour


class PictureLoss(nn.Module):
    """L1 + colour + LPIPS (AlexNet) + identity, all on 256 px previews in [-1, 1].

    Weights follow the usual balance of inversion encoders (pSp, arXiv 2008.00951): pixels and LPIPS about equal,
    identity a fraction of them. Colour is L1 of means over :data:`hsc.refine.PATCH` pixels: the other terms forgive a
    shirt or a lawn that turns pale.
    """

    WEIGHTS = {"l1": 1.0, "colour": COLOUR_WEIGHT, "lpips": 1.0, "identity": 0.5}

    def __init__(self, precision: torch.dtype = torch.bfloat16) -> None:
        super().__init__()
        self.precision = precision
        self.lpips = LPIPS.load("alex")
        self.identity = IdentityNetwork.load()
        self.requires_grad_(False)

    @torch.no_grad()
    def target(self, picture: Tensor) -> dict[str, Tensor | list[Tensor]]:
        """Everything about the original that the terms need, computed once."""
        features, embedding = self._see(picture)
        return {"picture": picture, "features": features, "embedding": embedding}

    def forward(self, picture: Tensor, target: dict) -> dict[str, Tensor]:
        """Restored ``(B, 3, 256, 256)`` and :meth:`target` to the terms, each ``(B,)``, unweighted."""
        features, embedding = self._see(picture)
        return self._visible(picture, features, target) | {"identity": 1 - (embedding * target["embedding"]).sum(1)}

    def visible(self, picture: Tensor, target: dict) -> Tensor:
        """The sum ``(B,)`` of what an encoder can see for itself: all but identity, whose network is not shipped."""
        return self.total(self._visible(picture, self.lpips.features(picture, self.precision), target))

    def _visible(self, picture: Tensor, features: list[Tensor], target: dict) -> dict[str, Tensor]:
        return {
            "l1": (picture - target["picture"]).abs().mean((1, 2, 3)),
            "colour": colour(picture, target["picture"]),
            "lpips": self.lpips.distance(features, target["features"]),
        }

    def total(self, terms: dict[str, Tensor]) -> Tensor:
        """Weighted sum ``(B,)`` of these terms, or of some of them."""
        return sum(self.WEIGHTS[name] * value for name, value in terms.items())

    def lpips_only(self, picture: Tensor, original: Tensor) -> Tensor:
        """LPIPS of two pictures ``(B, 3, H, W)`` of any size: ``(B,)``."""
        return self.lpips(picture, original, self.precision)

    def _see(self, picture: Tensor) -> tuple[list[Tensor], Tensor]:
        """LPIPS features and identity embedding; convolutions in reduced precision, the rest in float32."""
        with torch.autocast(picture.device.type, self.precision):
            embedding = self.identity(picture).float()
        return self.lpips.features(picture, self.precision), embedding
