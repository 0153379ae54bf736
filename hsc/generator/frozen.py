"""The generator for an encoder: frozen, differentiable in features and codes alone, in few passes over memory.

The same function as :class:`hsc.generator.Generator`, which stays the plain statement of it, and which a test compares
this with. An encoder runs it forth and back some ten times for each photo; besides arithmetic, that is memory traffic
and many small operators. So here

- everything has its channels last, where a pointwise convolution is a matrix product;
- styles are folded into the factors of the Haar step, or into the depthwise kernels;
- noise and leaky ReLU happen in place, and backward passes are written out, with no gradients of weights;
- from one block to the next, channels come in *band order*: all low-pass ones, then all first, second and third
  high-pass ones, so that each band of a Haar step is one piece of memory.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from hsc.generator.mobilestylegan import LAYERS, Generator, Style, StyledConvolution

SLOPE = 0.2
"""Of leaky ReLU."""
Corner = tuple[int, int]
"""Row and column of the first feature of a part of a picture."""
WHOLE: tuple[Corner, ...] = ((0, 0),)


class FrozenGenerator:
    """Synthesis with a generator's weights in some precision, of one face: as a whole, or of some of its parts.

    Tensors have the shapes that :class:`hsc.generator.Generator` has them in, with channels last in memory.
    """

    def __init__(self, generator: Generator, precision: torch.dtype = torch.float32) -> None:
        self.precision, self._generator = precision, generator
        device = generator.input.device
        self._orders = [_Order.of(block.up.bias.numel(), device) for block in (*generator.blocks, generator.blocks[-1])]
        self._layers = []
        for index, block in enumerate(generator.blocks):
            first, second = (_Layer.of(layer, precision) for layer in (block.conv1, block.conv2))
            going_on = None
            if index + 1 < len(generator.blocks):
                going_on = second.in_order(self._orders[index + 1].there)
            self._layers.append((first, second, going_on))
        head = generator.to_img
        bands = _Order.of(head.bias.numel(), device)
        self._to_bands = head.weight.flatten(1)[bands.there].to(precision), head.bias[bands.there].to(precision)

    def synthesize_features(
        self,
        codes: Tensor,
        level: int,
        features: Tensor | None = None,
        start: int = 0,
        corners: tuple[Corner, ...] = WHOLE,
    ) -> Tensor:
        """G_s, see :meth:`hsc.generator.Generator.synthesize_features`, for codes ``(1, 16, 512)``.

        Args:
            features: at level ``start``, ``(B, C, h, w)``: of the whole picture, or of as many parts as ``corners``.
        """
        if features is None:
            features = self._generator.conv1(self._generator.input, codes[:, 0])
        features = features.to(self.precision).permute(0, 2, 3, 1).contiguous()
        for index in range(start, level):
            scale = 2 ** (index + 1 - start)
            features = self._block(index, features, codes[0], index == start, index + 1 == level, corners, scale)
        return features.permute(0, 3, 1, 2)

    def synthesize_image(
        self, features: Tensor, codes: Tensor, level: int, corners: tuple[Corner, ...] = WHOLE
    ) -> Tensor:
        """G_l, see :meth:`hsc.generator.Generator.synthesize_image`; arguments as of :meth:`synthesize_features`."""
        features = self.synthesize_features(codes, len(self._layers), features, level, corners).permute(0, 2, 3, 1)
        weight, bias = self._to_bands
        style = _style(self._generator.to_img.style, codes[0, LAYERS - 1]).to(self.precision)
        bands = F.linear(features, weight * style, bias)
        return _InverseHaar.apply(bands, bands.new_full((len(bias),), 0.5), None).permute(0, 3, 1, 2)

    def _block(
        self,
        index: int,
        features: Tensor,
        codes: Tensor,
        first: bool,
        last: bool,
        corners: tuple[Corner, ...],
        scale: int,
    ) -> Tensor:
        """One block, ``(B, h, w, C)`` to ``(B, 2h, 2w, C')``: in band order but for the first one's inputs and the last
        one's outputs."""
        block, order, code1, code2 = self._generator.blocks[index], self._orders[index], *codes[2 * index + 1 :][:2]
        conv1, conv2, going_on = self._layers[index]
        factors = 0.5 * _style(block.up, code1)[order.there] * _style(block.conv1.style, code1).repeat(4)
        features = _InverseHaar.apply(features, factors.to(self.precision), order if first else None)
        features = _StyledConvolution.apply(features, None, conv1, conv1.noise_at(corners, scale, features))
        conv2 = conv2 if last else going_on
        style = _style(block.conv2.style, code2).to(self.precision)
        return _StyledConvolution.apply(features, style, conv2, conv2.noise_at(corners, scale, features))


def _style(layer: Style, code: Tensor) -> Tensor:
    return F.linear(code, layer.weight, layer.bias) * layer.scale


@dataclass(frozen=True)
class _Order:
    """Where the channels of band order are among those of :func:`hsc.generator.inverse_haar`, and the inverse."""

    there: Tensor
    back: Tensor

    @classmethod
    def of(cls, channels: int, device: torch.device) -> _Order:
        low = channels // 4
        there = torch.cat((torch.arange(low), *(torch.arange(low + band, channels, 3) for band in range(3))))
        return cls(there.to(device), there.argsort().to(device))


@dataclass(frozen=True)
class _Layer:
    """Weights of a styled convolution as they are used here."""

    depthwise: Tensor
    flipped: Tensor
    weight: Tensor
    bias: Tensor
    noise: Tensor

    @classmethod
    def of(cls, layer: StyledConvolution, precision: torch.dtype) -> _Layer:
        kernel, weight = layer.depthwise.to(precision), layer.weight.flatten(1).to(precision)
        noise = layer.noise.to(precision).view(1, *layer.noise.shape[2:], 1)
        return cls(kernel, kernel.flip(2, 3), weight, layer.bias.to(precision), noise)

    def in_order(self, order: Tensor) -> _Layer:
        """The same, with its outputs in another order."""
        return replace(self, weight=self.weight[order].contiguous(), bias=self.bias[order])

    def noise_at(self, corners: tuple[Corner, ...], scale: int, features: Tensor) -> Tensor:
        """That of the parts that ``features`` are of, whose corners are given at a scale below theirs."""
        height, width = features.shape[1:3]
        parts = [self.noise[:, scale * top :, scale * left :][:, :height, :width] for top, left in corners]
        return torch.cat(parts) if len(parts) > 1 else parts[0]


class _InverseHaar(torch.autograd.Function):
    """Bands ``(B, H, W, 4C)``, times factors ``(4C,)`` in band order, to twice :func:`hsc.generator.inverse_haar`.

    The bands are in band order too, unless it is given.
    """

    @staticmethod
    def forward(ctx: Any, bands: Tensor, factors: Tensor, order: _Order | None) -> Tensor:
        if order is not None:
            bands = bands.index_select(3, order.there)
        ctx.order = order
        ctx.save_for_backward(bands, factors)
        batch, height, width, channels = bands.shape
        low, first, second, third = (bands * factors).unflatten(3, (4, channels // 4)).unbind(3)
        pixels = bands.new_empty(batch, height, 2, width, 2, channels // 4)
        for row, (half, side) in enumerate(((low + first, second + third), (low - first, second - third))):
            torch.add(half, side, out=pixels[:, :, row, :, 0])
            torch.sub(half, side, out=pixels[:, :, row, :, 1])
        return pixels.view(batch, 2 * height, 2 * width, channels // 4)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        bands, factors = ctx.saved_tensors
        batch, height, width, channels = bands.shape
        pixels = gradient.reshape(batch, height, 2, width, 2, channels // 4)
        even, odd = pixels[:, :, :, :, 0], pixels[:, :, :, :, 1]
        found = torch.empty_like(bands)
        low, first, second, third = found.unflatten(3, (4, channels // 4)).unbind(3)
        for sums, (one, other) in ((even + odd, (low, first)), (even - odd, (second, third))):
            torch.add(sums[:, :, 0], sums[:, :, 1], out=one)
            torch.sub(sums[:, :, 0], sums[:, :, 1], out=other)
        of_factors = (found * bands).sum((0, 1, 2)) if ctx.needs_input_grad[1] else None
        if not ctx.needs_input_grad[0]:
            return None, of_factors, None
        found.mul_(factors)
        return found if ctx.order is None else found.index_select(3, ctx.order.back), of_factors, None


class _StyledConvolution(torch.autograd.Function):
    """A styled convolution of ``(B, H, W, C)``; its style ``(C,)`` is None where features come with it."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, style: Tensor | None, layer: _Layer, noise: Tensor) -> Tensor:
        kernel = layer.depthwise if style is None else layer.depthwise * style[:, None, None, None]
        made = _depthwise(features, kernel).flatten(0, 2)
        made = torch.add(noise, layer.bias).flatten(0, 2).addmm_(made, layer.weight.T)
        made = F.leaky_relu_(made.view(*features.shape[:3], -1), SLOPE)
        ctx.layer = layer
        ctx.save_for_backward(made, style, None if style is None else features)
        return made

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        made, style, features = ctx.saved_tensors
        gradient = torch.ops.aten.leaky_relu_backward(gradient.contiguous(), made, SLOPE, True)
        gradient = (gradient.flatten(0, 2) @ ctx.layer.weight).view(*made.shape[:3], -1)
        if style is None:
            return _depthwise(gradient, ctx.layer.flipped), None, None, None
        gradient = _depthwise(gradient, ctx.layer.flipped * style[:, None, None, None])
        of_style = None
        if ctx.needs_input_grad[1]:  # nothing comes through a channel whose style is 0
            of_style = (gradient * features).sum((0, 1, 2)) / style.masked_fill(style == 0, 1)
        return gradient, of_style, None, None


def _depthwise(features: Tensor, kernel: Tensor) -> Tensor:
    made = F.conv2d(features.permute(0, 3, 1, 2), kernel, padding=1, groups=len(kernel))
    return made.permute(0, 2, 3, 1).contiguous()
