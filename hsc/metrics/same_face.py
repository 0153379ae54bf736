"""Which face of a photo a restored one is, by dlib's face descriptors: where it may be pasted back.

Restored from 300 bytes, faces of portraits were 0.36 to 0.53 from themselves and 0.74 to 0.96 from the person beside
them; from 800 bytes 0.23 to 0.31 and 0.80 to 0.96.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from hsc.imaging import alignment
from hsc.imaging.alignment import Face

SAME = 0.6
"""Descriptors of one person's pictures are nearer to each other than this; dlib's own threshold."""
CLEAR = 0.1
"""By so much the nearest face must be nearer than the next, or which one it is stays in doubt."""


def distances(restored: Image.Image, photo: Image.Image, faces: Sequence[Face]) -> list[float] | None:
    """How far each face of a photo is from a restored one, in the space of dlib's descriptors; below 0.6 is likeness.

    Args:
        restored: aligned face, RGB, without edits: those change who somebody is.
        photo: RGB.
        faces: found in ``photo``.

    Returns:
        One number for each face; None where no face is to be seen in the restored picture, as in one of few bytes.
    """
    from hsc.metrics.face_metrics import descriptor

    own = alignment.detect(restored)
    if not own:
        return None
    wanted = descriptor(restored, own[0])
    return [float(np.linalg.norm(descriptor(photo, face) - wanted)) for face in faces]


def nearest(found: Sequence[float] | None) -> int | None:
    """The index of the face that it is, or None where that is in doubt.

    Args:
        found: of :func:`distances`.
    """
    if not found:
        return None
    first, *others = sorted(range(len(found)), key=found.__getitem__)
    clear = not others or found[others[0]] - found[first] >= CLEAR
    return first if found[first] < SAME and clear else None
