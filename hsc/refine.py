"""Encoder-side refinement: gradient steps on one photo's latents, with the rate in the loss.

The feed-forward encoder is fast but has to guess; a few steps through the frozen decoder close much of what it leaves
(Campos et al., "Content Adaptive Optimization for Neural Image Compression", CVPRW 2019). The file format and the
decoder do not change, and decoding costs nothing more.
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
"""A byte weighs ``RATE_WEIGHT / 2^(RATE_SPAN q)``, as in training."""
COLOUR_WEIGHT = 1.0
"""Of :func:`colour`, as in training."""
PATCH = 16
"""Side of the patches, in pixels of the preview, whose mean colour is to be kept."""
LIKENESS_WEIGHT = 0.5
"""Of the cosine that embeddings of :class:`hsc.likeness.LikenessNetwork` lack to 1."""
TEXTURE_WEIGHT = 1.5
"""Of LPIPS through a full-resolution window, beside L1 and LPIPS of the preview; as in training."""
WINDOW = 24
"""Side of that window, see :mod:`hsc.window`."""
LEARNING_RATE = 0.1
"""Of Adam, in quantisation steps."""


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
        steps: of Adam; each is a pass through the generator and back at preview size.
        progress: called with steps done and steps in all.

    Returns:
        Latents whose features no longer depend on G_s(S^).
    """
    from hsc.codec import Latents

    networks, generator, lpips, likeness = codec.networks, codec.generator, codec.lpips, codec.likeness
    large = images.to_tensor(image, SIZE).to(codec.device)
    target = images.to_tensor(image, PREVIEW_SIZE).to(codec.device)
    seen, person = lpips.features(target), likeness(target)
    q = torch.tensor([[quality / entropy.QUALITIES]], device=codec.device)
    slices = torch.tensor([layers - 1], device=codec.device)
    weight = RATE_WEIGHT * 2 ** (-RATE_SPAN * q.item())
    semantic_step = networks.scn.step(q)
    feature_steps = [fcn.step(q)[:, :, None, None] for fcn in networks.fcn]
    starts: list[Tensor] = []

    def remember(to_coefficients: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        def run(base: Tensor) -> Tensor:
            starts.append(to_coefficients(base))
            return starts[-1]
        return run

    quantise(networks, generator.prefix, latents.semantics, [remember(each) for each in latents.features], q)
    with torch.enable_grad():
        # In units of quantisation steps, so that one learning rate serves all channels.
        s = (latents.semantics / semantic_step).detach().clone().requires_grad_(True)
        ys = [(y / step).detach().clone().requires_grad_(True) for y, step in zip(starts, feature_steps)]
        optimizer = torch.optim.Adam([s, *ys], lr=LEARNING_RATE, betas=(0.8, 0.95))
        for index in range(steps):
            features = [lambda _, y=y, step=step: y * step for y, step in zip(ys, feature_steps)]
            coded = quantise(networks, generator.prefix, s * semantic_step, features, q, slices)
            middle = generator.prefix(coded.codes, PREVIEW_LEVEL, coded.features[-1], networks.levels[-1])
            picture = codec.preview(middle, coded.codes)
            distortion = (picture - target).abs().mean() + COLOUR_WEIGHT * colour(picture, target).mean()
            distortion = distortion + lpips.distance(lpips.features(picture), seen).mean()
            distortion = distortion + LIKENESS_WEIGHT * (1 - (likeness(picture) * person).sum())
            place = window.corner(index, WINDOW)
            part = window.render(generator, middle, coded.codes, place, WINDOW)
            through = lpips(part, window.cut(large, place, WINDOW))
            # S has no cheap differentiable rate here; a symbol costs about a bit for each doubling.
            semantic_bits = torch.log2(1 + s.abs()).sum()
            bits = coded.bits[:, :layers - 1].sum() + semantic_bits
            loss = distortion + TEXTURE_WEIGHT * through.mean() + weight * bits / 8
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if progress:
                progress(index + 1, steps)
    values = [(y * step).detach() for y, step in zip(ys, feature_steps)]
    return Latents((s * semantic_step).detach(), tuple(lambda _, value=value: value for value in values))
