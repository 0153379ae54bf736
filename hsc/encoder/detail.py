"""Encoder side of detail: what the picture asks of the generator's features at 64x64, and how much of it is coded.

No encoder says what those features should be. The gradient of the distortion with respect to them does, as in
:mod:`hsc.encoder.learned_refinement`; a network codes it in few symbols, see :mod:`hsc.networks.detail`. And S follows
it: a face at 1024 px says more of S, too, than the previews and windows of :mod:`hsc.encoder.refinement`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from hsc.coding.differentiable import code_slices, simulate_coding
from hsc.coding.seeds import seed
from hsc.encoder.adam import Adam
from hsc.encoder.context import EncoderContext
from hsc.encoder.latents import Latents
from hsc.encoder.objective import DistortionTarget, rate_cost, rate_lambda
from hsc.encoder.presets import DEFAULT, Preset, RatePrice
from hsc.generator import SIZE
from hsc.imaging import images
from hsc.networks import DetailCompressionNetwork, SemanticContextEncoder
from hsc.networks.detail import PICTURE
from hsc.networks.entropy_tables import detail_quality, quality_value
from hsc.networks.hsc_networks import DETAIL_LEVEL
from hsc.runtime.branches import side_by_side

SIDE = 4 * 2**DETAIL_LEVEL
"""Side of the features that detail changes."""
SCALE = SIZE // SIDE
"""Pixels for each feature."""
MARGIN = 2
"""Features around a part of the picture that the convolutions need."""


class DetailEncoder:
    """Finds the detail of an aligned face, and moves its S, one iteration after the other."""

    def __init__(self, context: EncoderContext, image: Image.Image, preset: Preset = DEFAULT) -> None:
        self._context, self._preset = context, preset
        self._generator, _ = context.surrogate
        self._picture = images.to_tensor(image, PICTURE).to(context.device)
        # What a small picture lacks would be seen as blur that is wanted.
        full = image.width > PICTURE
        target = images.to_tensor(image, SIZE).to(context.device) if full else self._picture
        height = target.shape[-1] * preset.detail.rows // SIDE
        precision, weights = self._generator.precision, preset.full_distortion
        self._targets = [
            DistortionTarget(part, full, context.lpips, precision, weights) for part in target.split(height, 2)
        ]

    def iterate(self, latents: Latents, quality: int, count: int) -> Iterator[Latents]:
        """Yields, after each iteration, latents that are nearer to what the face asks for.

        Detail grows by what :func:`improvement` says, S takes a step of gradient descent.

        Args:
            latents: S, and F at each level; detail begins at zero.
            quality: quality byte at which they will be coded, or near it. Detail is of what the symbols before it
                leave, so it is to be found beside such as the file will have.
            count: number of iterations, at least 1.
        """
        networks, synthesize, preset = self._context.networks, self._context.frozen.synthesize_features, self._preset
        network, predictor = networks.detail, networks.detail_context
        q, detail_q = (quality_value(value).to(self._picture) for value in (quality, detail_quality(quality)))
        width = networks.scn.step(q)
        detail = self._picture.new_zeros(1, network.latent, SIDE // 2, SIDE // 2)
        # In units of quantisation steps, so that one learning rate serves all channels.
        s = (latents.semantics / width).detach().requires_grad_(True)
        betas = preset.refinement.momentum, preset.refinement.second_moment
        adam, s_rate = Adam(s, betas), preset.detail.s_rate / count**0.5
        for index in range(count):
            with torch.enable_grad():
                encoders = latents.feature_encoders
                coded = simulate_coding(networks, synthesize, s * width, encoders, q, rdoq_lambda=latents.rdoq)
                base = synthesize(coded.codes, DETAIL_LEVEL, coded.features[-1], networks.levels[-1])
                cost = rate_cost(coded.bits, s, q, preset.rate_price)
            recorded = _RecordedGradient(self, coded.codes.detach())
            semantics, *_, coarser = (part.detach() for part in coded.coefficients)
            prediction = predictor.start(semantics, detail_q, coarser)
            detail = detail + improvement(
                network,
                predictor,
                recorded,
                self._picture,
                detail,
                base.detach(),
                prediction,
                detail_q,
                preset.rate_price,
            )
            # As if detail, and its bits, did not depend on base and context, which they hardly do.
            gradients = [part / SIDE**2 for part in (recorded.features, recorded.codes)]
            with torch.enable_grad():
                (cost + seed((base, coded.codes), gradients)).backward()
            adam.step(s_rate * (1 - index / count))
            yield replace(latents, semantics=(s * width).detach(), detail=detail)

    def gradient(self, codes: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """Gradients of ``SIDE**2`` times the distortion, with respect to features and to codes.

        Args:
            codes: ``(1, 16, 512)``; what they do before the features is not asked for.
            features: ``(1, 512, 64, 64)``.
        """
        given = features.to(self._generator.precision)
        of_features, of_codes = torch.zeros_like(features), torch.zeros_like(codes)

        @torch.enable_grad()
        def of_bands(indexes: range) -> list[tuple[Tensor, ...]]:
            return [self._band_gradient(index, given, codes) for index in indexes]

        for index, (asked, own) in enumerate(self._each_band(of_bands)):
            of_features[:, :, self._band(index)] += asked.float()
            of_codes += own
        return of_features, of_codes

    @torch.no_grad()
    def measure(self, feature: Tensor, codes: Tensor, detail: Tensor | None = None) -> float:
        """The distortion of a restoration as iterations see it, detail or none: files of one photo compare by it.

        Previews and windows, see :meth:`hsc.encoder.objective.DistortionModel.measure`, see too little of what detail
        is for.

        Args:
            feature: F^ at its finest level, ``(1, 512, 32, 32)``.
            codes: S^ ``(1, 16, 512)``.
            detail: what is added to the generator's features ``(1, 512, 64, 64)``.
        """
        level = self._context.networks.levels[-1]
        features = self._generator.synthesize_features(codes, DETAIL_LEVEL, feature, level)
        if detail is not None:
            features = features + detail.to(features.dtype)

        @torch.no_grad()
        def of_bands(indexes: range) -> list[Tensor]:
            return [self._distortion(index, features[:, :, self._band(index)], codes) for index in indexes]

        return float(sum(self._each_band(of_bands)))

    def _each_band(self, work: Callable[[range], list[Any]]) -> list[Any]:
        """What is made of bands, some of them in each of two branches."""
        count = len(self._targets)
        branches = [partial(work, indexes) for indexes in (range(count // 2), range(count // 2, count))]
        return [made for branch in side_by_side(*branches) for made in branch]

    def _band_gradient(self, index: int, features: Tensor, codes: Tensor) -> tuple[Tensor, ...]:
        leaves = [x.detach().clone().requires_grad_(True) for x in (features[:, :, self._band(index)], codes)]
        return torch.autograd.grad(self._distortion(index, *leaves) * SIDE**2, leaves)

    def _band(self, index: int) -> slice:
        """Rows of features that one of the targets needs."""
        top = index * self._preset.detail.rows
        return slice(max(top - MARGIN, 0), min(top + self._preset.detail.rows + MARGIN, SIDE))

    def _distortion(self, index: int, features: Tensor, codes: Tensor) -> Tensor:
        """What one target adds to the distortion of a picture, by its band of features."""
        rows, first = self._preset.detail.rows, self._band(index).start
        top = index * rows
        made = self._generator.synthesize_image(features, codes, DETAIL_LEVEL, ((first, 0),)).float()
        judged = slice(SCALE * (top - first), SCALE * (top - first + rows))
        return self._targets[index].distortion(made[:, :, judged]).sum() * rows / SIDE


class _RecordedGradient:
    """The gradient that :func:`improvement` asks for, kept for the step of S, whose codes are the same."""

    features: Tensor
    codes: Tensor

    def __init__(self, encoder: DetailEncoder, codes: Tensor) -> None:
        self._encoder, self._codes = encoder, codes

    def __call__(self, features: Tensor) -> Tensor:
        self.features, self.codes = self._encoder.gradient(self._codes, features)
        return self.features


def improvement(
    network: DetailCompressionNetwork,
    predictor: SemanticContextEncoder,
    gradient: Callable[[Tensor], Tensor],
    picture: Tensor,
    wanted: Tensor,
    base: Tensor,
    prediction: Tensor,
    quality: Tensor,
    price: RatePrice = DEFAULT.rate_price,
) -> Tensor:
    """What to add to coefficients of detail ``(B, C, h, w)``, of pictures or parts of them.

    Gradients flow through the analysis alone, not through the coding that it learns from.

    Args:
        gradient: features ``(B, 512, 2h, 2w)`` to the gradient of the distortion, summed over places.
        picture: ``(B, 3, 16h, 16w)``.
        wanted: coefficients so far.
        base: features without detail.
        prediction: see :meth:`hsc.networks.SemanticContextEncoder.start`.
        quality: of detail, ``(B, 1)`` in [0, 1].
        price: what a byte weighs.
    """
    log2_step = network.step.log2(quality).detach()[:, :, None, None]
    step = torch.exp2(log2_step)
    # What a bit costs, beside a distortion that is summed over places; everything is seen in bits for each step.
    bit = (rate_lambda(quality, price) / 8 * SIDE**2)[:, :, None, None]
    with torch.enable_grad():
        leaf = wanted.detach().requires_grad_(True)
        coefficients, bits, scales = code_slices(
            network, predictor, leaf, prediction, log2_step, rdoq_lambda=price.rdoq
        )
        features = network.decode(coefficients, base)
        asked = gradient(features.detach())
        (towards,) = torch.autograd.grad(seed([features], [asked]), leaf, retain_graph=True)
        (rate,) = torch.autograd.grad(bits.sum(), leaf)
    with torch.no_grad():
        symbols = torch.cat(
            (
                (leaf - coefficients) / step,
                torch.asinh(coefficients / step),
                scales,
                torch.asinh(towards * step / bit),
                torch.asinh(rate * step),
                quality[:, :, None, None].expand(-1, -1, *leaf.shape[-2:]),
            ),
            1,
        )
    return network.encode(picture, asked, features.detach(), symbols.detach(), step)
