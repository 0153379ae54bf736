"""Encoder-side refinement: gradient steps on one photo's latents, with the rate in the loss.

The feed-forward encoder sees 256 pixels and has to guess the texture codes of S; a few steps through the frozen decoder
find better ones (Campos et al., "Content Adaptive Optimization for Neural Image Compression", CVPRW 2019). F is coded
anew for each S, and moves with it in long files. The file format and the decoder do not change, and decoding costs nothing
more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from hsc import entropy, images, window
from hsc.generator import SIZE
from hsc.preview import PREVIEW_LEVEL, PREVIEW_SIZE
from hsc.soft import quantise

if TYPE_CHECKING:
    from hsc.codec import Codec, Latents

RATE_WEIGHT, RATE_SPAN = 6e-4, 6.0
"""A byte weighs ``RATE_WEIGHT / 2^(RATE_SPAN q)`` in training."""
RATE_FACTOR = 4.0
"""How many times as much it weighs here: what a step adds to the file is paid for by all symbols, which become coarser
until it fits."""
COLOUR_WEIGHT = 1.0
"""Of :func:`colour`, as in training."""
PATCH = 16
"""Side of the patches, in pixels of the preview, whose mean colour is to be kept."""
TEXTURE_WEIGHT = 1.5
"""Of LPIPS through a full-resolution window, beside L1 and LPIPS of the preview; as in training."""
WINDOW = 24
"""Side of that window, see :mod:`hsc.window`."""
LEARNING_RATE = 0.18
"""Of Adam on S, in quantisation steps, over the square root of the number of gradient steps."""
FEATURE_RATES = 0.2, 0.1
"""Of momentum on each level of F, likewise, and in proportion to the quality: coarse symbols are too dear to be moved."""
MOMENTUM = 0.8


def colour(picture: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference ``(B,)`` between the mean colours of patches of two pictures ``(B, 3, H, W)``."""
    return F.avg_pool2d(picture - target, PATCH).abs().mean((1, 2, 3))


def refine(
    codec: Codec, image: Image.Image, latents: Latents, quality: int, layers: int, steps: int,
    progress: Callable[[int, int], None] | None = None,
) -> Latents:
    """Improve the latents of one photo for one quality.

    Args:
        image: the aligned face.
        latents: where to start; see :meth:`hsc.codec.Codec.latents`.
        quality: quality byte at which they will be coded, or near it.
        layers: how many of them the file will have, at least 1.
        steps: of descent; each is a pass through the generator and back at preview size.
        progress: called with steps done and steps in all.
    """
    from hsc.codec import Latents

    networks, generator, lpips = codec.networks, codec.generator, codec.lpips
    large = images.to_tensor(image, SIZE).to(codec.device)
    target = images.to_tensor(image, PREVIEW_SIZE).to(codec.device)
    seen = lpips.features(target)
    q = torch.tensor([[quality / entropy.QUALITIES]], device=codec.device)
    slices = torch.tensor([layers - 1], device=codec.device)
    weight = RATE_FACTOR * RATE_WEIGHT * 2 ** (-RATE_SPAN * q.item())
    semantic_step = networks.scn.step(q)
    with torch.enable_grad():
        # In units of quantisation steps, so that one learning rate serves all channels.
        s = (latents.semantics / semantic_step).detach().clone().requires_grad_(True)
        offsets, features = _movable(codec, latents, q)
        adam = torch.optim.Adam([s], lr=LEARNING_RATE / steps**0.5, betas=(MOMENTUM, 0.95))
        velocities = [torch.zeros_like(offset) for offset in offsets]
        for index in range(steps):
            coded = quantise(networks, generator.prefix, s * semantic_step, features, q, slices)
            trunk = generator.prefix(coded.codes, PREVIEW_LEVEL, coded.features[-1], networks.levels[-1])
            # Window and preview go back to here one after the other, so that only one of them is in memory.
            middle, codes = trunk.detach().requires_grad_(True), coded.codes.detach().requires_grad_(True)
            place = window.corner(index, WINDOW)
            part = window.render(generator, middle, codes, place, WINDOW)
            (TEXTURE_WEIGHT * lpips(part, window.cut(large, place, WINDOW)).sum()).backward()
            del part
            picture = codec.preview(middle, codes)
            distortion = (picture - target).abs().mean() + COLOUR_WEIGHT * colour(picture, target).sum()
            distortion = distortion + lpips.distance(lpips.features(picture), seen).sum()
            distortion.backward()
            del picture, distortion
            # S has no cheap differentiable rate here; a symbol costs about a bit for each doubling.
            semantic_bits = torch.log2(1 + s.abs()).sum()
            bits = coded.bits[:, :layers - 1].sum() + semantic_bits
            adam.zero_grad()
            torch.autograd.backward((trunk, coded.codes, weight * bits / 8), (middle.grad, codes.grad, None))
            adam.step()
            for offset, velocity, rate in zip(offsets, velocities, FEATURE_RATES):
                _descend(offset, velocity, rate * q.item() / steps**0.5)
            if progress:
                progress(index + 1, steps)
    for offset in offsets:
        offset.requires_grad_(False)
    return Latents((s * semantic_step).detach(), features)


@torch.no_grad()
def _descend(offset: Tensor, velocity: Tensor, rate: float) -> None:
    """A step against the gradient, which is normed over all symbols of a level together; 0 for those not received.

    Adam, which makes every one of the thousands of symbols move alike, costs more bytes than it saves.
    """
    velocity.lerp_(offset.grad / offset.grad.square().mean().sqrt().clamp(min=1e-12), 1 - MOMENTUM)
    offset -= rate * velocity
    offset.grad = None


def _movable(codec: Codec, latents: Latents, q: Tensor) -> tuple[list[Tensor], tuple[Callable[[Tensor], Tensor], ...]]:
    """Offsets of F's coefficients at each level, in quantisation steps at quality ``q``, and the features with them."""

    def moved(feature: Callable[[Tensor], Tensor], step: Tensor, offset: Tensor) -> Callable[[Tensor], Tensor]:
        return lambda base: feature(base) + offset * step

    offsets, features = [], []
    for level, fcn, feature in zip(codec.networks.levels, codec.networks.fcn, latents.features):
        step = fcn.step(q)[:, :, None, None]
        side = 2 << level  # half of the features'
        offsets.append(torch.zeros(1, step.shape[1], side, side, device=codec.device, requires_grad=True))
        features.append(moved(feature, step, offsets[-1]))
    return offsets, tuple(features)
