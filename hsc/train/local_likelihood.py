"""What MS-ILLM trains its decoder against (Muckley et al. 2023, arXiv:2301.11189): labels, and who tells them apart.

A vector-quantised autoencoder, which is trained first, gives each square of 8 x 8 pixels the number of a code. The
discriminator sees a picture and says for each square which label the original has there, or that it was restored: one
class more. The decoder is trained until its squares pass for the labels of the original. A decoder that makes the right
kind of texture is rewarded, then, and not one that makes any.

Both networks are the paper's with fewer channels; the autoencoder has no attention.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_DECAY = 0.99
"""Of the running means that codes are."""
_DEAD = 0.3
"""Squares of a batch that a code is the nearest to, on average, below which it is put elsewhere."""
_COMMITMENT = 1.0


@dataclass(frozen=True)
class LabelConfig:
    """Sizes of the autoencoder.

    Attributes:
        widths: channels after each halving.
        latent: dimensions of a code.
        codes: how many there are; the paper has 1,024.
    """

    widths: tuple[int, ...] = (24, 48, 64)
    latent: int = 8
    codes: int = 256

    @property
    def rates(self) -> int:
        """A picture has as many labels as any other of its size: there is one rate."""
        return 1

    @property
    def stride(self) -> int:
        """Pixels along the side of a square that has a label."""
        return 2 ** len(self.widths)

    @property
    def bpp(self) -> float:
        """Bits per pixel of labels, each as long as any other."""
        return math.log2(self.codes) / self.stride**2


class Codebook(nn.Module):
    """Unit vectors that are the means of what is nearest to them, over the last hundred batches or so.

    Args:
        codes: how many.
        dimensions: of each.
    """

    codes: Tensor
    sums: Tensor
    counts: Tensor

    def __init__(self, codes: int, dimensions: int):
        super().__init__()
        self.register_buffer("codes", F.normalize(torch.randn(codes, dimensions), dim=1))
        self.register_buffer("sums", self.codes.clone())
        self.register_buffer("counts", torch.zeros(codes))

    def nearest(self, vectors: Tensor) -> Tensor:
        """Numbers (N,) of the codes nearest to unit vectors (N, dimensions)."""
        return (vectors @ self.codes.T).argmax(1)

    @torch.no_grad()
    def learn(self, vectors: Tensor, labels: Tensor) -> None:
        """Take note of unit vectors (N, dimensions) and what they were nearest to (N,)."""
        hits = torch.zeros_like(self.counts).index_add_(0, labels, torch.ones_like(vectors[:, 0]))
        self.counts.lerp_(hits, 1 - _DECAY)
        self.sums.lerp_(torch.zeros_like(self.sums).index_add_(0, labels, vectors), 1 - _DECAY)
        # A code that nothing is near to is of no use: it goes where something is. So all of them begin, too.
        dead = self.counts < _DEAD
        if dead.any():
            picks = torch.randint(len(vectors), (int(dead.sum()),), device=vectors.device)
            self.sums[dead] = vectors[picks]
            self.counts[dead] = 1.0
        self.codes.copy_(F.normalize(self.sums, dim=1))


class LabelAutoencoder(nn.Module):
    """Pictures to labels and back: van den Oord et al. 2017 (arXiv:1711.00937) with codes of length 1."""

    def __init__(self, config: LabelConfig):
        super().__init__()
        self.config = config
        down, up = (3, *config.widths), (*config.widths[::-1], config.widths[0])
        encoder: list[nn.Module] = []
        for inputs, outputs in zip(down, down[1:]):
            encoder += [nn.Conv2d(inputs, outputs, 4, stride=2, padding=1), nn.ReLU()]
        last = config.widths[-1]
        encoder += [nn.Conv2d(last, last, 3, padding=1), nn.ReLU(), nn.Conv2d(last, config.latent, 1)]
        decoder: list[nn.Module] = [nn.Conv2d(config.latent, last, 3, padding=1), nn.ReLU()]
        for inputs, outputs in zip(up, up[1:]):
            decoder += [nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1), nn.ReLU()]
        decoder.append(nn.Conv2d(up[-1], 3, 3, padding=1))
        self.encoder, self.decoder = nn.Sequential(*encoder), nn.Sequential(*decoder)
        self.codebook = Codebook(config.codes, config.latent)

    @torch.no_grad()
    def labels(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) in [-1, 1] -> (B, H / stride, W / stride), from 0 to `codes` - 1."""
        z = self._encode(image)
        return self.codebook.nearest(z.flatten(0, 2)).reshape(z.shape[:3])

    def forward(self, image: Tensor, quality: float) -> dict[str, Tensor]:
        """A pass of training, like `hsc.baselines.hific.HiFiC.forward`; the codes learn, too.

        Args:
            image: (B, 3, H, W) in [-1, 1], sides multiples of the stride.
            quality: there is but one; not used.

        Returns:
            ``image`` (B, 3, H, W), ``latent`` (B, latent, h, w), ``bits`` (B,) and ``side_bits`` (B,), which are always
            the same, and ``penalty`` (), what the encoder pays for vectors far from their codes.
        """
        z = self._encode(image)
        with torch.autocast(z.device.type, enabled=False):
            flat = z.flatten(0, 2)
            found = self.codebook.nearest(flat)
            code = self.codebook.codes[found].reshape(z.shape)
            if self.training:
                self.codebook.learn(flat.detach(), found)
        penalty = _COMMITMENT * (z - code).square().sum(-1).mean()
        latent = (z + (code - z).detach()).permute(0, 3, 1, 2)
        bits = image.new_full((len(image),), self.config.bpp * image.shape[-1] * image.shape[-2])
        return {"image": self.decoder(latent), "latent": latent, "bits": bits, "side_bits": torch.zeros_like(bits),
                "penalty": penalty}  # fmt: skip

    def _encode(self, image: Tensor) -> Tensor:
        """Unit vectors (B, h, w, latent) in single precision."""
        return F.normalize(self.encoder(image).float(), dim=1).permute(0, 2, 3, 1)


class LocalDiscriminator(nn.Module):
    """Logits of "restored" and of every label for each square of 8 x 8 pixels, given y.

    A U-Net (Schönfeld et al. 2020, arXiv:2002.12655) that goes down to squares of 32 and up again to those of 8, so
    that a square is judged by what is around it. As the paper's, it has no norms.

    Args:
        latent: channels of y.
        labels: how many there are.
        widths: channels after each of five halvings.
    """

    def __init__(self, latent: int, labels: int, widths: tuple[int, ...] = (32, 64, 96, 128, 128)):
        super().__init__()
        self.context = nn.Conv2d(latent, 12, 3, padding=1)
        inputs = (3 + 12, *widths)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 4, stride=2, padding=1) for a, b in zip(inputs, widths))
        self.up = nn.ModuleList(
            nn.Conv2d(below + beside, beside, 3, padding=1) for below, beside in zip(widths[:2:-1], widths[-2:1:-1])
        )
        self.out = nn.Conv2d(widths[2], 1 + labels, 1)

    def forward(self, image: Tensor, latent: Tensor) -> Tensor:
        """(B, 3, H, W), sides multiples of 32, and (B, latent, h, w) -> (B, 1 + labels, H / 8, W / 8)."""
        context = F.leaky_relu(self.context(latent), 0.2)
        x = torch.cat([image, F.interpolate(context, size=image.shape[-2:], mode="nearest")], 1)
        beside = []
        for down in self.down:
            x = F.leaky_relu(down(x), 0.2)
            beside.append(x)
        for up, other in zip(self.up, beside[-2:1:-1]):
            x = F.leaky_relu(up(torch.cat([F.interpolate(x, scale_factor=2, mode="nearest"), other], 1)), 0.2)
        return self.out(x)
