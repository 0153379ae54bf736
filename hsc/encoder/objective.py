"""What the encoder minimises: a distortion, and what the rate weighs beside it. Training uses the same parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from hsc.coding.differentiable import CodedLatents
from hsc.coding.seeds import seed
from hsc.encoder.context import EncoderContext
from hsc.encoder.presets import DEFAULT, FullDistortion, PreviewDistortion, RatePrice
from hsc.generator import SIZE, crops
from hsc.generator.frozen import Corner
from hsc.generator.preview_head import PREVIEW_LEVEL, PREVIEW_SIZE
from hsc.imaging import images
from hsc.metrics.lpips import LPIPS
from hsc.networks.hsc_networks import DETAIL_LEVEL
from hsc.runtime.branches import side_by_side


def colour_distance(picture: Tensor, target: Tensor, patch: int = DEFAULT.preview_distortion.colour_patch) -> Tensor:
    """Mean absolute difference ``(B,)`` between mean colours of patches of two pictures ``(B, 3, H, W)``."""
    return F.avg_pool2d(picture - target, patch).abs().mean((1, 2, 3))


def rate_lambda(quality: Tensor, price: RatePrice = DEFAULT.rate_price) -> Tensor:
    """What a byte of a file weighs beside the distortion, at qualities in [0, 1]."""
    return price.at_lowest * torch.exp2(-price.doublings * quality)


def rate_cost(bits: Tensor, semantics: Tensor, quality: Tensor, price: RatePrice = DEFAULT.rate_price) -> Tensor:
    """What the rate weighs beside the distortion in refinement, a scalar.

    Args:
        bits: of slices of F.
        semantics: coefficients of S in quantisation steps, not rounded. They have no cheap differentiable rate here; a
            symbol costs about a bit for each doubling.
        quality: in [0, 1].
    """
    weight = price.refinement_factor * rate_lambda(quality, price) / 8
    return (weight * (bits.sum() + torch.log2(1 + semantics.abs()).sum())).sum()


@dataclass(frozen=True)
class DistortionGradient:
    """How a batch looks that was coded, and where it would look better.

    Attributes:
        restored: the preview ``(B, 3, 256, 256)``.
        features: gradient of the distortion with respect to the finest F^.
        codes: gradient with respect to S^.
    """

    restored: Tensor
    features: Tensor
    codes: Tensor

    def backpropagate(self, coded: CodedLatents, leaves: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """The gradient with respect to leaves that the batch was coded from."""
        start = seed((coded.features[-1], coded.codes), (self.features, self.codes))
        return torch.autograd.grad(start, leaves)


class DistortionModel:
    """Compares what was coded with the photo: as a preview, and at 1024 px through a few windows.

    Windows move on with each call, so that a few calls see most of the picture.

    Args:
        mse: weight of squared differences of previews.

    Attributes:
        first: the distortion that the first call saw, which is what :meth:`measure` says of it; None before that.
    """

    def __init__(self, context: EncoderContext, image: Image.Image, weights: PreviewDistortion, mse: float) -> None:
        self._weights, self._mse = weights, mse
        self._lpips, (self._generator, self._preview) = context.lpips, context.surrogate
        self._level = context.networks.levels[-1]
        self.target = images.to_tensor(image, PREVIEW_SIZE).to(context.device)
        self._large = images.to_tensor(image, SIZE).to(context.device)
        self._target_features = self._perceive(self.target)
        self._windows = 0
        self.first: float | None = None

    @torch.enable_grad()
    def __call__(self, coded: CodedLatents) -> DistortionGradient:
        feature, codes = (tensor.detach().requires_grad_(True) for tensor in (coded.features[-1], coded.codes))
        trunk = self._generator.synthesize_features(codes, PREVIEW_LEVEL, feature, self._level)
        middle = trunk.detach()
        corners = tuple(
            crops.corner(self._windows + index, self._weights.window) for index in range(self._weights.windows)
        )
        begun, self._windows = self._windows > 0, self._windows + len(corners)

        @torch.enable_grad()
        def through_windows() -> tuple[Tensor, ...]:
            leaves = [self._surroundings(middle, corners).requires_grad_(True), codes.detach().requires_grad_(True)]
            seen = self._seen_through(corners) if begun else self._measured[1]
            texture = self._texture_distortion(*leaves, corners, seen)
            return texture.detach(), *torch.autograd.grad(texture, leaves)

        @torch.enable_grad()
        def as_a_whole() -> tuple[Tensor, ...]:
            leaves = [leaf.detach().requires_grad_(True) for leaf in (middle, codes)]
            picture = self._preview(*leaves)
            whole = self._preview_distortion(picture)
            return whole.detach(), picture.detach(), *torch.autograd.grad(whole, leaves)

        windows, preview = side_by_side(through_windows, as_a_whole)
        (texture, of_parts, through_style), (whole, picture, of_middle, of_tone) = windows, preview
        if self.first is None:
            self.first = float(texture + whole)
        for corner, gradient in zip(corners, of_parts.split(1)):
            crops.surroundings(of_middle, corner, self._weights.window).add_(gradient)
        codes.grad = through_style + of_tone
        seed([trunk], [of_middle]).backward()
        return DistortionGradient(picture, feature.grad, codes.grad)

    @torch.no_grad()
    def measure(self, feature: Tensor, codes: Tensor, detail: Tensor | None = None) -> float:
        """The distortion of a restoration, always through the same windows: files of one photo compare by it.

        Args:
            feature: F^ at its finest level, ``(1, 512, 32, 32)``.
            codes: S^ ``(1, 16, 512)``.
            detail: what is added to the generator's features ``(1, 512, 64, 64)``.
        """
        generator = self._generator
        if detail is None:
            trunk = generator.synthesize_features(codes, PREVIEW_LEVEL, feature, self._level)
        else:
            middle = generator.synthesize_features(codes, DETAIL_LEVEL, feature, self._level)
            middle = middle + detail.to(middle.dtype)
            trunk = generator.synthesize_features(codes, PREVIEW_LEVEL, middle, DETAIL_LEVEL)
        corners, seen = self._measured
        parts = self._surroundings(trunk, corners)
        texture = partial(torch.no_grad()(self._texture_distortion), parts, codes, corners, seen)
        whole = torch.no_grad()(lambda: self._preview_distortion(self._preview(trunk, codes)))
        return float(sum(side_by_side(texture, whole)))

    @cached_property
    def _measured(self) -> tuple[tuple[Corner, ...], list[Tensor]]:
        """Windows of :meth:`measure`, and what LPIPS sees of the photo there."""
        corners = tuple(crops.corner(index, self._weights.window) for index in range(self._weights.windows))
        return corners, self._seen_through(corners)

    def _surroundings(self, trunk: Tensor, corners: tuple[Corner, ...]) -> Tensor:
        """Features of all windows as a batch, channels last."""
        parts = torch.cat([crops.surroundings(trunk, corner, self._weights.window) for corner in corners])
        return parts.contiguous(memory_format=torch.channels_last)

    @torch.no_grad()
    def _seen_through(self, corners: tuple[Corner, ...]) -> list[Tensor]:
        """What LPIPS sees of the photo in windows."""
        return self._perceive(torch.cat([crops.cut(self._large, corner, self._weights.window) for corner in corners]))

    def _perceive(self, picture: Tensor) -> list[Tensor]:
        """LPIPS features, in the surrogate's precision."""
        return self._lpips.features(picture, self._generator.precision)

    def _texture_distortion(
        self, parts: Tensor, codes: Tensor, corners: tuple[Corner, ...], seen: list[Tensor]
    ) -> Tensor:
        made = crops.render(self._generator, parts, codes, corners).float()
        distances = self._lpips.distance_to(made, seen, self._generator.precision)
        distortion = self._weights.texture * distances.mean()
        if self._weights.grid:
            photo = torch.cat([crops.cut(self._large, corner, self._weights.window) for corner in corners])
            repeated = grid_pattern(made) - grid_pattern(photo)
            distortion = distortion + self._weights.grid * repeated.square().mean()
        return distortion

    def _preview_distortion(self, picture: Tensor) -> Tensor:
        difference = picture - self.target
        distortion = difference.abs().mean() + self._mse * difference.square().mean()
        colour = colour_distance(picture, self.target, self._weights.colour_patch)
        distortion = distortion + self._weights.colour * colour.sum()
        seen = self._lpips.distance_to(picture, self._target_features, self._generator.precision)
        return distortion + seen.sum()


def grid_pattern(windows: Tensor, period: int = crops.SCALE) -> Tensor:
    """What repeats every ``period`` pixels in grey windows, ``(B, period, period)``, around 0.

    Fine structure, which is what differs from a mean over about two periods, in the mean over all periods.

    Args:
        windows: ``(B, 3, H, W)``, H and W multiples of the period.
    """
    grey = windows.mean(1)
    (rows, blurred_rows), (columns, blurred_columns) = (_periods(side, period, grey) for side in grey.shape[1:])
    pattern = rows @ grey @ columns.T - blurred_rows @ grey @ blurred_columns.T
    return pattern - pattern.mean((1, 2), keepdim=True)


def _periods(side: int, period: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Matrices ``(period, side)`` that take the mean over all periods of a line, as it is and after a box blur."""
    place = torch.arange(side, device=like.device)
    mean = (place % period == torch.arange(period, device=like.device)[:, None]).to(like) * (period / side)
    box = ((place[:, None] - place).abs() <= period).to(like)
    return mean, mean @ (box / box.sum(1, keepdim=True))


class DistortionTarget:
    """Parts of some pictures that are to be restored at full size, and what LPIPS sees of them.

    Args:
        pictures: ``(B, 3, H, W)``.
        full: whether they are of pictures of 1024 px, and compared at 1024 and 512; else of 512, and at that alone.
        precision: of LPIPS's convolutions.
    """

    def __init__(
        self,
        pictures: Tensor,
        full: bool,
        lpips: LPIPS,
        precision: torch.dtype,
        weights: FullDistortion = DEFAULT.full_distortion,
    ) -> None:
        self.half = F.avg_pool2d(pictures, 2) if full else pictures
        self._weights = weights
        self._distance_to = partial(lpips.distance_to, precision=precision)
        self._half_features = lpips.features(self.half, precision)
        self._full_features = lpips.features(pictures, precision) if full else None

    def distortion(self, made: Tensor) -> Tensor:
        """How parts of restorations ``(B, 3, H, W)``, at 1024 px in any case, differ from the target: ``(B,)``."""
        weights = self._weights
        half = F.avg_pool2d(made, 2)
        seen = self._distance_to(half, self._half_features)
        if self._full_features is not None:
            full = self._distance_to(made, self._full_features)
            seen = torch.lerp(seen, full, weights.full_share)
        difference = half - self.half
        mse = F.avg_pool2d(difference, 2).square().mean((1, 2, 3))
        return (
            weights.lpips * seen
            + difference.abs().mean((1, 2, 3))
            + weights.colour * colour_distance(half, self.half)
            + weights.mse * mse
        )
