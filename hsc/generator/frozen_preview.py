"""The preview head for an encoder: frozen, differentiable in features and codes alone, in few passes over memory."""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import Tensor

from hsc.architecture import PREVIEW_LEVEL
from hsc.generator.frozen import SLOPE
from hsc.generator.mobilestylegan import LAYERS, inverse_haar
from hsc.generator.preview_head import PreviewHead


class FrozenPreviewHead:
    """The same function as :class:`hsc.generator.preview_head.PreviewHead`, of one face.

    The style is folded into the weights, and the two pointwise convolutions that see the features are one matrix
    product, so that these are read once forth and written once back.
    """

    def __init__(self, head: PreviewHead, precision: torch.dtype = torch.float32) -> None:
        self._head, self._precision = head, precision
        self._weight = torch.cat((head.linear.weight, head.reduce.weight)).flatten(1)
        self._bias = torch.cat((head.linear.bias, head.reduce.bias)).to(precision)  # type: ignore[list-item]
        self._mix = copy.deepcopy(head.mix).to(precision, memory_format=torch.channels_last)
        self._correction = head.correction.weight.flatten(1).to(precision), head.correction.bias

    def __call__(self, features: Tensor, codes: Tensor) -> Tensor:
        """The preview of features in this precision, channels last in memory.

        Args:
            features: ``(1, 256, 128, 128)``.
            codes: ``(1, 16, 512)``, float32.

        Returns:
            ``(1, 3, 256, 256)`` in [-1, 1], float32.
        """
        skipped = codes[:, 1 + 2 * PREVIEW_LEVEL : LAYERS].mean(1)
        weight = (self._weight * self._head.style(skipped).flatten()).to(self._precision)
        seen = F.linear(features.permute(0, 2, 3, 1), weight, self._bias)
        bands, reduced = seen.split((self._head.linear.out_channels, self._head.reduce.out_channels), 3)
        mixed = F.leaky_relu(self._mix(F.leaky_relu(reduced, SLOPE).permute(0, 3, 1, 2)), SLOPE).permute(0, 2, 3, 1)
        weight, bias = self._correction
        bands = bands.float() + F.linear(mixed, weight).float() + (bias + self._head.tone(skipped))
        return inverse_haar(bands.permute(0, 3, 1, 2))
