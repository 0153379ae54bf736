"""Learned refinement: code a photo, compare, and move the latents by what a network makes of the difference.

See :class:`hsc.networks.LatentUpdater`. The same passes run in training, on batches, and in the encoder.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from hsc.coding.differentiable import CodedLatents, FeatureSynthesis, no_offsets, simulate_coding, with_offsets
from hsc.encoder.objective import DistortionGradient
from hsc.networks.hsc_networks import HSCNetworks

UNIT_QUALITY = 0.5
"""The updater counts in quantisation steps of this quality, so that its answers hardly depend on the file's."""
S_SCALE = 4.0
"""Coefficients of S are divided by this before the updater sees them: they are so much larger than F's."""


def learned_offsets(
    networks: HSCNetworks,
    synthesize_features: FeatureSynthesis,
    distortion: Callable[[CodedLatents], DistortionGradient],
    update: Callable[..., list[Tensor]],
    picture: Tensor,
    semantics: Tensor,
    feature_encoders: Sequence[Callable[[Tensor], Tensor]],
    quality: Tensor,
    count: Tensor | None,
    passes: int = 1,
) -> list[Tensor]:
    """What to add to the coefficients of S, and of F at each level.

    Gradients flow through ``update`` alone, not through the coding that it learns from.

    Args:
        synthesize_features, semantics, feature_encoders, quality, count: see
            :func:`hsc.coding.differentiable.simulate_coding`.
        distortion: compares what was coded with the photos.
        update: the :class:`hsc.networks.LatentUpdater`, or it in another precision.
        picture: the photos ``(B, 3, 256, 256)``.
        passes: how many steps.
    """
    middle = torch.full_like(quality[:1], UNIT_QUALITY)
    with torch.no_grad():
        units = [networks.scn.step(middle), *(fcn.step(middle)[:, :, None, None] for fcn in networks.fcn)]
    offsets = no_offsets(networks, semantics)
    for _ in range(passes):
        with torch.enable_grad():
            leaves = [offset.detach().requires_grad_(True) for offset in offsets]
            first, *rest = (leaf * unit for leaf, unit in zip(leaves, units))
            encoders = with_offsets(feature_encoders, rest)
            moved = semantics.detach() + first
            coded = simulate_coding(networks, synthesize_features, moved, encoders, quality, count, slice_bits=None)
            seen = distortion(coded)
            gradients = seen.backpropagate(coded, leaves)
        sizes = [units[0] * S_SCALE, *units[1:]]
        latents = [latent.detach() / size for latent, size in zip(coded.latents, sizes)]
        gradients = [_normed(gradient) for gradient in gradients]
        updates = update(picture, seen.restored, quality, latents, gradients)
        offsets = [offset + more.float() for offset, more in zip(offsets, updates)]
    return [offset * unit for offset, unit in zip(offsets, units)]


def _normed(gradient: Tensor) -> Tensor:
    """Each photo's gradient at unit root mean square."""
    size = gradient.flatten(1).square().mean(1).sqrt().clamp(min=1e-9)
    return gradient / size.view(-1, *[1] * (gradient.dim() - 1))
