"""MobileStyleGAN (Belousov, 2021, arXiv 2104.04767), distilled from StyleGAN2-FFHQ at 1024x1024.

The published export takes one style code for the whole picture. This rebuild takes one for each of its 16 styled
layers, runs as a *prefix* (style codes -> features at some level) and a *suffix* (features -> picture), and keeps
the noise maps fixed, so that the same latent always gives the same picture.
"""

from __future__ import annotations

import math
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hsc.architecture import CHANNELS, LATENT, LAYERS, SIZE

__all__ = [
    "CHANNELS",
    "LATENT",
    "LAYERS",
    "SIZE",
    "Generator",
    "Style",
    "inverse_haar",
    "sample_codes",
]


class Style(nn.Module):
    """Affine map from a style code ``(B, 512)`` to one factor for each channel ``(B, C, 1, 1)``."""

    def __init__(self, channels: int, scale: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(channels, LATENT))
        self.bias = nn.Parameter(torch.ones(channels))
        self.scale = scale

    def forward(self, code: Tensor) -> Tensor:
        return (F.linear(code, self.weight, self.bias) * self.scale)[:, :, None, None]


def inverse_haar(bands: Tensor) -> Tensor:
    """One inverse step of the orthonormal Haar wavelet.

    Args:
        bands: ``(B, 4C, H, W)``: C low-pass channels, then for each of them its three high-pass ones.

    Returns:
        ``(B, C, 2H, 2W)``.
    """
    batch, channels, height, width = bands.shape
    channels //= 4
    # Channels last throughout: the layout in which depthwise convolutions run several times faster on a CPU. Where the
    # features come in the other layout, so does the result.
    last = bands.permute(0, 2, 3, 1)
    low, first, second, third = last[..., :channels], *(last[..., channels + i :: 3] for i in range(3))
    up, down = low + first, low - first
    left, right = second + third, second - third
    rows = [torch.stack((half + side, half - side), 3) for half, side in ((up, left), (down, right))]
    pixels = torch.stack(rows, 2) * 0.5
    return pixels.reshape(batch, 2 * height, 2 * width, channels).permute(0, 3, 1, 2)


class StyledConvolution(nn.Module):
    """Modulated convolution with its demodulation folded in, fixed noise, bias and leaky ReLU (slope 0.2)."""

    def __init__(self, inputs: int, outputs: int, size: int, separable: bool = True) -> None:
        super().__init__()
        kernel = 1 if separable else 3
        self.style = Style(inputs, 1 / math.sqrt(9 * inputs))
        self.depthwise = nn.Parameter(torch.zeros(inputs, 1, 3, 3)) if separable else None
        self.weight = nn.Parameter(torch.zeros(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.noise = nn.Parameter(torch.zeros(1, 1, size, size))

    def forward(self, features: Tensor, code: Tensor, corner: tuple[int, int] = (0, 0)) -> Tensor:
        """``corner``: row and column of the features in the whole picture, where they are a cut-out of it."""
        features = features * self.style(code)
        if self.depthwise is not None:
            features = F.conv2d(features, self.depthwise, padding=1, groups=len(self.depthwise))
        features = F.conv2d(features, self.weight, self.bias, padding=self.weight.shape[-1] // 2)
        (top, left), (height, width) = corner, features.shape[2:]
        return F.leaky_relu(features + self.noise[..., top : top + height, left : left + width], 0.2)


class SynthesisBlock(nn.Module):
    """Doubles the resolution by an inverse wavelet step, then two styled convolutions."""

    def __init__(self, inputs: int, outputs: int, size: int) -> None:
        super().__init__()
        self.up = Style(inputs, 1.0)
        self.conv1 = StyledConvolution(inputs // 4, outputs, size)
        self.conv2 = StyledConvolution(outputs, outputs, size)

    def forward(self, features: Tensor, code1: Tensor, code2: Tensor, corner: tuple[int, int] = (0, 0)) -> Tensor:
        features = inverse_haar(features * self.up(code1))
        corner = (2 * corner[0], 2 * corner[1])
        return self.conv2(self.conv1(features, code1, corner), code2, corner)


class ImageHead(nn.Module):
    """Features ``(B, C, H, W)`` to a picture ``(B, 3, 2H, 2W)``: modulated 1x1 convolution, inverse Haar step."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.style = Style(channels, 1 / math.sqrt(channels))
        self.weight = nn.Parameter(torch.zeros(12, channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(12))

    def forward(self, features: Tensor, code: Tensor) -> Tensor:
        return inverse_haar(F.conv2d(features * self.style(code), self.weight, self.bias))


class MappingNetwork(nn.Module):
    """Z to W: eight linear layers with leaky ReLU (slope 0.2, gain sqrt 2) on a normalised z."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(LATENT, LATENT) for _ in range(8))

    def forward(self, z: Tensor) -> Tensor:
        features = z * torch.rsqrt(z.square().mean(1, keepdim=True) + 1e-8)
        for layer in self.layers:
            features = F.leaky_relu(layer(features), 0.2) * math.sqrt(2)
        return features


class Generator(nn.Module):
    """The pretrained generator, cut where features are coded.

    *Level* ``n`` names the input of block ``n``: ``(B, 512, 4*2^n, 4*2^n)``, so level 2 is 16x16 and level 3 is
    32x32. Style codes are ``(B, 16, 512)``; pictures are ``(B, 3, 1024, 1024)``, nominally in [-1, 1].
    """

    def __init__(self) -> None:
        super().__init__()
        self.mapping = MappingNetwork()
        self.input = nn.Parameter(torch.zeros(1, 512, 4, 4))
        self.conv1 = StyledConvolution(512, 512, 4, separable=False)
        inputs = (512, *CHANNELS)
        self.blocks = nn.ModuleList(SynthesisBlock(inputs[i], inputs[i + 1], 8 * 2**i) for i in range(len(CHANNELS)))
        self.to_img = ImageHead(CHANNELS[-1])

    @classmethod
    def load(cls, path: Path | None = None) -> Generator:
        """The pretrained generator, frozen, from ``path`` or from the local cache (fetched once).

        Raises:
            WeightsError: the weights cannot be had, or are not this network's.
        """
        from hsc import weights

        generator = cls()
        weights.load_state(generator, weights.read(path or weights.generator_path()))
        return generator.eval().requires_grad_(False)

    def synthesize_features(
        self,
        codes: Tensor,
        level: int,
        features: Tensor | None = None,
        start: int = 0,
        corner: tuple[int, int] = (0, 0),
    ) -> Tensor:
        """G_s: style codes ``(B, 16, 512)`` to features at ``level``.

        With ``features`` at level ``start``, only the blocks between the two levels run. ``corner``: as in
        :meth:`synthesize_image`.
        """
        if features is None:
            features = self.conv1(self.input.expand(len(codes), -1, -1, -1), codes[:, 0])
        for index in range(start, level):
            scale = 2 ** (index - start)
            place = (corner[0] * scale, corner[1] * scale)
            features = self.blocks[index](features, codes[:, 1 + 2 * index], codes[:, 2 + 2 * index], place)
        return features

    def synthesize_image(self, features: Tensor, codes: Tensor, level: int, corner: tuple[int, int] = (0, 0)) -> Tensor:
        """G_l: features at ``level`` and style codes ``(B, 16, 512)`` to the picture ``(B, 3, 1024, 1024)``.

        A cut-out of the features ``(B, C, h, w)``, whose first row and column are ``corner``, gives that part of the
        picture; only the outermost two rows and columns of features feel that the rest is missing.
        """
        features = self.synthesize_features(codes, len(self.blocks), features, level, corner)
        return self.to_img(features, codes[:, LAYERS - 1])

    def forward(self, codes: Tensor) -> Tensor:
        """Style codes ``(B, 16, 512)`` to the picture ``(B, 3, 1024, 1024)``."""
        return self.synthesize_image(self.synthesize_features(codes, 0), codes, 0)


def sample_codes(generator: Generator, count: int, random: torch.Generator, mixing: float = 0.5) -> Tensor:
    """Style codes ``(count, 16, 512)``: one w each, or with chance ``mixing`` two that switch at a random layer."""
    z = torch.randn(2, count, LATENT, generator=random).to(generator.input)
    first, second = generator.mapping(z.flatten(0, 1)).unflatten(0, (2, count))
    switch = torch.randint(1, LAYERS, (count,), generator=random)
    switch[torch.rand(count, generator=random) > mixing] = LAYERS
    mask = (torch.arange(LAYERS)[None] < switch[:, None])[:, :, None].to(generator.input.device)
    return torch.where(mask, first[:, None], second[:, None])
