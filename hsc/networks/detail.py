"""Detail compression network: what a picture shows and 32x32 features do not <-> symbols at 32x32.

No inversion encoder says what the features at 64x64 should be, so there is no residual of theirs to be coded. What is
coded is their gradient: where the restoration would be nearer to the picture. See :mod:`hsc.encoder.detail`.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from hsc.networks.fcn import FeatureCompressionNetwork
from hsc.networks.gain import QuantisationStep
from hsc.networks.initialisation import zero

PICTURE = 512
"""Side of the picture that the encoder sees."""
CHANGE = 0.02
"""Scale of changes to the features, whose own deviation is about 1: much detail comes from small ones."""
SEEN_OF_SYMBOLS = 5
"""Values of each symbol that the encoder sees."""


class _Block(nn.Module):
    """Two 3x3 convolutions around a skip. No normalisation: windows and whole pictures are to be treated alike."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, 1, 1)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1)
        zero(self.conv2)

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
        self.see_finely = nn.Sequential(_Block(width), _Block(width), nn.Conv2d(width, width, 4, 2, 1))
        self.see_symbols = nn.Conv2d(SEEN_OF_SYMBOLS * latent + 1, width, 3, 1, 1)
        self.analysis_correction = nn.Sequential(
            _Block(width),
            _Block(width),
            _Block(width),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, 2 * latent, 1),
        )
        for layer in (self.see_symbols, self.analysis_correction[-1]):
            zero(layer)
        self.step = QuantisationStep(latent, 3.5, -1.0)

    def encode(  # type: ignore[override]  # the one thing that it does not take over
        self, picture: Tensor, gradient: Tensor, features: Tensor, symbols: Tensor, step: Tensor
    ) -> Tensor:
        """What to add to the coefficients ``(B, latent, h, w)``, before quantisation.

        Args:
            picture: ``(B, 3, 16h, 16w)`` in [-1, 1].
            gradient: of the distortion with respect to features, of about unit size.
            features: as they are so far, ``(B, C, 2h, 2w)``.
            symbols: how the coefficients are coded so far, ``(B, SEEN_OF_SYMBOLS * latent + 1, h, w)``; see
                :func:`hsc.encoder.detail.improvement`.
            step: quantisation steps ``(B, latent, 1, 1)``.
        """
        seen = self.see_picture(F.pixel_unshuffle(picture, 8)) + self.see_base(features) + self.see_gradient(gradient)
        seen = self.see_finely(seen) + self.see_symbols(symbols)
        absolute, in_steps = self.analysis_correction(seen).chunk(2, 1)
        return self.analysis(gradient) + absolute + step * in_steps

    def decode(self, coefficients: Tensor, base: Tensor) -> Tensor:
        """Dequantised coefficients ``(B, latent, h, w)`` and features to F^ ``(B, C, 2h, 2w)``."""
        return base + self.change(coefficients, base)

    def change(self, coefficients: Tensor, base: Tensor) -> Tensor:
        """What :meth:`decode` adds to the features."""
        linear, correction = self.changes(coefficients, base)
        return CHANGE * (linear + correction)
