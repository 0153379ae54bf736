"""Encoder-side refinement: gradient steps on one photo's latents, with the rate in the loss.

The feed-forward encoder is fast but has to guess; a few steps through the frozen decoder close much of what it leaves
(Campos et al., "Content Adaptive Optimization for Neural Image Compression", CVPRW 2019). The file format and the
decoder do not change, and decoding costs nothing more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from PIL import Image
from torch import Tensor

from hsc import entropy, images
from hsc.model import LEVEL
from hsc.networks.gain import round_through
from hsc.preview import PREVIEW_SIZE

if TYPE_CHECKING:
    from hsc.codec import Codec, Latents

RATE_WEIGHT, RATE_SPAN = 6e-4, 5.0
"""A byte weighs ``RATE_WEIGHT / 2^(RATE_SPAN q)``, as in training."""
LEARNING_RATE = 0.1
"""Of Adam, in quantisation steps."""


def refine(
    codec: Codec, image: Image.Image, latents: Latents, quality: int, steps: int,
    progress: Callable[[int, int], None] | None = None,
) -> Latents:
    """Improve the latents of one photo for one quality.

    Args:
        image: the aligned face.
        latents: where to start; see :meth:`hsc.codec.Codec.latents`.
        quality: quality byte at which they will be coded, or near it.
        steps: of Adam; each is a pass through the generator and back at preview size.
        progress: called with steps done and steps in all.

    Returns:
        Latents whose features no longer depend on G_s(S^).
    """
    from hsc.codec import Latents

    networks = codec.networks
    target = images.to_tensor(image, PREVIEW_SIZE).to(codec.device)
    lpips = codec.lpips
    q = torch.tensor([[quality / entropy.QUALITIES]], device=codec.device)
    semantic_step = networks.scn.step(q)
    log2_step = networks.fcn.step.log2(q)[:, :, None, None]
    step = torch.exp2(log2_step)
    weight = RATE_WEIGHT * 2 ** (-RATE_SPAN * q.item())
    with torch.no_grad():
        seen = lpips.features(target)
        s_hat = networks.scn.decode((latents.semantics / semantic_step).round() * semantic_step)
        start = latents.features(codec.generator.prefix(s_hat, LEVEL)) / step
    with torch.enable_grad():
        # In units of quantisation steps, so that one learning rate serves all channels.
        s = (latents.semantics / semantic_step).detach().clone().requires_grad_(True)
        y = start.clone().requires_grad_(True)
        optimizer = torch.optim.Adam([s, y], lr=LEARNING_RATE, betas=(0.8, 0.95))
        for index in range(steps):
            codes = networks.scn.decode(round_through(s) * semantic_step)
            base = codec.generator.prefix(codes, LEVEL)
            context = networks.sce.start(round_through(s) * semantic_step, q)
            y_hat, bits = _predict(networks, y, context, step, log2_step)
            feature = networks.fcn.decode(y_hat, base)
            picture = codec.preview.render(codec.generator, feature, codes, LEVEL)
            distortion = (picture - target).abs().mean() + lpips.distance(lpips.features(picture), seen).mean()
            # S has no cheap differentiable rate here; a symbol costs about a bit for each doubling.
            semantic_bits = torch.log2(1 + s.abs()).sum()
            loss = distortion + weight * (bits + semantic_bits) / 8
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if progress:
                progress(index + 1, steps)
    features = (y * step).detach()
    return Latents((s * semantic_step).detach(), lambda _: features)


def _predict(networks, y: Tensor, context: Tensor, step: Tensor, log2_step: Tensor) -> tuple[Tensor, Tensor]:
    """Coefficients as the decoder will have them, and the bits of all slices."""
    bits, decoded = torch.zeros((), device=y.device), []
    for index, own in enumerate(y.chunk(networks.fcn.slices, 1)):
        part = slice(index * own.shape[1], (index + 1) * own.shape[1])
        mean, log2_scale = networks.sce(index, context)
        offset = own - mean / step[:, part]
        received = round_through(offset) * step[:, part] + mean
        scale = torch.exp2((log2_scale - log2_step[:, part]).clamp(min=entropy.SCALE_MIN))
        # Gaussian mass of a bin of width 1 around the symbol.
        upper = torch.special.ndtr((0.5 - offset.abs()) / scale)
        lower = torch.special.ndtr((-0.5 - offset.abs()) / scale)
        bits = bits - torch.log2((upper - lower).clamp(min=1e-9)).sum()
        decoded.append(received)
        context = torch.cat((context, received), 1)
    return torch.cat(decoded, 1), bits
