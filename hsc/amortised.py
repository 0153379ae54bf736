"""Learned refinement: code a photo, look at what went wrong, and move the latents by what a network makes of that.

See :class:`hsc.networks.LatentUpdater`. The same passes run in training, on batches, and in the encoder.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hsc.model import HSCNetworks
from hsc.soft import Prefix, SoftCoded, moved, no_offsets, quantise

UNIT_QUALITY = 0.5
"""Offsets count quantisation steps at this quality, so that their size hardly depends on the file's."""
SEMANTIC_UNITS = 4.0
"""Steps that S's coefficients are divided by for the network: they are that much larger than F's."""


@dataclass(frozen=True)
class Seen:
    """How a batch looks that was coded.

    Attributes:
        restored: the preview ``(B, 3, 256, 256)``.
        feature_gradient: of the distortion, with respect to the finest F^.
        code_gradient: likewise to S^.
    """

    restored: Tensor
    feature_gradient: Tensor
    code_gradient: Tensor

    def back_to(self, coded: SoftCoded, leaves: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """The gradient with respect to what it was coded from."""
        return torch.autograd.grad(
            (coded.features[-1], coded.codes), leaves, (self.feature_gradient, self.code_gradient)
        )


def learned_offsets(
    networks: HSCNetworks, prefix: Prefix, look: Callable[[SoftCoded], Seen],
    update: Callable[..., list[Tensor]], picture: Tensor, semantics: Tensor,
    features: Sequence[Callable[[Tensor], Tensor]], quality: Tensor, count: Tensor, passes: int = 1,
) -> list[Tensor]:
    """What to add to the coefficients of S, and of F at each level.

    Gradients flow through ``update`` alone, not through the coding that it learns from.

    Args:
        prefix, semantics, features, quality, count: see :func:`hsc.soft.quantise`.
        look: what was coded to how it looks.
        update: the :class:`hsc.networks.LatentUpdater`, or it in another precision.
        picture: the photos ``(B, 3, 256, 256)``.
        passes: how often.
    """
    middle = torch.full_like(quality[:1], UNIT_QUALITY)
    with torch.no_grad():
        units = [networks.scn.step(middle), *(fcn.step(middle)[:, :, None, None] for fcn in networks.fcn)]
    offsets = no_offsets(networks, semantics)
    for _ in range(passes):
        with torch.enable_grad():
            leaves = [offset.detach().requires_grad_(True) for offset in offsets]
            first, *rest = (leaf * unit for leaf, unit in zip(leaves, units))
            coded = quantise(networks, prefix, semantics.detach() + first, moved(features, rest), quality, count)
            seen = look(coded)
            gradients = seen.back_to(coded, leaves)
        sizes = [units[0] * SEMANTIC_UNITS, *units[1:]]
        latents = [latent.detach() / size for latent, size in zip(coded.latents, sizes)]
        gradients = [_normed(gradient) for gradient in gradients]
        updates = update(picture, seen.restored, quality, latents, gradients)
        offsets = [offset + more.float() for offset, more in zip(offsets, updates)]
    return [offset * unit for offset, unit in zip(offsets, units)]


def _normed(gradient: Tensor) -> Tensor:
    """Each photo's gradient at unit root mean square."""
    size = gradient.flatten(1).square().mean(1).sqrt().clamp(min=1e-9)
    return gradient / size.view(-1, *[1] * (gradient.dim() - 1))
