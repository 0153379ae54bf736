"""Layers whose inference is integer arithmetic, so that encoder and decoder always agree.

A decoder recomputes means and scales; one float that rounds differently ruins every later symbol. Here weights and
activations lie on fixed binary grids and are carried in float64: products and sums are then whole multiples of
``2^-20`` far below ``2^53``, hence exact in any order, on any device, with any number of threads. Convolutions are
spelled out as unfold and matrix product, because library convolutions may use transforms (Winograd, FFT) that leave
the grid.

float32 inputs run as ordinary layers, for training; float64 inputs run exactly.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ACTIVATION_BITS = 8
"""Activations are multiples of 2^-8."""
ACTIVATION_LIMIT = 512.0
"""Activations lie within +-512: 18 bits with the sign."""
WEIGHT_BITS = 12
"""Weights are multiples of 2^-12."""
WEIGHT_LIMIT = 8.0
"""Weights lie within +-8: 16 bits; sums of 2^11 products then need 45 bits of float64's 53."""


def to_grid(values: Tensor, bits: int = ACTIVATION_BITS, limit: float = ACTIVATION_LIMIT) -> Tensor:
    """Round half up to multiples of ``2^-bits`` and clamp to ``+-limit``, in float64."""
    scale = float(2**bits)
    return (torch.floor(values.double() * scale + 0.5) / scale).clamp(-limit, limit)


def exp2(exponent: Tensor) -> Tensor:
    """2^x for x on the activation grid, the same float64 bits everywhere.

    A table of ``2^(i/256)``, rounded to 2^-20, is scaled by whole powers of two, which is exact.
    """
    steps = 2**ACTIVATION_BITS
    index = torch.floor(exponent.double() * steps + 0.5).long()
    table = torch.tensor([round(2 ** (i / steps) * 2**20) for i in range(steps)], dtype=torch.float64)
    fraction = table.to(index.device)[index % steps]
    power = torch.div(index, steps, rounding_mode="floor") - 20
    # The bits of a power of two, with IEEE 754's bias of 1023: ldexp would take it from a float32 pow.
    return fraction * (power + 1023 << 52).view(torch.float64)


class ExactConv2d(nn.Conv2d):
    """3x3 or 1x1 convolution with ``padding="same"`` and stride 1."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3) -> None:
        super().__init__(inputs, outputs, kernel, padding=kernel // 2)

    def forward(self, features: Tensor) -> Tensor:
        if features.dtype != torch.float64:
            return super().forward(features)
        batch, _, height, width = features.shape
        columns = F.unfold(features, self.kernel_size, padding=self.kernel_size[0] // 2)
        weight = to_grid(self.weight, WEIGHT_BITS, WEIGHT_LIMIT).flatten(1)
        assert self.bias is not None
        bias = to_grid(self.bias, WEIGHT_BITS)
        return to_grid((weight @ columns + bias[:, None]).reshape(batch, -1, height, width))


class ExactLinear(nn.Linear):
    """Fully connected layer."""

    def forward(self, features: Tensor) -> Tensor:
        if features.dtype != torch.float64:
            return super().forward(features)
        weight = to_grid(self.weight, WEIGHT_BITS, WEIGHT_LIMIT)
        return to_grid(features @ weight.T + to_grid(self.bias, WEIGHT_BITS))
