"""HiFiC, "High-Fidelity Generative Image Compression" (Mentzer et al. 2020, arXiv:2006.09965).

The architecture of the paper's figure 2 and appendix A with two things configurable: its width, and how often
the encoder halves the picture. One model serves a range of rates by gains on the latent (Cui et al. 2021,
arXiv:2003.02012): a learned factor for each channel and rate, divided out again after decoding.

Entropy coding is real: CompressAI's quantised tables and its rANS coder, one stream for both latents.
"""

from __future__ import annotations

import copy
import hashlib
import json
import math
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from hsc.baselines.pixels import check_pixels, read_varint, seal, to_rgb, unseal, varint
from hsc.baselines.protocol import NO_WEIGHTS, BaselineError, ImageCodec, RateSearch
from hsc.baselines.rate_search import SteppedRateSearch
from hsc.baselines.weights_folder import weights_folder
from hsc.errors import WeightsError
from hsc.runtime import packages

if TYPE_CHECKING:
    from compressai.entropy_models import EntropyBottleneck


@dataclass(frozen=True)
class HiFiCConfig:
    """Sizes of a model.

    Attributes:
        widths: channels of the encoder's first convolution and of each halving one; the generator mirrors them.
        latent: channels of y.
        hyper: channels of the hyperprior's networks.
        side: channels of z.
        blocks: residual blocks of the generator.
        rates: gains that are learned; between them they are interpolated. 1 is the paper's fixed-rate model.
    """

    widths: tuple[int, ...] = (60, 120, 240, 480, 960)
    latent: int = 220
    hyper: int = 320
    side: int = 320
    blocks: int = 9
    rates: int = 1

    @property
    def stride(self) -> int:
        """Pixels for one position of y; z is four times coarser."""
        return 2 ** (len(self.widths) - 1)


PAPER = HiFiCConfig()
REDUCED = HiFiCConfig(widths=(16, 32, 64, 96, 128, 160), latent=80, hyper=64, side=32, blocks=3, rates=5)
"""5.9 MiB in half precision, to share 32 MiB with the codec's own weights.

The paper's stride of 16 leaves 2 bits for each position of y at 0.008 bits per pixel; faces at 1024 pixels are smooth
enough for 32.
"""

QUALITIES = 64
"""Rates that a file can have."""
_SCALE_MIN, _SCALE_MAX, _SCALES = 0.11, 64.0, 64
_GRID = 256.0
_LARGEST = 1 << 14


class ChannelNorm(nn.Module):
    """Mean 0 and variance 1 over the channels of each position, then a learned scale and shift."""

    def __init__(self, channels: int, epsilon: float = 1e-3):
        super().__init__()
        self.epsilon = epsilon
        self.gamma = nn.Parameter(torch.ones(1, channels, 1, 1))
        self.beta = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        # A layer norm of each position's channels, one fused pass; that divides the variance by C, and published
        # weights were learned with C - 1.
        last, channels = x.permute(0, 2, 3, 1), x.shape[1]
        share = (channels - 1) / channels
        gamma, beta = (self.gamma * share**0.5).flatten().to(x.dtype), self.beta.flatten().to(x.dtype)
        return F.layer_norm(last, (channels,), gamma, beta, self.epsilon * share).permute(0, 3, 1, 2)


def _block(convolution: nn.Module, channels: int) -> nn.Sequential:
    return nn.Sequential(convolution, ChannelNorm(channels), nn.ReLU())


class Encoder(nn.Module):
    """E: (B, 3, H, W) in [-1, 1] -> y, (B, latent, H / stride, W / stride)."""

    def __init__(self, config: HiFiCConfig):
        super().__init__()
        first, *rest = config.widths
        blocks: list[nn.Module] = [_block(nn.Conv2d(3, first, 7, padding=3), first)]
        for inputs, outputs in zip(config.widths, rest):
            blocks.append(_block(nn.Conv2d(inputs, outputs, 3, stride=2, padding=1), outputs))
        blocks.append(nn.Conv2d(config.widths[-1], config.latent, 3, padding=1))
        self.blocks = nn.Sequential(*blocks)

    def forward(self, image: Tensor) -> Tensor:
        return self.blocks(image)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with channel norms, and a shortcut."""

    def __init__(self, channels: int):
        super().__init__()
        self.sequence = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1), ChannelNorm(channels), nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1), ChannelNorm(channels),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return x + self.sequence(x)


class Generator(nn.Module):
    """G: y^ -> (B, 3, H, W), about [-1, 1]."""

    def __init__(self, config: HiFiCConfig):
        super().__init__()
        widths = config.widths[::-1]
        self.block_0 = nn.Sequential(
            ChannelNorm(config.latent),
            nn.Conv2d(config.latent, widths[0], 3, padding=1),
            ChannelNorm(widths[0]),
        )
        self.resid_blocks = nn.Sequential(*(ResidualBlock(widths[0]) for _ in range(config.blocks)))
        blocks: list[nn.Module] = [
            _block(nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1), outputs)
            for inputs, outputs in zip(widths, widths[1:])
        ]
        blocks.append(nn.Conv2d(widths[-1], 3, 7, padding=3))
        self.blocks = nn.Sequential(*blocks)

    def forward(self, latent: Tensor) -> Tensor:
        x = self.block_0(latent)
        return self.blocks(x + self.resid_blocks(x))


def _hyper_analysis(config: HiFiCConfig) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(config.latent, config.hyper, 3, padding=1), nn.ReLU(),
        nn.Conv2d(config.hyper, config.hyper, 5, stride=2, padding=2), nn.ReLU(),
        nn.Conv2d(config.hyper, config.side, 5, stride=2, padding=2),
    )  # fmt: skip


def _hyper_synthesis(config: HiFiCConfig) -> nn.Sequential:
    return nn.Sequential(
        nn.ConvTranspose2d(config.side, config.hyper, 5, stride=2, padding=2, output_padding=1), nn.ReLU(),
        nn.ConvTranspose2d(config.hyper, config.hyper, 5, stride=2, padding=2, output_padding=1), nn.ReLU(),
        nn.Conv2d(config.hyper, config.latent, 3, padding=1),
    )  # fmt: skip


class FactorizedDensity(nn.Module):
    """Ballé et al. 2018 (arXiv:1802.01436), appendix 6.1: one learned density for each channel of z.

    Parameters are named and shaped as those of CompressAI's `EntropyBottleneck`, which makes the tables
    (`to_compressai`); training needs only this.
    """

    def __init__(self, channels: int, filters: tuple[int, ...] = (3, 3, 3, 3), init_scale: float = 10.0):
        super().__init__()
        widths = (1, *filters, 1)
        scale = init_scale ** (1 / (len(filters) + 1))
        layers = list(zip(widths, widths[1:]))
        self.matrices = nn.ParameterList(
            torch.full((channels, outputs, inputs), math.log(math.expm1(1 / scale / outputs)))
            for inputs, outputs in layers
        )
        self.biases = nn.ParameterList(torch.rand(channels, outputs, 1) - 0.5 for _, outputs in layers)
        self.factors = nn.ParameterList(torch.zeros(channels, outputs, 1) for _, outputs in layers[:-1])

    def logits(self, values: Tensor) -> Tensor:
        """Logit of the cumulative distribution at (C, 1, N) values."""
        for index, (matrix, bias) in enumerate(zip(self.matrices, self.biases)):
            values = F.softplus(matrix) @ values + bias
            if index < len(self.factors):
                values = values + torch.tanh(self.factors[index]) * torch.tanh(values)
        return values

    def bits(self, z: Tensor, half: float | Tensor = 0.5) -> Tensor:
        """Bits (B,) of (B, C, H, W) values in bins of width 1, or of twice `half`, (C, 1, 1)."""
        mass = self.mass(z.transpose(0, 1).reshape(z.shape[1], 1, -1), half).clamp(min=1e-9)
        return -mass.log2().reshape(z.shape[1], z.shape[0], -1).sum((0, 2))

    def mass(self, values: Tensor, half: float | Tensor = 0.5) -> Tensor:
        """Probability (C, 1, N) of a bin from `half` below to `half` above each of (C, 1, N) values."""
        lower, upper = self.logits(values - half), self.logits(values + half)
        sign = -torch.sign(lower + upper).detach()  # the tail that loses no digits
        return (torch.sigmoid(sign * upper) - torch.sigmoid(sign * lower)).abs()

    @torch.no_grad()
    def to_compressai(self) -> EntropyBottleneck:
        """CompressAI's entropy bottleneck with this density, its medians and tails found by bisection.

        Raises:
            HSCError: CompressAI is not installed.
        """
        packages.require("compressai", "HiFiC's coding", "compare")
        from compressai.entropy_models import EntropyBottleneck

        channels = self.matrices[0].shape[0]
        bottleneck = EntropyBottleneck(channels, filters=tuple(m.shape[1] for m in self.matrices[:-1]))
        state = bottleneck.state_dict()
        state.update({name: value.detach().cpu() for name, value in self.state_dict().items()})
        tail = math.log(2 / 1e-6 - 1)
        quantiles = [self.quantile(level) for level in (-tail, 0.0, tail)]
        state["quantiles"] = torch.stack(quantiles, -1).cpu()
        bottleneck.load_state_dict(state)
        bottleneck.update(force=True)
        return bottleneck

    def quantile(self, logit: float) -> Tensor:
        """(C, 1) values at which the cumulative distribution has this logit."""
        channels = self.matrices[0].shape[0]
        low = self.matrices[0].new_full((channels, 1, 1), -1000.0)
        high = -low
        for _ in range(40):
            middle = (low + high) / 2
            below = self.logits(middle) < logit
            low, high = torch.where(below, middle, low), torch.where(below, high, middle)
        return ((low + high) / 2)[..., 0]


class Gained(nn.Module):
    """A model with learned gains on its latent: `config.rates` rates and any between them."""

    def __init__(self, config: Any):
        super().__init__()
        self.config = config
        # The lowest rate starts with the coarsest steps.
        start = torch.linspace(-1.0, 0.5, config.rates) if config.rates > 1 else torch.zeros(1)
        self.log_gain = nn.Parameter(start[:, None].repeat(1, config.latent))

    def gain(self, quality: float, dtype: torch.dtype | None = None) -> Tensor:
        """Factor (1, latent, 1, 1) on y for a quality from 0 (fewest bytes) to 1, computed in `dtype`."""
        place = min(max(quality, 0.0), 1.0) * (self.config.rates - 1)
        low = min(int(place), max(self.config.rates - 2, 0))
        high = min(low + 1, self.config.rates - 1)
        logs = self.log_gain.to(dtype or self.log_gain.dtype)
        return torch.lerp(logs[low], logs[high], place - low).exp()[None, :, None, None]


class HiFiC(Gained):
    """Encoder, generator and mean-scale hyperprior."""

    def __init__(self, config: HiFiCConfig = PAPER):
        super().__init__(config)
        self.encoder, self.decoder = self.transforms(config)
        self.hyper_analysis = _hyper_analysis(config)
        self.hyper_synthesis_mean = _hyper_synthesis(config)
        self.hyper_synthesis_scale = _hyper_synthesis(config)
        self.density = FactorizedDensity(config.side)

    def transforms(self, config: HiFiCConfig) -> tuple[nn.Module, nn.Module]:
        """Picture to y, and y^ to picture."""
        return Encoder(config), Generator(config)

    def hyper_parameters(self, z: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Mean and (positive) scale of y, (B, latent, *size), from z^."""
        mean = self.hyper_synthesis_mean(z)[..., : size[0], : size[1]]
        scale = self.hyper_synthesis_scale(z)[..., : size[0], : size[1]]
        return mean, F.softplus(scale)

    def forward(self, image: Tensor, quality: float) -> dict[str, Tensor]:
        """The training pass: rates from noise, and a picture through rounding that lets gradients pass.

        Args:
            image: (B, 3, H, W) in [-1, 1], sides a multiple of four strides.
            quality: of the whole batch, 0 to 1.

        Returns:
            ``image`` (B, 3, H, W), ``latent`` y^ (B, latent, h, w), ``bits`` (B,), ``side_bits`` (B,).
        """
        gain = self.gain(quality)
        y = self.encoder(image)
        z = self.hyper_analysis(y)
        side_bits = self.density.bits(z + torch.rand_like(z) - 0.5)
        mean, scale = self.hyper_parameters(z + (z.round() - z).detach(), y.shape[-2:])
        mean, scale, scaled = mean * gain, scale * gain, y * gain
        bits = gaussian_bits(scaled + torch.rand_like(y) - 0.5 - mean, scale).sum((1, 2, 3))
        residual = scaled - mean
        latent = (mean + residual + (residual.round() - residual).detach()) / gain
        return {"image": self.decoder(latent), "latent": latent, "bits": bits, "side_bits": side_bits}


def gaussian_bits(values: Tensor, scale: Tensor) -> Tensor:
    """Bits of bins of width 1 around `values` under a normal distribution of mean 0."""
    scale = scale.clamp(min=_SCALE_MIN)
    values = values.abs()
    upper = torch.special.ndtr((0.5 - values) / scale)
    lower = torch.special.ndtr((-0.5 - values) / scale)
    return -(upper - lower).clamp(min=1e-9).log2()


class Discriminator(nn.Module):
    """D(x, y): is x natural, given y? A patch discriminator with spectral norm, conditional on the latent."""

    def __init__(self, config: HiFiCConfig, widths: tuple[int, ...] = (64, 128, 256, 512)):
        super().__init__()
        normed = nn.utils.parametrizations.spectral_norm
        self.context = normed(nn.Conv2d(config.latent, 12, 3, padding=1))
        layers: list[nn.Module] = []
        for inputs, outputs in zip((3 + 12, *widths), widths):
            layers += [normed(nn.Conv2d(inputs, outputs, 4, stride=2, padding=1)), nn.LeakyReLU(0.2)]
        layers.append(normed(nn.Conv2d(widths[-1], 1, 1)))
        self.layers = nn.Sequential(*layers)

    def forward(self, image: Tensor, latent: Tensor) -> Tensor:
        """(B, 3, H, W) and (B, latent, h, w) -> logits (B, 1, H / 16, W / 16)."""
        context = F.leaky_relu(self.context(latent), 0.2)
        context = F.interpolate(context, size=image.shape[-2:], mode="nearest")
        return self.layers(torch.cat([image, context], dim=1))


# ------------------------------------------------------------------------------------------------ coding


Frequencies = tuple[list[list[int]], list[int], list[int]]
"""Rows of quantised cumulative frequencies, their lengths, and the symbols at which they begin."""
Put = Callable[[Tensor, Tensor, Frequencies], None]
"""Encodes symbols, each by a row of frequencies."""
Take = Callable[[Tensor, Frequencies], Tensor]
"""Decodes as many symbols (int32) as it is given rows of frequencies."""


@dataclass(frozen=True)
class Tables:
    """CompressAI's quantised cumulative frequencies: for z a row for each channel, for y for each scale."""

    cdf: list[list[int]]
    lengths: list[int]
    offsets: list[int]
    medians: Tensor
    scales: Tensor

    @classmethod
    def make(cls, density: FactorizedDensity) -> dict[str, Tensor]:
        """Tables of a trained density as tensors, to be kept with the weights: decoders must not compute
        them, for a float that rounds differently would change them."""
        packages.require("compressai", "HiFiC's coding", "compare")
        from compressai.entropy_models import GaussianConditional

        bottleneck = density.to_compressai()
        scales = torch.exp(torch.linspace(math.log(_SCALE_MIN), math.log(_SCALE_MAX), _SCALES))
        gaussian = GaussianConditional(scales.tolist())
        gaussian.update()
        state = {"tables.medians": bottleneck.quantiles[:, 0, 1].detach().clone(), "tables.scales": scales}
        for name, model in (("z", bottleneck), ("y", gaussian)):
            state[f"tables.{name}.cdf"] = model._quantized_cdf.to(torch.int32)
            state[f"tables.{name}.lengths"] = model._cdf_length.to(torch.int32)
            state[f"tables.{name}.offsets"] = model._offset.to(torch.int32)
        return state

    @classmethod
    def read(cls, state: dict[str, Tensor]) -> Tables:
        """From what `make` gave."""
        return cls(cls.joined(state, "cdf"), cls.joined(state, "lengths"), cls.joined(state, "offsets"),
                   state["tables.medians"], state["tables.scales"])  # fmt: skip

    @staticmethod
    def joined(state: dict[str, Tensor], what: str) -> list:
        """z's tables come first, y's after them."""
        return state[f"tables.z.{what}"].tolist() + state[f"tables.y.{what}"].tolist()

    @property
    def frequencies(self) -> Frequencies:
        """As CompressAI's coder takes them."""
        return self.cdf, self.lengths, self.offsets

    def gaussian_indexes(self, scale: Tensor) -> Tensor:
        """Row of the table of each scale: the smallest that is not below it."""
        bounds = self.scales[:-1].to(scale)
        return torch.bucketize(scale.contiguous(), bounds).int() + self.medians.numel()


class LatentCoder:
    """A model, and files of it.

    A file is: one byte that names the weights, one byte of quality, width and height (LEB128), one rANS stream, and two
    bytes of checksum. Everything that means and scales depend on runs in float64 and is put on a grid of 1/256, so that
    the same symbols come out where sums round differently.

    Args:
        model: in evaluation mode.
        tag: byte that names the weights.

    Attributes:
        name: of the codec, for messages.
    """

    name = "HiFiC"

    def __init__(self, model: Gained, tag: int):
        self.model, self.tag = model, tag

    # What a family defines.

    @property
    def multiple(self) -> int:
        """Sides of pictures are padded to it, in pixels."""
        return 4 * self.model.config.stride

    def side_symbols(self, y: Tensor) -> Tensor:
        """Symbols (int32) of the side information of y; that of a model without any is empty."""
        raise NotImplementedError

    def write_latent(self, put: Put, y: Tensor, side: Tensor, quality: int) -> None:
        """Hand all symbols of a file to `put`, in the order in which they are decoded."""
        raise NotImplementedError

    def read_latent(self, take: Take, size: tuple[int, int], quality: int) -> Tensor:
        """y^ of a padded picture of `size` (H, W) from the symbols that `take` gives."""
        raise NotImplementedError

    # What all have in common.

    @torch.no_grad()
    def analyse(self, image: Image.Image) -> tuple[Tensor, Tensor, tuple[int, int]]:
        """y, z's symbols and the (width, height) of a picture: what all rates share.

        Raises:
            BaselineError: the picture is too large.
        """
        check_pixels(self.name, *image.size)
        rgb = torch.from_numpy(np.array(to_rgb(image))).permute(2, 0, 1)[None].float() / 127.5 - 1
        height, width = rgb.shape[-2:]
        padding = (0, -width % self.multiple, 0, -height % self.multiple)
        y = self.model.encoder(F.pad(rgb, padding, mode="replicate").to(self.model.log_gain))
        return y.float().cpu(), self.side_symbols(y), (width, height)

    @torch.no_grad()
    def write(self, y: Tensor, side: Tensor, size: tuple[int, int], quality: int) -> bytes:
        """The file at one quality (0 to `QUALITIES` - 1) from what `analyse` gave."""
        packages.require("compressai", f"{self.name}'s coding", "compare")
        from compressai.ans import BufferedRansEncoder

        coder = BufferedRansEncoder()

        def put(values: Tensor, rows: Tensor, frequencies: Frequencies) -> None:
            coder.encode_with_indexes(values.flatten().tolist(), rows.flatten().tolist(), *frequencies)

        self.write_latent(put, y, side, quality)
        return seal(bytes([self.tag, quality]) + varint(size[0]) + varint(size[1]) + coder.flush())

    @torch.no_grad()
    def read(self, data: bytes) -> Image.Image:
        """The picture of a file.

        Raises:
            BaselineError: the file is damaged, or of other weights.
        """
        packages.require("compressai", f"{self.name}'s coding", "compare")
        from compressai.ans import RansDecoder

        failed = f"{self.name} decoding failed"
        data = unseal(self.name, data)
        if len(data) < 8 or data[0] != self.tag or data[1] >= QUALITIES:
            raise BaselineError(f"{failed}: the file is empty, or was written with other weights")
        width, position = read_varint(data, 2)
        height, position = read_varint(data, position)
        if not (0 < width <= 1 << 13 and 0 < height <= 1 << 13):
            raise BaselineError(f"{failed}: the file gives its picture a size of {width}x{height}")
        check_pixels(self.name, width, height)
        decoder = RansDecoder()
        decoder.set_stream(data[position:])

        def take(rows: Tensor, frequencies: Frequencies) -> Tensor:
            values = decoder.decode_stream(rows.flatten().tolist(), *frequencies)
            if min(values) < -_LARGEST or max(values) > _LARGEST:
                raise BaselineError(f"{failed}: the file holds symbols that no encoder writes")
            return torch.tensor(values, dtype=torch.int32).reshape(rows.shape)

        y = self.read_latent(take, (height + -height % self.multiple, width + -width % self.multiple), data[1])
        picture = self.model.decoder(y.to(self.model.log_gain))[0, :, :height, :width].float().cpu()
        pixels = ((picture.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
        return Image.fromarray(pixels.permute(1, 2, 0).numpy())

    def gain(self, quality: int) -> Tensor:
        """The gain (float64) at one quality, on the grid."""
        gain = self.model.gain(quality / (QUALITIES - 1), torch.float64).cpu()
        return on_grid(gain).clamp(min=1 / _GRID)


def on_grid(values: Tensor) -> Tensor:
    """The nearest multiples of 1/256."""
    return torch.round(values * _GRID) / _GRID


def to_symbols(values: Tensor) -> Tensor:
    """The nearest integers (int32) within what files hold."""
    return torch.round(values).clamp(-_LARGEST, _LARGEST).int()


class HyperpriorCoder(LatentCoder):
    """Files of a model with side information z, whose density's tables come with its weights.

    Args:
        model: in evaluation mode.
        tables: of its density.
        tag: byte that names the weights.
    """

    def __init__(self, model: Gained, tables: Tables, tag: int):
        super().__init__(model, tag)
        self.tables = tables

    def side_symbols(self, y: Tensor) -> Tensor:
        z = self.model.hyper_analysis(y).float().cpu()
        return to_symbols(z - self.tables.medians[None, :, None, None])

    def side_values(self, symbols: Tensor) -> Tensor:
        """z^ (float64) of its symbols."""
        return symbols.double() + self.tables.medians.double()[None, :, None, None]

    def read_side(self, take: Take, size: tuple[int, int]) -> Tensor:
        """z's symbols for a padded picture of `size` (H, W)."""
        height, width = (length // self.multiple for length in size)
        return take(self._rows(torch.empty(1, self.model.config.side, height, width)), self.tables.frequencies)

    def _rows(self, side: Tensor) -> Tensor:
        """z's table for each symbol: that of its channel."""
        channels = torch.arange(side.shape[1], dtype=torch.int32)
        return channels[None, :, None, None].expand(side.shape).contiguous()


class HiFiCCoder(HyperpriorCoder):
    """Files of HiFiC, and of any model with means and scales from z alone."""

    def __init__(self, model: HiFiC, tables: Tables, tag: int):
        super().__init__(model, tables, tag)
        self._mean = copy.deepcopy(model.hyper_synthesis_mean).double().cpu()
        self._scale = copy.deepcopy(model.hyper_synthesis_scale).double().cpu()

    def write_latent(self, put: Put, y: Tensor, side: Tensor, quality: int) -> None:
        mean, indexes, gain = self._parameters(side, (y.shape[-2], y.shape[-1]), quality)
        put(side, self._rows(side), self.tables.frequencies)
        put(to_symbols(y.double() * gain - mean), indexes, self.tables.frequencies)

    def read_latent(self, take: Take, size: tuple[int, int], quality: int) -> Tensor:
        side = self.read_side(take, size)
        mean, indexes, gain = self._parameters(side, (4 * side.shape[-2], 4 * side.shape[-1]), quality)
        return (take(indexes, self.tables.frequencies) + mean) / gain

    def _parameters(self, side: Tensor, size: tuple[int, int], quality: int) -> tuple[Tensor, Tensor, Tensor]:
        """Means (float64) and table rows of the gained y, and the gain (float64)."""
        z, gain = self.side_values(side), self.gain(quality)
        mean = self._mean(z)[..., : size[0], : size[1]]
        scale = F.softplus(self._scale(z)[..., : size[0], : size[1]])
        mean, scale = (on_grid(value * gain) for value in (mean, scale))
        return mean, self.tables.gaussian_indexes(scale), gain


# ------------------------------------------------------------------------------------------------ weights


def half_state(model: Gained) -> dict[str, Tensor]:
    """Parameters as they are shipped."""
    return {
        # Entropy models are small and sensitive: they stay in single precision.
        name: value.detach().cpu().float() if name.startswith(("density.", "log_gain")) else
        value.detach().cpu().half()
        for name, value in model.state_dict().items()
    }  # fmt: skip


def save(model: HiFiC, path: Path, note: dict[str, str] | None = None) -> None:
    """Write weights in half precision with their tables and configuration, as safetensors.

    Raises:
        HSCError: the file cannot be written.
    """
    from hsc.weights import save_tensors

    state = half_state(model)
    state.update(Tables.make(model.density))
    metadata = {"format": "hsc-hific-1", "config": json.dumps(asdict(model.config)), **(note or {})}
    save_tensors(state, path, metadata)


def load(path: Path) -> HiFiCCoder:
    """A coder from what `save` wrote.

    Raises:
        WeightsError: there is no such file, or it holds something else.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != "hsc-hific-1":
                raise WeightsError(f"{path.name} does not hold a HiFiC model of this project.")
            state = {name: file.get_tensor(name) for name in file.keys()}
        tag = zlib.crc32(path.read_bytes()) & 0xFF
        config = json.loads(metadata["config"])
        model = HiFiC(HiFiCConfig(**{**config, "widths": tuple(config["widths"])}))
        tables = Tables.read(state)
        weights = {name: value.float() for name, value in state.items() if not name.startswith("tables.")}
        model.load_state_dict(weights)
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise WeightsError(f"{path.name} is missing, damaged, or not a HiFiC model of this project.") from error
    return HiFiCCoder(model.eval().requires_grad_(False), tables, tag)


class GainedCodec(ImageCodec):
    """A reduced model that serves a range of rates with one file of weights.

    Args:
        path: its weights; by default ``<key>.safetensors`` in the folder of users' own weights
            (`hsc.baselines.weights_folder`), else the shipped ones.

    Attributes:
        title: what it is called, without its weights.
        paper: authors and year.
        program: the module, with arguments, that trains it.
        smallest, growth: what a search for the rate expects, see `SteppedRateSearch`.
    """

    kind = "learned"
    title: str
    paper: str
    program: str
    smallest, growth = 900.0, 1.022

    def __init__(self, path: Path | None = None):
        self._path = path
        self._coder: LatentCoder | None = None

    def load_coder(self, path: Path) -> LatentCoder:
        """A coder with the weights of a file.

        Raises:
            WeightsError: there is no such file, or it holds something else.
        """
        raise NotImplementedError

    @property
    def name(self) -> str:  # type: ignore[override]  # nobody sets it
        """The title and the size of the weights, as every table and plot shows it; a user's own are named as such."""
        kind = "retrained, reduced"
        try:
            kind = kind if self._own() is None else "own weights"
            return f"{self.title} ({kind}, {self._file().stat().st_size / 2**20:.1f} MiB)"
        except (WeightsError, OSError):
            return f"{self.title} ({kind})"

    def available(self) -> str | None:
        try:
            there = self._file().is_file()
        except WeightsError:  # neither a user's own nor shipped ones
            there = False
        if not there:
            return (
                f"{self._path.name} does not exist"
                if self._path is not None
                else (
                    f"{NO_WEIGHTS}: put {self.key}.safetensors into the folder that HSC_BASELINES "
                    f"names, or train it with python -m {self.program}"
                )
            )
        try:
            self._load()
        except WeightsError as error:
            return str(error)
        return packages.missing("compressai")

    def description(self) -> str:
        digest = hashlib.sha256(self._file().read_bytes()).hexdigest()[:12]
        return f"{self.paper}, {asdict(self._load().model.config)}, weights {digest}, files with checksum"

    def rate_search(self, image: Image.Image) -> RateSearch:
        coder = self._load()
        analysed = coder.analyse(image)
        return SteppedRateSearch(lambda quality: coder.write(*analysed, quality), QUALITIES, self.smallest, self.growth)

    def decode(self, data: bytes) -> Image.Image:
        return self._load().read(data)

    def _own(self) -> Path | None:
        """A user's weights file, if there is one."""
        if self._path:
            return self._path
        try:
            own = weights_folder() / f"{self.key}.safetensors"
        except WeightsError:  # there is no place for them
            return None
        return own if own.is_file() else None

    def _file(self) -> Path:
        from hsc import weights

        return self._own() or weights.shipped(self.key)

    def _load(self) -> LatentCoder:
        if self._coder is None:
            self._coder = self.load_coder(self._file())
        return self._coder


class HiFiCCodec(GainedCodec):
    """The reduced model, trained on faces for 0.017 to 0.051 bits per pixel at 1024 x 1024, coarser by its gains."""

    key, title, paper, program = "hific", "HiFiC", "Mentzer et al. 2020", "hsc.train.hific"

    def load_coder(self, path: Path) -> LatentCoder:
        return load(path)
