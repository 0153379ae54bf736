"""What a restored picture is judged by in training."""

from __future__ import annotations

import sys
from dataclasses import asdict

import torch
from torch import Tensor, nn

from hsc.encoder.objective import colour_distance
from hsc.encoder.presets import DEFAULT
from hsc.errors import WeightsError
from hsc.metrics.identity import IdentityNetwork
from hsc.metrics.lpips import LPIPS
from hsc.train.loss_weights import PICTURE


class PictureLoss(nn.Module):
    """L1 + colour + LPIPS (AlexNet) + identity, all on 256 px previews in [-1, 1].

    Weights follow the usual balance of inversion encoders (pSp, arXiv 2008.00951): pixels and LPIPS about equal,
    identity a fraction of them. Colour is L1 of means over patches: the other terms forgive a shirt or a lawn
    that turns pale. Where no identity network can be had, its term is left out.
    """

    WEIGHTS = {"colour": DEFAULT.preview_distortion.colour, **asdict(PICTURE)}

    def __init__(self, precision: torch.dtype = torch.bfloat16) -> None:
        super().__init__()
        self.precision = precision
        self.lpips = LPIPS.load("alex")
        self.identity: IdentityNetwork | None = None
        try:
            self.identity = IdentityNetwork.load()
        except WeightsError as error:
            print(f"Training goes on without the identity term: {error}", file=sys.stderr, flush=True)
        self.requires_grad_(False)

    @torch.no_grad()
    def target(self, picture: Tensor) -> dict[str, Tensor | list[Tensor]]:
        """Everything about the original that the terms need, computed once."""
        known: dict[str, Tensor | list[Tensor]] = {"picture": picture}
        known["features"] = self.lpips.features(picture, self.precision)
        if self.identity is not None:
            known["embedding"] = self._embed(self.identity, picture)
        return known

    def forward(self, picture: Tensor, target: dict) -> dict[str, Tensor]:
        """Restored ``(B, 3, 256, 256)`` and :meth:`target` to the terms, each ``(B,)``, unweighted."""
        terms = self._visible(picture, self.lpips.features(picture, self.precision), target)
        if self.identity is not None:
            terms["identity"] = 1 - (self._embed(self.identity, picture) * target["embedding"]).sum(1)
        return terms

    def visible(self, picture: Tensor, target: dict) -> Tensor:
        """The sum ``(B,)`` of what an encoder can see for itself: all but identity, whose network the codec lacks."""
        return self.total(self._visible(picture, self.lpips.features(picture, self.precision), target))

    def _visible(self, picture: Tensor, features: list[Tensor], target: dict) -> dict[str, Tensor]:
        return {
            "l1": (picture - target["picture"]).abs().mean((1, 2, 3)),
            "colour": colour_distance(picture, target["picture"]),
            "lpips": self.lpips.distance(features, target["features"]),
        }

    def total(self, terms: dict[str, Tensor]) -> Tensor:
        """Weighted sum ``(B,)`` of these terms, or of some of them."""
        return sum(self.WEIGHTS[name] * value for name, value in terms.items())

    def lpips_only(self, picture: Tensor, original: Tensor) -> Tensor:
        """LPIPS of two pictures ``(B, 3, H, W)`` of any size: ``(B,)``."""
        return self.lpips(picture, original, self.precision)

    def _embed(self, network: IdentityNetwork, picture: Tensor) -> Tensor:
        """Identity embedding in float32; its convolutions run in reduced precision."""
        with torch.autocast(picture.device.type, self.precision):
            return network(picture).float()
