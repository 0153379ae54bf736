"""Full-resolution windows: a small part of the picture at 1024, where the whole would cost too much.

The last two blocks set skin and hair texture through style codes that no preview sees. Judged through a window, they
can be learned and refined for a tenth of the price of the whole picture.

Sides and corners count features of the preview's level, each :data:`SCALE` pixels wide.
"""

from __future__ import annotations

from torch import Tensor

from hsc.generator import SIZE, Generator
from hsc.generator.frozen import Corner, FrozenGenerator
from hsc.generator.preview_head import PREVIEW_LEVEL

FEATURES = 4 * 2**PREVIEW_LEVEL
"""Side of the features that windows are cut from."""
SCALE = SIZE // FEATURES
"""Pixels for each of them."""
MARGIN = 2
"""Features around a window that the convolutions need."""


def corners(side: int) -> int:
    """Rows, or columns, at which a window with its margin can begin."""
    return FEATURES - side - 2 * MARGIN + 1


def corner(index: int, side: int) -> tuple[int, int]:
    """First row and column of the ``index``-th window of a sequence that soon covers the picture evenly.

    The R2 sequence of M. Roberts, "The Unreasonable Effectiveness of Quasirandom Sequences", 2018.
    """
    plastic = 1.32471795724474602596
    row, column = ((0.5 + (index + 1) / plastic**power) % 1 for power in (1, 2))
    return int(row * corners(side)), int(column * corners(side))


def surroundings(features: Tensor, place: tuple[int, int], side: int) -> Tensor:
    """Cut a window and its margin out of features ``(B, 256, 128, 128)``: a view ``(B, 256, side + 4, side + 4)``."""
    reach = side + 2 * MARGIN
    return features[:, :, place[0] : place[0] + reach, place[1] : place[1] + reach]


def render(
    generator: Generator | FrozenGenerator, features: Tensor, codes: Tensor, place: Corner | tuple[Corner, ...]
) -> Tensor:
    """The :func:`surroundings` of a window at the same place, and codes, to the window ``(B, 3, 8 side, 8 side)``.

    By a frozen generator, as many windows of one face as there are places.
    """
    picture = generator.synthesize_image(features, codes, PREVIEW_LEVEL, place)
    edge = MARGIN * SCALE
    return picture[:, :, edge:-edge, edge:-edge]


def cut(picture: Tensor, place: tuple[int, int], side: int) -> Tensor:
    """The same part of a picture ``(B, 3, H, H)``, whose own side may be 1024 or smaller."""
    scale = picture.shape[-1] // FEATURES
    top, left = ((offset + MARGIN) * scale for offset in place)
    return picture[:, :, top : top + side * scale, left : left + side * scale]
