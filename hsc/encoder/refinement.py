"""Encoder-side refinement: a photo's latents are coded, compared with the photo, and moved, a few times.

The feed-forward encoder sees 256 pixels and cannot know what the decoder will make of its latents. The first steps are
learned ones (:mod:`hsc.encoder.learned_refinement`); the others go on by gradient descent, with the rate in the loss,
through the frozen decoder (Campos et al., "Content Adaptive Optimization for Neural Image Compression", CVPRW 2019). F
is coded anew for each S, and moves with it, the more the longer the file. The file format and the decoder do not
change, and decoding costs nothing more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from hsc.coding.differentiable import no_offsets, simulate_coding, with_offsets
from hsc.coding.seeds import seed
from hsc.encoder.adam import Adam
from hsc.encoder.context import EncoderContext
from hsc.encoder.latents import Latents
from hsc.encoder.learned_refinement import learned_offsets
from hsc.encoder.objective import DistortionModel, rate_cost
from hsc.encoder.presets import DEFAULT, Preset
from hsc.networks.entropy_tables import QUALITIES


def refine(
    context: EncoderContext,
    distortion: DistortionModel,
    latents: Latents,
    quality: int,
    layers: int,
    preset: Preset = DEFAULT,
) -> Iterator[Latents]:
    """Improve the latents of one photo for one quality; yields them after each step.

    Args:
        distortion: compares what is coded with the photo.
        latents: where to start; see :func:`hsc.encoder.latents.analyse`.
        quality: quality byte at which they will be coded, or near it.
        layers: how many of its layers the file will have, at least 1.
        preset: says how many steps there are; each is a pass through the generator and back at preview size.
    """
    settings = preset.refinement
    q = torch.tensor([[quality / QUALITIES]], device=context.device)
    slices = None if layers >= context.networks.layers else torch.tensor([layers - 1], device=context.device)
    for _ in range(settings.learned):
        latents = _learned_step(context, distortion, latents, q, slices)
        yield latents
    yield from _descend(context, distortion, latents, q, slices, preset)


@torch.no_grad()
def _learned_step(
    context: EncoderContext, distortion: DistortionModel, latents: Latents, q: Tensor, slices: Tensor | None
) -> Latents:
    networks = context.networks
    semantics, *offsets = learned_offsets(
        networks,
        context.rough_features,
        distortion,
        context.updater,
        distortion.target,
        latents.semantics,
        latents.feature_encoders,
        q,
        slices,
    )
    return latents.moved(semantics, offsets)


def _descend(
    context: EncoderContext,
    distortion: DistortionModel,
    latents: Latents,
    q: Tensor,
    slices: Tensor | None,
    preset: Preset,
) -> Iterator[Latents]:
    """Steps of gradient descent: Adam on S, momentum on each level of F."""
    networks, settings = context.networks, preset.refinement
    steps = settings.steps - settings.learned
    # In units of quantisation steps, so that one learning rate serves all channels.
    widths = [networks.scn.step(q), *(fcn.step(q)[:, :, None, None] for fcn in networks.fcn)]
    s = (latents.semantics / widths[0]).detach().requires_grad_(True)
    _, *offsets = (offset.requires_grad_(True) for offset in no_offsets(networks, s.detach()))
    betas = settings.momentum, settings.second_moment
    adam, s_rate = Adam(s, betas), settings.s_rate / max(steps, 1) ** 0.5
    velocities = [torch.zeros_like(offset) for offset in offsets]
    for _ in range(steps):
        with torch.enable_grad():
            moves = [offset * width for offset, width in zip(offsets, widths[1:])]
            encoders = with_offsets(latents.feature_encoders, moves)
            coded = simulate_coding(networks, context.rough_features, s * widths[0], encoders, q, slices)
            cost = rate_cost(coded.bits[:, : None if slices is None else int(slices)], s, q, preset.rate_price)
            gradient = distortion(coded)
            (cost + seed((coded.features[-1], coded.codes), (gradient.features, gradient.codes))).backward()
        adam.step(s_rate)
        for offset, velocity, rate in zip(offsets, velocities, settings.f_rates):
            _momentum_step(offset, velocity, rate * q.item() / steps**0.5, settings.momentum)
        moves = [offset.detach() * width for offset, width in zip(offsets, widths[1:])]
        yield replace(latents.moved(0, moves), semantics=(s * widths[0]).detach())


@torch.no_grad()
def _momentum_step(offset: Tensor, velocity: Tensor, rate: float, momentum: float) -> None:
    """A step against the gradient, which is normed over all symbols of a level together; 0 for those not received.

    Adam, which makes every one of the thousands of symbols move alike, costs more bytes than it saves.
    """
    velocity.lerp_(offset.grad / offset.grad.square().mean().sqrt().clamp(min=1e-12), 1 - momentum)
    offset -= rate * velocity
    offset.grad = None
