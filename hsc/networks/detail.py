"""Detail compression network: what a picture shows and 32x32 features do not <-> symbols at 32x32.

No inversion encoder says what the features at 64x64 should be, so there is no residual of theirs to be coded. What is
coded is their gradient: where the restoration would be nearer to the picture. See :mod:`hsc.detail`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hsc.networks.fcn import FeatureCompressionNetwork
from hsc.networks.gain import QuantisationStep

PICTURE = 512
"""Side of the picture that the encoder sees."""
CHANGE = 0.02
"""Of changes to the features, whose own deviation is about 1: much detail comes from small ones."""


class _Block(nn.Module):
    """Two 3x3 convolutions around a skip. No normalisation: windows and whole pictures are to be treated alike."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, 1, 1)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1)
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)

    def forward(self, features: Tensor) -> Tensor:
        return features + self.conv2(F.leaky_relu(self.conv1(F.leaky_relu(features, 0.2)), 0.2))


class DetailCompressionNetwork(FeatureCompressionNetwork):
    """FCN's transforms of the gradient instead of a residual; the encoder sees the picture as well.

    Fully convolutional: it can be trained on parts of pictures.
    """

    def __init__(self, channels: int = 512, latent: int = 32, slices: int = 2, width: int = 96) -> None:
        super().__init__(channels, latent, slices, width)
        self.see_picture = nn.Conv2d(192, width, 3, 1, 1)
        self.see_base = nn.Conv2d(channels, width, 1)
        self.see_gradient = nn.Conv2d(channels, width, 1)
        self.analysis_correction = nn.Sequential(
            _Block(width), _Block(width), nn.Conv2d(width, width, 4, 2, 1), _Block(width), _Block(width),
            nn.LeakyReLU(0.2), nn.Conv2d(width, latent, 1),
        )
        nn.init.zeros_(self.analysis_correction[-1].weight)
        nn.init.zeros_(self.analysis_correction[-1].bias)
        self.step = QuantisationStep(latent, 3.5, -1.0)

    def encode(self, picture: Tensor, gradient: Tensor, base: Tensor) -> Tensor:
        """Coefficients ``(B, latent, h, w)`` before quantisation.

        Args:
            picture: ``(B, 3, 16h, 16w)`` in [-1, 1].
            gradient: of the distortion with respect to features near ``base``, of about unit size.
            base: features ``(B, C, 2h, 2w)``.
        """
        seen = self.see_picture(F.pixel_unshuffle(picture, 8)) + self.see_base(base) + self.see_gradient(gradient)
        return self.analysis(gradient) + self.analysis_correction(seen)

    def decode(self, coefficients: Tensor, base: Tensor) -> Tensor:
        """Dequantised coefficients ``(B, latent, h, w)`` and features to F^ ``(B, C, 2h, 2w)``."""
        return base + CHANGE * sum(self.changes(coefficients, base))
