"""The coded path with gradients: what the decoder will have, and about how many bits it takes.

The same steps as :mod:`hsc.layers`, in ordinary float32, on batches, with rounding that gradients pass through.
Training and refinement minimise rate and distortion through it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hsc import entropy
from hsc.model import HSCNetworks
from hsc.networks import FeatureCompressionNetwork, SemanticContextEncoder
from hsc.networks.gain import round_through, straight_through

MULTIPLIER = 0.12
"""Lagrange's, of :func:`rate_distortion_round`: 2 ln 2 / 12 is right for a uniform quantiser of high rate."""

RATE_WEIGHT, RATE_SPAN = 1e-3, 8.0
"""A byte weighs ``RATE_WEIGHT / 2^(RATE_SPAN q)`` beside the distortion."""

Prefix = Callable[..., Tensor]
"""As :meth:`hsc.generator.Generator.prefix`."""


@dataclass(frozen=True)
class SoftCoded:
    """What a batch of latents becomes.

    Attributes:
        codes: S^ ``(B, 16, 512)``.
        features: F^ at each level.
        bases: what the generator makes of everything before each level.
        latents: coefficients of S, and of F at each level, before quantisation.
        coefficients: the same after it.
        bits: of every slice, ``(B, slices of all levels)``.
    """

    codes: Tensor
    features: list[Tensor]
    bases: list[Tensor]
    latents: list[Tensor]
    coefficients: list[Tensor]
    bits: Tensor


def byte_weight(quality: Tensor) -> Tensor:
    """What a byte of a file weighs beside the distortion, at qualities in [0, 1], in training and refinement."""
    return RATE_WEIGHT * torch.exp2(-RATE_SPAN * quality)


def gaussian_bits(offset: Tensor, log2_scale: Tensor) -> Tensor:
    """Bits of symbols whose distance from the mean is ``offset``, all in quantisation steps."""
    scale = torch.exp2(log2_scale.clamp(min=entropy.SCALE_MIN))
    # By symmetry, on the side where both values of the normal distribution are small and exact.
    upper = torch.special.ndtr((0.5 - offset.abs()) / scale)
    lower = torch.special.ndtr((-0.5 - offset.abs()) / scale)
    return -torch.log2((upper - lower).clamp(min=1e-9))


def rate_distortion_round(offset: Tensor, log2_scale: Tensor, multiplier: float) -> Tensor:
    """Rate-distortion optimised quantisation: to the nearest integer, or to the next towards the mean if that pays.

    As video encoders do it (Karczewicz et al., "Rate distortion optimized quantization", VCEG-AH21, 2008). No decoder
    needs to know.

    Args:
        offset: distance of coefficients from the predicted mean, in quantisation steps.
        log2_scale: of their predicted deviation, likewise.
        multiplier: squared quantisation steps that saving a bit is worth; 0 rounds to the nearest.
    """
    nearest = offset.round()
    if not multiplier:
        return nearest
    shorter = nearest - nearest.sign()
    saved = gaussian_bits(nearest, log2_scale) - gaussian_bits(shorter, log2_scale)
    paid = (offset - shorter).square() - (offset - nearest).square()
    return torch.where(paid < multiplier * saved, shorter, nearest)


def quantise(
    networks: HSCNetworks, prefix: Prefix, semantics: Tensor, features: Sequence[Callable[[Tensor], Tensor]],
    quality: Tensor, count: Tensor | None = None, noise: bool = False,
    slice_bits: Callable[[Tensor, Tensor], Tensor] = gaussian_bits, multiplier: float = 0,
) -> SoftCoded:
    """Code a batch softly.

    Args:
        prefix: G_s.
        semantics: coefficients of S before quantisation, ``(B, 768)``.
        features: for each level, bases ``(B, 512, h, w)`` to coefficients of F before quantisation.
        quality: ``(B, 1)`` in [0, 1].
        count: slices that are received, ``(B,)``; all where None. Others are their predicted means, for the picture
            and as context alike; a level without any is its base.
        noise: estimate bits from uniform noise instead of rounding (Ballé et al., 2017).
        slice_bits: offsets and log2 scales, in steps, to bits of every symbol.
        multiplier: see :func:`rate_distortion_round`.
    """
    step, latents = networks.scn.step(quality), [semantics]
    semantics = round_through(semantics / step) * step
    codes = networks.scn.decode(semantics)
    coefficients, coarser = [semantics], None
    found, bases, bits, first = [], [], [], 0
    for index, (level, fcn, sce) in enumerate(zip(networks.levels, networks.fcn, networks.sce)):
        bases.append(prefix(codes, level, found[-1], networks.levels[index - 1]) if index else prefix(codes, level))
        log2_step = fcn.step.log2(quality)[:, :, None, None]
        context = sce.start(semantics, quality, coarser)
        received = None if count is None else count - first
        latents.append(features[index](bases[-1]))
        coarser, own, _ = code_slices(
            fcn, sce, latents[-1], context, log2_step, received, noise, slice_bits, multiplier
        )
        bits += own
        coefficients.append(coarser)
        feature = fcn.decode(coarser, bases[-1])
        if count is not None:
            feature = torch.where((received > 0)[:, None, None, None], feature, bases[-1])
        found.append(feature)
        first += fcn.slices
    return SoftCoded(codes, found, bases, latents, coefficients, torch.stack(bits, 1))


def code_slices(
    fcn: FeatureCompressionNetwork, sce: SemanticContextEncoder, coefficients: Tensor, context: Tensor,
    log2_step: Tensor, count: Tensor | None = None, noise: bool = False,
    slice_bits: Callable[[Tensor, Tensor], Tensor] = gaussian_bits, multiplier: float = 0,
) -> tuple[Tensor, list[Tensor], Tensor]:
    """One level of :func:`quantise`.

    Returns:
        Decoded coefficients ``(B, C, h, w)``, the bits of each slice ``(B,)``, and the log2 of the predicted deviation
        of each coefficient, in steps.
    """
    received, bits, scales = [], [], []
    slices = zip(coefficients.chunk(fcn.slices, 1), log2_step.chunk(fcn.slices, 1))
    for number, (own, exponent) in enumerate(slices):
        mean, log2_scale = sce(number, context)
        width = torch.exp2(exponent)
        offset = (own - mean) / width
        scales.append(log2_scale - exponent)
        symbols = straight_through(offset, rate_distortion_round(offset, scales[-1], multiplier))
        spread = offset + torch.rand_like(offset) - 0.5 if noise else symbols
        bits.append(slice_bits(spread, scales[-1]).sum((1, 2, 3)))
        value = symbols * width + mean
        if count is not None:
            value = torch.where((count > number)[:, None, None, None], value, mean)
        received.append(value)
        context = torch.cat((context, value), 1)
    return torch.cat(received, 1), bits, torch.cat(scales, 1)


def no_offsets(networks: HSCNetworks, semantics: Tensor) -> list[Tensor]:
    """Zeros to be added to coefficients: to those of S ``(B, 768)``, and of F at each level ``(B, C, h, w)``."""
    sides = (2 << level for level in networks.levels)  # half of the features'
    shapes = ((fcn.latent, side, side) for fcn, side in zip(networks.fcn, sides))
    return [torch.zeros_like(semantics), *(semantics.new_zeros(len(semantics), *shape) for shape in shapes)]


def moved(
    features: Sequence[Callable[[Tensor], Tensor]], offsets: Sequence[Tensor]
) -> tuple[Callable[[Tensor], Tensor], ...]:
    """Bases to coefficients of F, as ``features`` give them, with an offset added at each level."""
    return tuple(
        lambda base, feature=feature, offset=offset: feature(base) + offset
        for feature, offset in zip(features, offsets)
    )
