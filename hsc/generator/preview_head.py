"""A small picture straight from the middle of the generator.

The last two blocks are most of the generator's cost. A head at the 128x128 activation, fitted once to the
down-sampled full output, gives a 256 px picture for a fraction of it: the app's instant preview, and the picture that
the training losses see.
"""

from __future__ import annotations

from pathlib import Path

import torch.nn.functional as F
from torch import Tensor, nn

from hsc.architecture import PREVIEW_LEVEL, PREVIEW_SIZE
from hsc.generator import LATENT, LAYERS, Generator, Style, inverse_haar

__all__ = ["PREVIEW_LEVEL", "PREVIEW_SIZE", "PreviewHead"]


class PreviewHead(nn.Module):
    """Features ``(B, 256, 128, 128)`` to Haar bands: a linear map, a small correction, and a tone.

    The blocks that are skipped still shift colours, as their style codes say; the mean of those codes therefore
    scales the channels and offsets the bands.
    """

    def __init__(self, channels: int = 256, hidden: int = 24) -> None:
        super().__init__()
        self.style = Style(channels, 1.0)
        self.linear = nn.Conv2d(channels, 12, 1)
        self.reduce = nn.Conv2d(channels, hidden, 1)
        self.mix = nn.Conv2d(hidden, hidden, 3, padding=1)
        self.correction = nn.Conv2d(hidden, 12, 1)
        self.tone = nn.Linear(LATENT, 12)
        for layer in (self.correction, self.tone):
            for parameter in layer.parameters():
                nn.init.zeros_(parameter)

    @classmethod
    def load(cls, path: Path | None = None) -> PreviewHead:
        """The fitted head, frozen, from ``path`` or from the shipped weights."""
        from hsc import weights

        head = cls()
        weights.load_state(head, weights.read(path or weights.shipped("preview")))
        return head.eval().requires_grad_(False)

    def forward(self, features: Tensor, codes: Tensor) -> Tensor:
        """Features ``(B, 256, 128, 128)`` and style codes ``(B, 16, 512)`` to ``(B, 3, 256, 256)`` in [-1, 1]."""
        skipped = codes[:, 1 + 2 * PREVIEW_LEVEL : LAYERS].mean(1)
        features = features * self.style(skipped)
        correction = F.leaky_relu(self.mix(F.leaky_relu(self.reduce(features), 0.2)), 0.2)
        bands = self.linear(features) + self.correction(correction)
        return inverse_haar(bands + self.tone(skipped)[:, :, None, None])

    def render(self, generator: Generator, features: Tensor | None, codes: Tensor, level: int) -> Tensor:
        """From features at any level up to the head's own: run the blocks between, then the head."""
        return self(generator.synthesize_features(codes, PREVIEW_LEVEL, features, level), codes)
