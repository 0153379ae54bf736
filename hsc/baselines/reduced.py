"""Reduced Ballé 2017, Ballé 2018, ELIC and MS-ILLM, each one model for a range of rates.

MS-ILLM's networks are those of HiFiC, as in its paper. The transforms of the others are made of CompressAI's layers
(Bégaint et al. 2020, arXiv:2011.03029) as their papers have them, with fewer channels and one halving more: stride 32
for the papers' 16, which leaves eight bits instead of two for each position of y at 0.008 bits per pixel. As with
`hsc.baselines.hific.HiFiC`, learned gains on the latent (Cui et al. 2021, arXiv:2003.02012) make one model serve all
rates.

CompressAI must be installed to make any of those three.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hsc.baselines.hific import REDUCED, FactorizedDensity, Gained, HiFiC, gaussian_bits
from hsc.runtime import packages

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True)
class ReducedConfig:
    """Sizes of a model.

    Attributes:
        widths: channels after each halving but the last.
        latent: channels of y.
        hyper, side: channels of the hyperprior's networks and of z; 0 without hyperprior.
        groups: channels of y in each of ELIC's groups.
        context: channels within ELIC's channel context, after its first and second convolution.
        rates: gains that are learned.
    """

    widths: tuple[int, ...]
    latent: int
    hyper: int = 0
    side: int = 0
    groups: tuple[int, ...] = ()
    context: tuple[int, int] = (24, 16)
    rates: int = 5

    def __post_init__(self) -> None:
        if self.groups and sum(self.groups) != self.latent:
            raise ValueError(f"groups of {sum(self.groups)} channels, and a latent of {self.latent}")

    @property
    def stride(self) -> int:
        """Pixels for one position of y; z is four times coarser."""
        return 2 ** (len(self.widths) + 1)


def _layers():
    packages.require("compressai", "This codec", "compare")
    from compressai import layers

    return layers


def _halve(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 5, stride=2, padding=2)


def _double(inputs: int, outputs: int) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(inputs, outputs, 5, stride=2, padding=2, output_padding=1)


def balle_transforms(config: ReducedConfig) -> tuple[nn.Sequential, nn.Sequential]:
    """Analysis and synthesis of Ballé et al. 2017 (arXiv:1611.01704) and 2018: 5x5 convolutions and GDN."""
    gdn = _layers().GDN
    down, up = (3, *config.widths, config.latent), (config.latent, *config.widths[::-1], 3)
    analysis: list[nn.Module] = []
    synthesis: list[nn.Module] = []
    for inputs, outputs in zip(down, down[1:]):
        analysis += [_halve(inputs, outputs), gdn(outputs)]
    for inputs, outputs in zip(up, up[1:]):
        synthesis += [_double(inputs, outputs), gdn(outputs, inverse=True)]
    return nn.Sequential(*analysis[:-1]), nn.Sequential(*synthesis[:-1])


def elic_transforms(config: ReducedConfig) -> tuple[nn.Sequential, nn.Sequential]:
    """Analysis and synthesis of ELIC (He et al. 2022, arXiv:2203.10886), figure 3, with one residual bottleneck block
    where the paper has three."""
    from compressai.models.sensetime import ResidualBottleneckBlock

    attention = _layers().AttentionBlock
    *outer, innermost = config.widths
    analysis: list[nn.Module] = []
    synthesis: list[nn.Module] = [attention(config.latent), _double(config.latent, innermost), attention(innermost)]
    for inputs, outputs in zip((3, *config.widths), config.widths):
        analysis += [_halve(inputs, outputs), ResidualBottleneckBlock(outputs, outputs)]
    analysis += [attention(innermost), _halve(innermost, config.latent), attention(config.latent)]
    for inputs, outputs in zip(config.widths[::-1], outer[::-1]):
        synthesis += [ResidualBottleneckBlock(inputs, inputs), _double(inputs, outputs)]
    synthesis += [ResidualBottleneckBlock(outer[0], outer[0]), _double(outer[0], 3)]
    return nn.Sequential(*analysis), nn.Sequential(*synthesis)


class FactorizedPrior(Gained):
    """Ballé et al. 2017: one learned density for each channel of y, and no side information.

    The density is that of y before the gain, so that one serves all rates: at a gain g, bins are 1 / g wide.
    """

    def __init__(self, config: ReducedConfig):
        super().__init__(config)
        self.encoder, self.decoder = balle_transforms(config)
        # Narrow: at these rates nearly all of y is 0.
        self.density = FactorizedDensity(config.latent, init_scale=1.0)

    def forward(self, image: Tensor, quality: float) -> dict[str, Tensor]:
        """See `HiFiC.forward`; ``side_bits`` are 0."""
        y = self.encoder(image)
        with torch.autocast(y.device.type, enabled=False):
            y, gain = y.float(), self.gain(quality)
            scaled = y * gain
            bits = self.density.bits((scaled + torch.rand_like(y) - 0.5) / gain, 0.5 / gain.reshape(-1, 1, 1))
            latent = (scaled + (scaled.round() - scaled).detach()) / gain
        return {"image": self.decoder(latent), "latent": latent, "bits": bits, "side_bits": torch.zeros_like(bits)}


class MeanScaleHyperprior(HiFiC):
    """Ballé et al. 2018 (arXiv:1802.01436) with means (Minnen et al. 2018, arXiv:1809.02736)."""

    def __init__(self, config: ReducedConfig):
        super().__init__(config)  # type: ignore[arg-type]
        self.density = FactorizedDensity(config.side, init_scale=1.0)

    def forward(self, image: Tensor, quality: float) -> dict[str, Tensor]:
        """See `HiFiC.forward`; the rate is that of rounded values, see `ELIC.forward`."""
        y = self.encoder(image)
        with torch.autocast(y.device.type, enabled=False):
            y, gain = y.float(), self.gain(quality)
            z = self.hyper_analysis(y)
            side_bits = self.density.bits(z + torch.rand_like(z) - 0.5)
            mean, scale = self.hyper_parameters(z + (z.round() - z).detach(), y.shape[-2:])
            rounded = _round_about(y * gain, mean * gain)
            bits = gaussian_bits(rounded - mean * gain, scale * gain).sum((1, 2, 3))
            latent = rounded / gain
        return {"image": self.decoder(latent), "latent": latent, "bits": bits, "side_bits": side_bits}

    def transforms(self, config: ReducedConfig) -> tuple[nn.Module, nn.Module]:  # type: ignore[override]
        return balle_transforms(config)


class SpaceChannelContext(nn.Module):
    """ELIC's context model: y in uneven groups of channels, each in two halves, the squares of a checkerboard.

    Mean and scale of a group's first half (anchors) depend on the hyperprior and on the groups before; those of its
    second half also on the first. All of y is here as it is before the gain.
    """

    def __init__(self, config: ReducedConfig):
        super().__init__()
        layers = _layers()
        self.groups = config.groups
        first, second = config.context
        self.channel = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(sum(self.groups[:index]), first, 5, padding=2), nn.ReLU(),
                nn.Conv2d(first, second, 5, padding=2), nn.ReLU(),
                nn.Conv2d(second, 2 * group, 5, padding=2),
            )
            for index, group in enumerate(self.groups) if index
        )  # fmt: skip
        self.space = nn.ModuleList(
            layers.CheckerboardMaskedConv2d(group, 2 * group, 5, padding=2) for group in self.groups
        )
        self.aggregation = nn.ModuleList(
            layers.sequential_channel_ramp(
                2 * group * (2 if index else 1) + 2 * config.hyper, 2 * group, num_layers=3, make_layer=nn.Conv2d,
                make_act=nn.ReLU, kernel_size=1,
            )
            for index, group in enumerate(self.groups)
        )  # fmt: skip

    def before(self, index: int, side: Tensor, decoded: Sequence[Tensor]) -> Tensor:
        """What a whole group depends on: the hyperprior's features, and those of the groups before."""
        return torch.cat([side, self.channel[index - 1](torch.cat(list(decoded), 1))], 1) if index else side

    def parameters_of(self, index: int, before: Tensor, anchors: Tensor | None) -> tuple[Tensor, Tensor]:
        """Mean and (positive) scale, (B, groups[index], h, w), of one half of a group; right for that half only.

        Args:
            index: of the group.
            before: from `before`.
            anchors: the group with its second half 0, or None for the parameters of the first half.
        """
        if anchors is None:
            space = before.new_zeros(before.shape[0], 2 * self.groups[index], *before.shape[-2:])
        else:
            space = self.space[index](anchors)
        mean, scale = self.aggregation[index](torch.cat([space, before], 1)).chunk(2, 1)
        return mean, F.softplus(scale)


def is_anchor(height: int, width: int) -> Tensor:
    """(height, width) bool: the half of a checkerboard that is coded first."""
    return (torch.arange(height)[:, None] + torch.arange(width)) % 2 == 1


class ELIC(Gained):
    """He et al. 2022 with a variable rate."""

    def __init__(self, config: ReducedConfig):
        super().__init__(config)
        hyper = config.hyper
        self.encoder, self.decoder = elic_transforms(config)
        self.hyper_analysis = nn.Sequential(
            nn.Conv2d(config.latent, hyper, 3, padding=1), nn.ReLU(), _halve(hyper, hyper), nn.ReLU(),
            _halve(hyper, config.side),
        )  # fmt: skip
        self.hyper_synthesis = nn.Sequential(
            _double(config.side, hyper), nn.ReLU(), _double(hyper, hyper * 3 // 2), nn.ReLU(),
            nn.Conv2d(hyper * 3 // 2, hyper * 2, 3, padding=1),
        )  # fmt: skip
        self.context = SpaceChannelContext(config)
        self.density = FactorizedDensity(config.side, init_scale=1.0)

    def forward(self, image: Tensor, quality: float) -> dict[str, Tensor]:
        """See `HiFiC.forward`.

        The rate is that of rounded values. With noise in place of rounding, a value that is always 0 would cost 0.115
        bits, for scales have a least one; those of all channels of y together are more than the lowest rates have.
        """
        y = self.encoder(image)
        with torch.autocast(y.device.type, enabled=False):
            y, gain = y.float(), self.gain(quality)
            z = self.hyper_analysis(y)
            side_bits = self.density.bits(z + torch.rand_like(z) - 0.5)
            height, width = y.shape[-2:]
            side = self.hyper_synthesis(z + (z.round() - z).detach())[..., :height, :width]
            anchor = is_anchor(height, width).to(y.device)
            decoded: list[Tensor] = []
            means, scales = [], []
            for index, (part, gains) in enumerate(
                zip(y.split(self.config.groups, 1), gain.split(self.config.groups, 1))
            ):
                before = self.context.before(index, side, decoded)
                first = self.context.parameters_of(index, before, None)
                anchors = _round_about(part * gains, first[0] * gains) / gains * anchor
                second = self.context.parameters_of(index, before, anchors)
                mean, scale = (torch.where(anchor, a, b) for a, b in zip(first, second))
                means.append(mean * gains)
                scales.append(scale * gains)
                decoded.append(_round_about(part * gains, means[-1]) / gains)
            latent = torch.cat(decoded, 1)
            residual = latent * gain - torch.cat(means, 1)
            bits = gaussian_bits(residual, torch.cat(scales, 1)).sum((1, 2, 3))
        return {"image": self.decoder(latent), "latent": latent, "bits": bits, "side_bits": side_bits}


def _round_about(values: Tensor, mean: Tensor) -> Tensor:
    """Values at integer distances from `mean`; gradients pass as if they were not rounded."""
    residual = values - mean
    return mean + residual + (residual.round() - residual).detach()


@dataclass(frozen=True)
class Architecture:
    """What there is to train and to load.

    Attributes:
        name: in the metadata of weights files.
        model: class of the network, made from a configuration.
        config: of the shipped weights.
        lowest, highest: bits per pixel at the ends of the range of rates.
        perceptual: whether LPIPS is part of the distortion, as in HiFiC; else it is the mean squared error alone.
        adversary: what else the decoder is trained against: HiFiC's "patch", MS-ILLM's "local", or nothing.
        fixed: beginnings of the names of parameters that training leaves as they are.
        codec: whether it is one; else it is only of use in training.
    """

    name: str
    model: Callable[[Any], nn.Module]
    config: Any
    lowest: float = 0.008
    highest: float = 0.05
    perceptual: bool = False
    adversary: str | None = None
    fixed: tuple[str, ...] = ()
    codec: bool = True

    def restored_config(self, values: dict[str, Any]) -> Any:
        """A configuration from its JSON."""
        return type(self.config)(**{key: tuple(v) if isinstance(v, list) else v for key, v in values.items()})


FACTORIZED = ReducedConfig(widths=(16, 32, 64, 112), latent=112)
HYPERPRIOR = ReducedConfig(widths=(16, 32, 64, 112), latent=112, hyper=40, side=24)
UNEVEN = ReducedConfig(widths=(16, 32, 48, 80), latent=56, hyper=40, side=24, groups=(4, 4, 8, 12, 28))

ARCHITECTURES = {
    architecture.name: architecture
    for architecture in (
        Architecture("hific", HiFiC, REDUCED, 0.017, 0.051, perceptual=True, adversary="patch"),
        Architecture("factorized", FactorizedPrior, FACTORIZED),
        Architecture("hyperprior", MeanScaleHyperprior, HYPERPRIOR),
        Architecture("elic", ELIC, UNEVEN),
        Architecture(
            "ms-illm",
            HiFiC,
            REDUCED,
            0.017,
            0.051,
            perceptual=True,
            adversary="local",
            fixed=("encoder.", "hyper_", "density.", "log_gain"),
        ),
    )
}
"""By name."""
