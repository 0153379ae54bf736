"""The generator's coarse half with style codes that differ from place to place.

A styled convolution of MobileStyleGAN scales the channels of its input by an affine map of the style code, and its
demodulation is folded into the weights. So a style code may move at each place by its own amount: the scales become
maps, and nothing else changes. With a shift of the same amount everywhere this is the generator itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hsc.editing.movement import Movement
from hsc.generator import Generator, Style, inverse_haar
from hsc.generator.mobilestylegan import StyledConvolution


def as_tensor(values: np.ndarray, like: Tensor) -> Tensor:
    """Values as a tensor of the kind and on the device of another."""
    return torch.from_numpy(np.array(values)).to(like)


def style_map(style: Style, code: Tensor, shifts: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
    """Factor for each channel, ``(1, C, 1, 1)`` or, where the code moves, at each place ``(1, C, H, W)``.

    Args:
        code: ``(1, 512)``.
        shifts: pairs of a shift of the code ``(512,)`` and how much of it there is at each place ``(1, 1, H, W)``.
    """
    scales: Tensor = style(code)
    for shift, amount in shifts:
        if shift.any():
            scales = scales + amount * (F.linear(shift, style.weight) * style.scale)[None, :, None, None]
    return scales


def _convolve(
    layer: StyledConvolution, features: Tensor, code: Tensor, shifts: Sequence[tuple[Tensor, Tensor]]
) -> Tensor:
    features = features * style_map(layer.style, code, shifts)
    if layer.depthwise is not None:
        features = F.conv2d(features, layer.depthwise, padding=1, groups=len(layer.depthwise))
    features = F.conv2d(features, layer.weight, layer.bias, padding=layer.weight.shape[-1] // 2)
    return F.leaky_relu(features + layer.noise, 0.2)


def synthesize_locally(
    generator: Generator,
    codes: Tensor,
    movements: Sequence[Movement],
    level: int,
    features: Tensor | None = None,
    start: int = 0,
) -> Tensor:
    """G_s of style codes ``(1, 16, 512)`` that move from place to place: the features at ``level``.

    Args:
        movements: shifts of the style codes, with the places where they act.
        features: features at the level ``start`` to begin with; without them, the generator's constant input.
    """

    def shifts(layer: int, side: int) -> list[tuple[Tensor, Tensor]]:
        return [(as_tensor(one.shift[layer], codes), as_tensor(one.map(side), codes)) for one in movements]

    if features is None:
        features = _convolve(generator.conv1, generator.input, codes[:, 0], shifts(0, 4))
    for index in range(start, level):
        block, side = generator.blocks[index], 4 * 2**index
        first, second = 1 + 2 * index, 2 + 2 * index
        features = inverse_haar(features * style_map(block.up, codes[:, first], shifts(first, side)))
        features = _convolve(block.conv1, features, codes[:, first], shifts(first, 2 * side))
        features = _convolve(block.conv2, features, codes[:, second], shifts(second, 2 * side))
    return features
