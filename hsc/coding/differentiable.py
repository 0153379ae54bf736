"""The coded path with gradients: what the decoder will have, and about how many bits it takes.

The same steps as :mod:`hsc.coding.layer_state`, in ordinary float32, on batches, with rounding that gradients pass
through. Training and refinement minimise rate and distortion through it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hsc.networks import FeatureCompressionNetwork, SemanticContextEncoder, entropy_tables
from hsc.networks.gain import ste_round, straight_through
from hsc.networks.hsc_networks import HSCNetworks

FeatureSynthesis = Callable[..., Tensor]
"""Has the signature of :meth:`hsc.generator.Generator.synthesize_features`."""


@dataclass(frozen=True)
class CodedLatents:
    """A batch of latents, coded.

    Attributes:
        codes: S^ ``(B, 16, 512)``.
        features: F^ at each level.
        bases: what the generator makes of everything before each level, ``(B, 512, h, w)``.
        latents: coefficients of S, and of F at each level, before quantisation.
        coefficients: the same after it.
        bits: of every slice, ``(B, slices of all levels)``; none where they were not asked for.
    """

    codes: Tensor
    features: list[Tensor]
    bases: list[Tensor]
    latents: list[Tensor]
    coefficients: list[Tensor]
    bits: Tensor


def gaussian_bits(offset: Tensor, log2_scale: Tensor) -> Tensor:
    """Bits of symbols whose distance from the mean is ``offset``, all in quantisation steps."""
    scale = torch.exp2(log2_scale.clamp(min=entropy_tables.SCALE_MIN))
    # By symmetry, on the side where both values of the normal distribution are small and exact.
    upper = torch.special.ndtr((0.5 - offset.abs()) / scale)
    lower = torch.special.ndtr((-0.5 - offset.abs()) / scale)
    return -torch.log2((upper - lower).clamp(min=1e-9))


def rdoq(offset: Tensor, log2_scale: Tensor, rdoq_lambda: float) -> Tensor:
    """Rate-distortion optimised quantisation: to the nearest integer, or to the next towards the mean if that pays.

    As video encoders do it (Karczewicz et al., "Rate distortion optimized quantization", VCEG-AH21, 2008). No decoder
    needs to know.

    Args:
        offset: distance of coefficients from the predicted mean, in quantisation steps.
        log2_scale: of their predicted deviation, likewise.
        rdoq_lambda: squared quantisation steps that saving a bit is worth; 0 rounds to the nearest.
    """
    nearest = offset.round()
    if not rdoq_lambda:
        return nearest
    shorter = nearest - nearest.sign()
    saved = gaussian_bits(nearest, log2_scale) - gaussian_bits(shorter, log2_scale)
    paid = (offset - shorter).square() - (offset - nearest).square()
    return torch.where(paid < rdoq_lambda * saved, shorter, nearest)


def simulate_coding(
    networks: HSCNetworks,
    synthesize_features: FeatureSynthesis,
    semantics: Tensor,
    feature_encoders: Sequence[Callable[[Tensor], Tensor]],
    quality: Tensor,
    count: Tensor | None = None,
    noise: bool = False,
    slice_bits: Callable[[Tensor, Tensor], Tensor] | None = gaussian_bits,
    rdoq_lambda: float = 0,
) -> CodedLatents:
    """Code a batch as the coder would, with gradients.

    Args:
        synthesize_features: G_s.
        semantics: coefficients of S before quantisation, ``(B, 768)``.
        feature_encoders: for each level, what the generator makes of everything before it ``(B, 512, h, w)`` to
            coefficients of F before quantisation.
        quality: ``(B, 1)`` in [0, 1].
        count: slices that are received, ``(B,)``; all where None. Others are their predicted means, for the picture
            and as context alike; a level without any is its base.
        noise: estimate bits from uniform noise instead of rounding (Ballé et al., 2017).
        slice_bits: offsets and log2 scales, in steps, to bits of every symbol; None where nobody asks for them.
        rdoq_lambda: see :func:`rdoq`.
    """
    step, latents = networks.scn.step(quality), [semantics]
    semantics = ste_round(semantics / step) * step
    codes = networks.scn.decode(semantics)
    coefficients, coarser = [semantics], None
    found: list[Tensor] = []
    bases: list[Tensor] = []
    sizes: list[Tensor] = []
    first = 0
    for index, (level, fcn, sce) in enumerate(zip(networks.levels, networks.fcn, networks.sce)):
        start = (found[-1], networks.levels[index - 1]) if index else ()
        bases.append(synthesize_features(codes, level, *start))
        log2_step = fcn.step.log2(quality)[:, :, None, None]
        context = sce.start(semantics, quality, coarser)
        received = None if count is None else count - first
        latents.append(feature_encoders[index](bases[-1]))
        coarser, own, _ = code_slices(
            fcn, sce, latents[-1], context, log2_step, received, noise, slice_bits, rdoq_lambda
        )
        if own is not None:
            sizes.append(own)
        coefficients.append(coarser)
        feature = fcn.decode(coarser, bases[-1])
        if received is not None:
            feature = torch.where((received > 0)[:, None, None, None], feature, bases[-1])
        found.append(feature)
        first += fcn.slices
    bits = torch.cat(sizes, 1) if sizes else semantics.new_zeros(len(semantics), 0)
    return CodedLatents(codes, found, bases, latents, coefficients, bits)


def code_slices(
    fcn: FeatureCompressionNetwork,
    sce: SemanticContextEncoder,
    coefficients: Tensor,
    context: Tensor,
    log2_step: Tensor,
    count: Tensor | None = None,
    noise: bool = False,
    slice_bits: Callable[[Tensor, Tensor], Tensor] | None = gaussian_bits,
    rdoq_lambda: float = 0,
) -> tuple[Tensor, Tensor | None, Tensor]:
    """One level of :func:`simulate_coding`.

    Returns:
        Decoded coefficients ``(B, C, h, w)``, the bits of each slice ``(B, slices)``, and the log2 of the predicted
        deviation of each coefficient, in steps.
    """
    received, spreads, scales = [], [], []
    slices = zip(coefficients.chunk(fcn.slices, 1), log2_step.chunk(fcn.slices, 1))
    for number, (own, exponent) in enumerate(slices):
        mean, log2_scale = sce(number, context)
        width = torch.exp2(exponent)
        offset = (own - mean) / width
        scales.append(log2_scale - exponent)
        symbols = straight_through(offset, rdoq(offset, scales[-1], rdoq_lambda))
        spreads.append(offset + torch.rand_like(offset) - 0.5 if noise else symbols)
        value = symbols * width + mean
        if count is not None:
            value = torch.where((count > number)[:, None, None, None], value, mean)
        received.append(value)
        context = torch.cat((context, value), 1)
    scale, bits = torch.cat(scales, 1), None
    if slice_bits is not None:
        bits = slice_bits(torch.cat(spreads, 1), scale).unflatten(1, (fcn.slices, -1)).sum((2, 3, 4))
    return torch.cat(received, 1), bits, scale


def no_offsets(networks: HSCNetworks, semantics: Tensor) -> list[Tensor]:
    """Zeros to be added to coefficients: to those of S ``(B, 768)``, and of F at each level ``(B, C, h, w)``."""
    sides = (2 << level for level in networks.levels)  # half of the features'
    shapes = ((fcn.latent, side, side) for fcn, side in zip(networks.fcn, sides))
    return [torch.zeros_like(semantics), *(semantics.new_zeros(len(semantics), *shape) for shape in shapes)]


def with_offsets(
    feature_encoders: Sequence[Callable[[Tensor], Tensor]], offsets: Sequence[Tensor]
) -> tuple[Callable[[Tensor], Tensor], ...]:
    """Feature encoders that give the coefficients of the given ones, with an offset added at each level."""
    return tuple(
        lambda base, encode=encode, offset=offset: encode(base) + offset
        for encode, offset in zip(feature_encoders, offsets)
    )
