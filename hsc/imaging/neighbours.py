"""Which face a place belongs to where aligned squares overlap, as they do in a group photo.

FFHQ's square is about twice as wide as the face in it, so that the square of one person holds much of the next. What a
restoration shows there is a guess; the face that a place is nearer to, measured in squares, has it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from hsc.imaging.alignment import Alignment

_SIDE = 256
_CENTRE = np.array([0.5, 0.53])
"""Where FFHQ's square has the middle of a face."""
_SEAM = 0.12
"""Width of the border between two faces, as a fraction of a square's side."""


def shares(alignments: Sequence[Alignment]) -> list[Image.Image]:
    """How much of each place of each square is its own face's.

    Args:
        alignments: of one photo.

    Returns:
        For each a mask of mode L, 256 pixels a side, for :func:`hsc.imaging.alignment.paste_back`: white where the face
        has no neighbour. At places that two squares cover, their shares add up to 1.
    """
    line = (np.arange(_SIDE) + 0.5) / _SIDE
    unit = np.stack(np.meshgrid(line, line), axis=-1)
    own = np.linalg.norm(unit - _CENTRE, axis=-1)
    masks = []
    for index, alignment in enumerate(alignments):
        places = unit @ alignment.matrix[:, :2].T + alignment.matrix[:, 2]
        margin = np.full(own.shape, np.inf)
        for other in (each for number, each in enumerate(alignments) if number != index):
            margin = np.minimum(margin, np.linalg.norm(other.to_crop(places, 1) - _CENTRE, axis=-1) - own)
        share = np.clip(0.5 + margin / (2 * _SEAM), 0, 1)
        masks.append(Image.fromarray(np.rint(255 * share * share * (3 - 2 * share)).astype(np.uint8)))
    return masks
