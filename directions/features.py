"""How an edit of S carries over to F, where F holds more than S says.

The plain sum F' = F^ + G_s(S') - G_s(S^) keeps the coded residual R = F^ - G_s(S^) as it is. R describes
the photo as it was: the old mouth shows through the new one, and where R is larger than what the generator makes by
itself, a new feature can drown in it altogether. So R gives way where, and as far as, the edit moves the
generator's features.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

SETS_IN = 0.2
"""Movement of the features, relative to their own root mean square, at which the residual gives way fully."""
_PEAK = 0.95  # share of places that move less than the place that counts as the edit's centre


def edit_mask(base: Tensor, moved: Tensor) -> Tensor:
    """Where an edit acts: 0 to 1, ``(B, 1, H, W)``.

    The size of the movement, relative to its peak: subtle edits replace as much of what was there as
    drastic ones. It sets in smoothly from strength 0, and is blurred over one neighbour, so that no seam
    shows.

    Args:
        base, moved: G_s(S^) and G_s(S'), ``(B, C, H, W)``.
    """
    movement = (moved - base).square().mean(1, keepdim=True)
    size = base.square().mean((1, 2, 3), keepdim=True)
    peak = movement.flatten(1).quantile(_PEAK, 1)[:, None, None, None].clamp(min=torch.finfo(base.dtype).tiny)
    amount = (peak / (SETS_IN**2 * size)).clamp(max=1)
    return F.avg_pool2d(amount * (movement / peak).clamp(max=1).sqrt(), 3, 1, 1, count_include_pad=False)


def edit_feature(feature: Tensor, base: Tensor, moved: Tensor) -> Tensor:
    """F' = G_s(S') + (1 - mask) (F^ - G_s(S^)).

    Where nothing moves this is F^.

    Args:
        feature: F^ ``(B, C, H, W)``.
        base, moved: G_s(S^) and G_s(S'), ``(B, C, H, W)``.
    """
    return feature + (moved - base) - edit_mask(base, moved) * (feature - base)
