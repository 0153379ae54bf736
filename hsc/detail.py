"""Encoder side of detail: what the picture asks of the generator's features at 64x64, and how much of it is coded.

No encoder says what those features should be. The gradient of what the restoration lacks, with respect to them, does
(as in :mod:`hsc.amortised`); a network codes it in few symbols, see :mod:`hsc.networks.detail`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from hsc import images
from hsc.generator import SIZE
from hsc.model import DETAIL_LEVEL
from hsc.networks.detail import PICTURE

if TYPE_CHECKING:
    from hsc.codec import Codec

LPIPS_WEIGHT, COLOUR_WEIGHT, LIKENESS_WEIGHT = 2.0, 0.5, 20.0
"""Of the distortion, beside L1 at 512 px; as in training. The last is of squared differences at 256 px, which say most
of who somebody is: identity networks see about as much."""
PATCH = 16
"""Side of the patches, in pixels of 512, whose mean colour is to be kept."""
SIDE = 4 * 2**DETAIL_LEVEL
SCALE = SIZE // SIDE
"""Pixels for each feature."""
MARGIN = 2
"""Features around a part of the picture that the convolutions need."""
ROWS = 16
"""Rows of features that are looked at together, so that a server's memory holds them."""


def distortion(lpips: Callable[[Tensor, Tensor], Tensor], made: Tensor, photo: Tensor) -> Tensor:
    """How a part of a restoration differs from the photo: ``(B,)``.

    Args:
        lpips: of two pictures of any size.
        made: ``(B, 3, H, W)``.
        photo: as large, and seen at both sizes; or ``(B, 3, H / 2, W / 2)``, and seen at that alone.
    """
    half, full = F.avg_pool2d(made, 2), photo.shape == made.shape
    expected = F.avg_pool2d(photo, 2) if full else photo
    seen = lpips(half, expected)
    if full:
        seen = (seen + lpips(made, photo)) / 2
    difference = half - expected
    colour = F.avg_pool2d(difference, PATCH).abs().mean((1, 2, 3))
    likeness = F.avg_pool2d(difference, 2).square().mean((1, 2, 3))
    return (LPIPS_WEIGHT * seen + difference.abs().mean((1, 2, 3)) + COLOUR_WEIGHT * colour
            + LIKENESS_WEIGHT * likeness)


def look(
    codec: Codec, image: Image.Image, codes: Tensor, feature: Tensor, change: Tensor | None = None
) -> Tensor:
    """What to add to the coefficients of detail ``(1, C, 32, 32)`` of an aligned face.

    Args:
        codes, feature: S^ ``(1, 16, 512)`` and the finest F^, as they will be coded or nearly so.
        change: detail that was coded so far, ``(1, 512, 64, 64)``.
    """
    base = codec.generator.prefix(codes, DETAIL_LEVEL, feature, codec.networks.levels[-1])
    if change is not None:
        base = base + change
    asked = gradient(codec, images.to_tensor(image, SIZE).to(codec.device), codes, base)
    return codec.networks.detail.encode(images.to_tensor(image, PICTURE).to(codec.device), asked, base)


def gradient(codec: Codec, target: Tensor, codes: Tensor, features: Tensor) -> Tensor:
    """Of the distortion, summed over places, with respect to features ``(1, 512, 64, 64)``."""
    generator, _ = codec.looking_glass
    kind = generator.input.dtype
    codes, given = codes.to(kind), features.to(kind)
    result = torch.zeros_like(features)
    lpips = partial(codec.lpips, precision=kind)
    for top in range(0, SIDE, ROWS):
        first, last = max(top - MARGIN, 0), min(top + ROWS + MARGIN, SIDE)
        with torch.enable_grad():
            part = given[:, :, first:last].clone().requires_grad_(True)
            made = generator.suffix(part, codes, DETAIL_LEVEL, (first, 0)).float()
            rows = slice(SCALE * (top - first), SCALE * (top - first + ROWS))
            loss = distortion(lpips, made[:, :, rows], target[:, :, SCALE * top:SCALE * (top + ROWS)])
            found, = torch.autograd.grad(loss.sum() * ROWS * SIDE, part)
        result[:, :, first:last] += found.float()
    return result
