"""Adversaries of a decoder: what it is told by them, and what they learn from."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hsc.baselines.hific import Discriminator, HiFiCConfig
from hsc.train.local_likelihood import LabelAutoencoder, LocalDiscriminator

_CRITIC = 32, 64, 128, 256
"""Channels of HiFiC's discriminator: half of the paper's, as the model is smaller too."""


class Adversary(ABC):
    """A discriminator and its two losses.

    Pictures are (B, 3, H, W) in [-1, 1], latents y^ (B, latent, h, w); losses are means over places.

    Attributes:
        discriminator: the network that is trained.
        weight: of `fooled` beside the distortion.
    """

    discriminator: nn.Module
    weight: float

    @abstractmethod
    def fooled(self, restored: Tensor, image: Tensor, latent: Tensor) -> Tensor:
        """Loss of the decoder: how far `restored` is from passing for the original."""

    @abstractmethod
    def told_apart(self, restored: Tensor, image: Tensor, latent: Tensor) -> Tensor:
        """Loss of the discriminator: how far it is from telling `restored` and `image` apart."""


class PatchAdversary(Adversary):
    """HiFiC's: each patch is natural, or it is not (Mentzer et al. 2020, arXiv:2006.09965)."""

    weight = 0.15

    def __init__(self, config: HiFiCConfig):
        self.discriminator = Discriminator(config, _CRITIC)

    def fooled(self, restored: Tensor, image: Tensor, latent: Tensor) -> Tensor:
        return F.softplus(-self.discriminator(restored, latent).float()).mean()

    def told_apart(self, restored: Tensor, image: Tensor, latent: Tensor) -> Tensor:
        real = F.softplus(-self.discriminator(image, latent).float()).mean()
        return real + F.softplus(self.discriminator(restored, latent).float()).mean()


class LocalAdversary(Adversary):
    """MS-ILLM's: each square of an original has its label, each of a restoration is class 0.

    Args:
        config: of the model.
        labels: trained before, and fixed.
    """

    # The paper's 0.008 is for a discriminator some sixteen times as large. Of this one, after 1,500 steps, a decoder's
    # weights feel with 0.05 about a third of what they feel of LPIPS; with 0.15, as much, and a grid of dots appears.
    weight = 0.05

    def __init__(self, config: HiFiCConfig, labels: LabelAutoencoder):
        self.labels = labels.eval().requires_grad_(False)
        self.discriminator = LocalDiscriminator(config.latent, labels.config.codes)

    def fooled(self, restored: Tensor, image: Tensor, latent: Tensor) -> Tensor:
        return F.cross_entropy(self.discriminator(restored, latent).float(), 1 + self.labels.labels(image))

    def told_apart(self, restored: Tensor, image: Tensor, latent: Tensor) -> Tensor:
        labels = 1 + self.labels.labels(image)
        real = F.cross_entropy(self.discriminator(image, latent).float(), labels)
        fake = F.cross_entropy(self.discriminator(restored, latent).float(), torch.zeros_like(labels))
        return (real + fake) / 2
