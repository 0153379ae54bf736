"""How an edit of S carries over to F, where F holds more than S says.

HSC adds the movement of the generator's features, F' = F^ + G_s(S') - G_s(S^). Three things keep that from working
on coded photos:

- **Faces that are none.** The more F says, the less S^ has to: its codes are those of no face, each layer's of another
  one, and where G_s(S^) is no face, a smile does not make it smile. So the movement is taken from S^ half-way to the
  mean, as the truncation trick does (Karras et al., arXiv 1812.04948), as far as F^ is not what S^ makes.
- **Scale.** Coded features may be several times as large as what the generator makes by itself, and differently in
  each channel; what comes after them works all the same, being nearly homogeneous in scale. But next to them the
  movement is too small to be seen. So each channel of the movement is scaled as that channel of F is.
- **Ghosts.** The residual F^ - G_s(S^) describes the photo as it was: the old mouth shows through the new one. So it
  gives way where, and as far as, the edit moves the features.

Where a face is coded at several levels, the residual of each finer one gives way where that of the coarsest does, and
detail does sooner, by the square root of that mask. Else old noses and lids show through at the finer level. The finer
level's own movement would do as a mask, too: it takes a little more of the old face away, for a little more of the
edit. But there mere changes of colour, such as makeup, count as movement, and they leave no ghosts.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

TRUNCATION = 0.5
"""How far from the mean latent S^ stays, for the movement, where it says nothing of F^."""
SETS_IN = 0.2
"""Movement of the features, relative to their own root mean square, at which the residual gives way fully."""
ALL_NEW = 0.8
"""Movement at a place, relative to the root mean square of all features, at which nothing old is left there."""
_PEAK = 0.95  # share of places that move less than the place that counts as the edit's centre
_GAINS = (0.5, 8.0)  # scales beyond these are a channel's that has next to nothing in it


def channel_gain(feature: Tensor, base: Tensor) -> Tensor:
    """How much larger each channel of F^ is than the generator's own: ``(B, C, 1, 1)``.

    Args:
        feature, base: F^ and G_s(S^), ``(B, C, H, W)``.
    """
    sizes = [x.square().mean((2, 3), keepdim=True).sqrt() for x in (feature, base)]
    return (sizes[0] / sizes[1].clamp(min=torch.finfo(base.dtype).tiny)).clamp(*_GAINS)


def truncation(feature: Tensor, base: Tensor) -> Tensor:
    """How far from the mean latent S^ is taken for the movement, ``(B, 1, 1)``: 1 where it makes F^ by itself.

    Args:
        feature, base: F^ and G_s(S^) at the coarsest level, ``(B, C, H, W)``.
    """
    sizes = [x.square().mean((1, 2, 3)) for x in (feature - channel_gain(feature, base) * base, feature)]
    unsaid = (sizes[0] / sizes[1].clamp(min=torch.finfo(base.dtype).tiny)).clamp(max=1)
    return 1 - (1 - TRUNCATION) * unsaid[:, None, None]


def edit_mask(base: Tensor, moved: Tensor) -> Tensor:
    """Where an edit acts: 0 to 1, ``(B, 1, H, W)``.

    The energy of the movement relative to its peak, squared: subtle edits replace as much of what was there as
    drastic ones, and all keep what is off the centre, which is most of what makes a face somebody's. Where a drastic
    one, such as a turn of the head, moves nearly everything, nearly all gives way. The mask sets in smoothly from
    strength 0, and is blurred over one neighbour, so that no seam shows.

    Args:
        base, moved: G_s(S^) and G_s(S'), ``(B, C, H, W)``.
    """
    movement = (moved - base).square().mean(1, keepdim=True)
    size = base.square().mean((1, 2, 3), keepdim=True)
    peak = movement.flatten(1).quantile(_PEAK, 1)[:, None, None, None].clamp(min=torch.finfo(base.dtype).tiny)
    amount = (peak / (SETS_IN**2 * size)).clamp(max=1)
    centre = amount * (movement / peak).clamp(max=1).square()
    drastic = (movement / (ALL_NEW**2 * size)).clamp(max=1).square()
    return F.avg_pool2d(torch.maximum(centre, drastic), 3, 1, 1, count_include_pad=False)


def plain_sum(feature: Tensor, base: Tensor, moved: Tensor, mask: Tensor | None = None) -> Tensor:
    """The formula as HSC gives it, F' = F^ + G_s(S') - G_s(S^), to measure :func:`edit_feature` by."""
    return feature + (moved - base)


def edit_feature(feature: Tensor, base: Tensor, moved: Tensor, mask: Tensor | None = None) -> Tensor:
    """F' = F^ + g (G_s(S') - G_s(S^)) - m (F^ - g G_s(S^)), with the gain g of each channel and a mask m.

    Where nothing moves this is F^; where F^ is what the generator makes, whatever its scale, it is what the
    generator makes of S'.

    Args:
        feature: F^ ``(B, C, H, W)``.
        base, moved: G_s(S^) and G_s(S'), ``(B, C, H, W)``; at a finer level, what the generator makes of the coarser
            feature, unedited and edited.
        mask: :func:`edit_mask` of the coarsest level, ``(B, 1, h, w)``; by default of this one.
    """
    gain = channel_gain(feature, base)
    mask = edit_mask(base, moved) if mask is None else mask
    return feature + gain * (moved - base) - enlarge_mask(mask, feature) * (feature - gain * base)


def enlarge_mask(mask: Tensor, feature: Tensor) -> Tensor:
    """A mask ``(B, 1, h, w)`` at the size of a feature ``(B, C, H, W)``."""
    return F.interpolate(mask, feature.shape[2:], mode="bilinear", align_corners=False)
