"""Heuristics: colours inside polygons between FaceMesh landmarks, in CIE Lab.

They are measures of a picture, not of a person: lighting, fringes, hats and glasses move them. Their use is
the difference between two pictures of one face, and a ranking of many faces.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

_OVAL = (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152,
         148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109)  # fmt: skip
_LIPS = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
_MOUTH = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191)
_EYES = (
    (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246),
    (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466),
)
# Upper lid: from the lashes to the crease.
_LASHES = ((33, 246, 161, 160, 159, 158, 157, 173, 133), (263, 466, 388, 387, 386, 385, 384, 398, 362))
_CREASES = ((130, 247, 30, 29, 27, 28, 56, 190, 243), (359, 467, 260, 259, 257, 258, 286, 414, 463))
_BLUSH = ((117, 118, 101, 36, 205, 187, 123), (346, 347, 330, 266, 425, 411, 352))
# Skin that is seldom made up, bearded or in hair: below the eyes beside the nose, and its bridge.
_SKIN = (
    (100, 126, 209, 129, 203, 206, 36),
    (329, 355, 429, 358, 423, 426, 266),
    (6, 122, 174, 198, 4, 420, 399, 351),
)
_CHIN = (57, 204, 194, 201, 200, 421, 418, 424, 287, 430, 394, 379, 378, 400, 377, 152, 148, 176, 149, 150,
         169, 210)  # fmt: skip
_MOUSTACHE = (61, 92, 165, 167, 164, 393, 391, 322, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)


def lab(image: Image.Image) -> np.ndarray:
    """sRGB to CIE Lab (D65): ``(H, W, 3)`` float32, L in 0 ... 100."""
    rgb = np.asarray(image, np.float32) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    matrix = np.array(
        [
            [0.4124564, 0.3575761, 0.1804375],
            [0.2126729, 0.7151522, 0.0721750],
            [0.0193339, 0.1191920, 0.9503041],
        ],
        np.float32,
    )
    xyz = linear @ (matrix / np.array([[0.95047], [1.0], [1.08883]], np.float32)).T
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1)


def measure(image: Image.Image, points: np.ndarray) -> dict[str, float]:
    """Colour measures of an aligned face.

    Args:
        image: RGB, any size; seen at 256 x 256.
        points: FaceMesh landmarks ``(478, 2)``, fractions of the side.

    Returns:
        ``lipstick``: distance in chroma of lips and skin, and half their contrast in lightness (Lab units);
        ``makeup``: half of that, with the darkness of lids and lashes and the redness of cheeks against the
        skin; ``beard``: darkness and roughness of chin and upper lip against the skin;
        ``hair``: median lightness of a band around the forehead;
        ``skin``: lightness of the skin; ``shading``: how much it varies over nose and cheeks (standard
        deviation), which is a matter of light: hard light darkens lids as well as makeup does.
        All in Lab units.
    """
    size = 256
    if image.width != size:
        image = image.resize((size, size), Image.Resampling.BOX)
    pixels, points = lab(image), points * size

    def region(*outlines: tuple[int, ...], without: tuple[tuple[int, ...], ...] = ()) -> np.ndarray:
        mask = Image.new("1", (size, size))
        draw = ImageDraw.Draw(mask)
        for outline in outlines:
            draw.polygon([tuple(points[i]) for i in outline], fill=1)
        for outline in without:
            draw.polygon([tuple(points[i]) for i in outline], fill=0)
        chosen = pixels[np.asarray(mask)]
        return chosen if len(chosen) else np.zeros((1, 3), np.float32)

    skin_area = region(*_SKIN)
    skin = np.median(skin_area, axis=0)
    lips = np.median(region(_LIPS, without=(_MOUTH,)), axis=0)
    lids = np.median(region(*[a + b[::-1] for a, b in zip(_LASHES, _CREASES)], without=_EYES), axis=0)
    eyes = region(*_EYES)
    blush_area = region(*_BLUSH)
    cheeks = np.median(blush_area, axis=0)
    lipstick = float(np.hypot(lips[1] - skin[1], lips[2] - skin[2]) + 0.5 * (skin[0] - lips[0]))
    lid_shadow = float(skin[0] - lids[0] + 0.5 * np.hypot(*(lids - skin)[1:]))
    lashes = float(skin[0] - np.percentile(eyes[:, 0], 15))
    blush = float(cheeks[1] - skin[1])
    chin, moustache = region(_CHIN), region(_MOUSTACHE)
    beard = float(
        skin[0]
        - 0.5 * (np.percentile(chin[:, 0], 35) + np.percentile(moustache[:, 0], 35))
        + 0.5 * (chin[:, 0].std() + moustache[:, 0].std())
    )
    return {
        "makeup": 0.5 * lipstick + 0.5 * lid_shadow + 0.35 * lashes + blush,
        "lipstick": lipstick,
        "beard": beard,
        "hair": _hair(pixels, points),
        "skin": float(skin[0]),
        "shading": float(np.concatenate([skin_area, blush_area])[:, 0].std()),
    }


def _hair(pixels: np.ndarray, points: np.ndarray) -> float:
    """Median lightness of the band at 1.1 to 1.3 times the upper oval's distance from the face's middle."""
    upper = points[list(_OVAL[:8] + _OVAL[-7:])]
    middle = points[list(_OVAL)].mean(0)
    around = middle + (upper - middle)[:, None] * np.linspace(1.1, 1.3, 9)[None, :, None]
    x, y = np.rint(around.reshape(-1, 2)).astype(int).T
    inside = (x >= 0) & (y >= 0) & (x < pixels.shape[1]) & (y < pixels.shape[0])
    return float(np.median(pixels[y[inside], x[inside], 0])) if inside.any() else 0.0
