"""Encoder side of detail: what the picture asks of the generator's features at 64x64, and how much of it is coded.

No encoder says what those features should be. The gradient of what the restoration lacks, with respect to them, does
(as in :mod:`hsc.amortised`); a network codes it in few symbols, see :mod:`hsc.networks.detail`. And S follows it: what
is seen of a face at 1024 px says more of S, too, than the previews and windows of :mod:`hsc.refine`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from hsc import images, soft
from hsc.entropy import detail_quality, quality_value
from hsc.generator import SIZE
from hsc.lpips import LPIPS
from hsc.model import DETAIL_LEVEL
from hsc.networks import DetailCompressionNetwork, SemanticContextEncoder
from hsc.networks.detail import PICTURE
from hsc.refine import BETAS, colour, rate_cost

if TYPE_CHECKING:
    from hsc.codec import Codec, Latents

LPIPS_WEIGHT, COLOUR_WEIGHT, LIKENESS_WEIGHT = 2.0, 0.5, 15.0
"""Of the distortion, beside L1 at 512 px; as in training. The last is of squared differences at 256 px, which say most
of who somebody is: identity networks see about as much."""
FULL = 0.75
"""Share of LPIPS that is seen at 1024 px, where a picture has as many, beside 512."""
SIDE = 4 * 2**DETAIL_LEVEL
SCALE = SIZE // SIDE
"""Pixels for each feature."""
MARGIN = 2
"""Features around a part of the picture that the convolutions need."""
ROWS = 16
"""Rows of features that are looked at together, so that a server's memory holds them."""
LEARNING_RATE = 0.2
"""Of Adam on S at the first look, in quantisation steps, over the square root of the number of looks. It falls evenly:
at the last of n looks it is 1 / n of that."""


class Original:
    """A part of some pictures that are to be restored, and what LPIPS sees of it."""

    def __init__(self, pictures: Tensor, full: bool, lpips: LPIPS, precision: torch.dtype) -> None:
        """
        Args:
            pictures: ``(B, 3, H, W)``.
            full: whether they are of pictures of 1024 px, and seen at both sizes; else of 512, and seen at that alone.
            precision: of LPIPS's convolutions.
        """
        self.half = F.avg_pool2d(pictures, 2) if full else pictures
        self._distance, self._see = lpips.distance, partial(lpips.features, precision=precision)
        self._half_features = self._see(self.half)
        self._full_features = self._see(pictures) if full else None

    def distortion(self, made: Tensor) -> Tensor:
        """How a part of a restoration ``(B, 3, H, W)``, of 1024 px in any case, differs from it: ``(B,)``."""
        half = F.avg_pool2d(made, 2)
        seen = self._distance(self._see(half), self._half_features)
        if self._full_features is not None:
            seen = torch.lerp(seen, self._distance(self._see(made), self._full_features), FULL)
        difference = half - self.half
        likeness = F.avg_pool2d(difference, 2).square().mean((1, 2, 3))
        return (LPIPS_WEIGHT * seen + difference.abs().mean((1, 2, 3)) + COLOUR_WEIGHT * colour(half, self.half)
                + LIKENESS_WEIGHT * likeness)


class DetailEncoder:
    """Finds the detail of an aligned face, and moves its S, one look at what was coded of it after the other."""

    def __init__(self, codec: Codec, image: Image.Image) -> None:
        self._networks, self._prefix = codec.networks, codec.generator.prefix
        self._generator, _ = codec.looking_glass
        self._picture = images.to_tensor(image, PICTURE).to(codec.device)
        # What a small picture lacks would be seen as blur that is wanted.
        full = image.width > PICTURE
        target = images.to_tensor(image, SIZE).to(codec.device) if full else self._picture
        height = target.shape[-1] * ROWS // SIDE
        self._originals = [Original(part, full, codec.lpips, self._generator.input.dtype)
                           for part in target.split(height, 2)]

    def looks(self, latents: Latents, quality: int, count: int) -> Iterator[Latents]:
        """After each look, latents that are nearer to what the face asks for.

        Detail grows by what :func:`improvement` says, S takes a step of gradient descent.

        Args:
            latents: S, and F at each level; detail begins at zero.
            quality: quality byte at which they will be coded, or near it. Detail is of what the symbols before it
                leave, so it is to be found beside such as the file will have.
            count: of looks, at least 1.
        """
        networks = self._networks
        network, context = networks.detail, networks.detail_context
        q, detail_q = (quality_value(value).to(self._picture) for value in (quality, detail_quality(quality)))
        width = networks.scn.step(q)
        detail = self._picture.new_zeros(1, network.latent, SIDE // 2, SIDE // 2)
        # In units of quantisation steps, so that one learning rate serves all channels.
        s = (latents.semantics / width).detach().requires_grad_(True)
        adam = torch.optim.Adam([s], LEARNING_RATE / count**0.5, BETAS)
        schedule = torch.optim.lr_scheduler.LinearLR(adam, 1, 0, count)
        for _ in range(count):
            with torch.enable_grad():
                coded = soft.quantise(networks, self._prefix, s * width, latents.features, q,
                                      multiplier=latents.multiplier)
                base = self._prefix(coded.codes, DETAIL_LEVEL, coded.features[-1], networks.levels[-1])
                cost = rate_cost(coded.bits, s, q)
            codes, asked = coded.codes.detach(), []

            def ask(features: Tensor) -> Tensor:
                asked.extend(self.gradient(codes, features))
                return asked[0]

            semantics, *_, coarser = (part.detach() for part in coded.coefficients)
            start = context.start(semantics, detail_q, coarser)
            detail = detail + improvement(
                network, context, ask, self._picture, detail, base.detach(), start, detail_q
            )
            adam.zero_grad()
            # As if detail, and its bits, did not depend on base and context, which they hardly do.
            torch.autograd.backward((base, coded.codes, cost), (*(part / SIDE**2 for part in asked), None))
            adam.step()
            schedule.step()
            yield replace(latents, semantics=(s * width).detach(), detail=detail)

    def gradient(self, codes: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """Of ``SIDE**2`` times the distortion, with respect to features and codes, in the type of the features.

        Args:
            codes: ``(1, 16, 512)``; what they do before the features is not asked for.
            features: ``(1, 512, 64, 64)``.
        """
        kind = self._generator.input.dtype
        codes, given = codes.to(kind), features.to(kind)
        of_features, of_codes = torch.zeros_like(features), torch.zeros_like(codes, dtype=features.dtype)
        for index, original in enumerate(self._originals):
            top = index * ROWS
            first, last = max(top - MARGIN, 0), min(top + ROWS + MARGIN, SIDE)
            with torch.enable_grad():
                leaves = [x.clone().requires_grad_(True) for x in (given[:, :, first:last], codes)]
                made = self._generator.suffix(*leaves, DETAIL_LEVEL, (first, 0)).float()
                rows = slice(SCALE * (top - first), SCALE * (top - first + ROWS))
                loss = original.distortion(made[:, :, rows])
                parts = torch.autograd.grad(loss.sum() * ROWS * SIDE, leaves)
            of_features[:, :, first:last] += parts[0].float()
            of_codes += parts[1].float()
        return of_features, of_codes


def improvement(
    network: DetailCompressionNetwork, context: SemanticContextEncoder, ask: Callable[[Tensor], Tensor],
    picture: Tensor, wanted: Tensor, base: Tensor, start: Tensor, quality: Tensor,
) -> Tensor:
    """What to add to coefficients of detail ``(B, C, h, w)``, of pictures or parts of them.

    Gradients flow through the analysis alone, not through the coding that it learns from.

    Args:
        ask: features ``(B, 512, 2h, 2w)`` to the gradient of the distortion, summed over places.
        picture: ``(B, 3, 16h, 16w)``.
        wanted: coefficients so far.
        base: features without detail.
        start: see :meth:`hsc.networks.SemanticContextEncoder.start`.
        quality: of detail, ``(B, 1)``.
    """
    log2_step = network.step.log2(quality).detach()[:, :, None, None]
    step = torch.exp2(log2_step)
    # What a bit costs, beside a distortion that is summed over places; everything is seen in bits for each step.
    price = (soft.byte_weight(quality) / 8 * SIDE**2)[:, :, None, None]
    with torch.enable_grad():
        leaf = wanted.detach().requires_grad_(True)
        coefficients, bits, scales = soft.code_slices(
            network, context, leaf, start, log2_step, multiplier=soft.MULTIPLIER
        )
        features = network.decode(coefficients, base)
        asked = ask(features.detach())
        towards, = torch.autograd.grad(features, leaf, asked, retain_graph=True)
        rate, = torch.autograd.grad(sum(part.sum() for part in bits), leaf)
    with torch.no_grad():
        symbols = torch.cat((
            (leaf - coefficients) / step, torch.asinh(coefficients / step), scales,
            torch.asinh(towards * step / price), torch.asinh(rate * step),
            quality[:, :, None, None].expand(-1, -1, *leaf.shape[-2:]),
        ), 1)
    return network.encode(picture, asked, features.detach(), symbols.detach(), step)
