"""FaceMesh v2 (Kartynnik et al. 2019, arXiv:1907.06724) and its blendshapes (MediaPipe, Apache-2.0)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

_SIZE = 256
# Centre and side of the crop in FFHQ-aligned faces, as fractions of the picture's side: the square that
# MediaPipe cuts (1.5 times the landmarks' box), at its median over real faces.
_CENTRE = (0.5, 0.6)
_SIDE = 0.94
# The 146 of 478 points that the blendshape network reads.
_BLENDSHAPE_POINTS = (
    0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61, 63, 65, 66, 67, 70,
    78, 80, 81, 82, 84, 87, 88, 91, 93, 95, 103, 105, 107, 109, 127, 132, 133, 136, 144, 145, 146, 148, 149,
    150, 152, 153, 154, 155, 157, 158, 159, 160, 161, 162, 163, 168, 172, 173, 176, 178, 181, 185, 191, 195,
    197, 234, 246, 249, 251, 263, 267, 269, 270, 276, 282, 283, 284, 285, 288, 291, 293, 295, 296, 297, 300,
    308, 310, 311, 312, 314, 317, 318, 321, 323, 324, 332, 334, 336, 338, 356, 361, 362, 365, 373, 374, 375,
    377, 378, 379, 380, 381, 382, 384, 385, 386, 387, 388, 389, 390, 397, 398, 400, 402, 405, 409, 415, 454,
    466, 468, 469, 470, 471, 472, 473, 474, 475, 476, 477,
)  # fmt: skip
# Places of the blendshapes that are read; each pair is left and right of the person.
_BROW_DOWN, _BROW_INNER_UP, _BROW_OUTER_UP = (1, 2), 3, (4, 5)
_BLINK, _LOOK_IN, _LOOK_OUT, _WIDE = (9, 10), (13, 14), (15, 16), (21, 22)
_JAW_OPEN, _SMILE = 25, (44, 45)


class MeshScorer:
    """Landmarks and blendshapes of one aligned face at a time."""

    def __init__(self, folder: Path) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._mesh = Interpreter(str(folder / "face_landmarks_detector.tflite"), num_threads=1)
        self._blend = Interpreter(str(folder / "face_blendshapes.tflite"), num_threads=1)
        for network in (self._mesh, self._blend):
            network.allocate_tensors()
        # Outputs by what they are: 478 points, and of the two single numbers the one that says a face is
        # there.
        outputs = self._mesh.get_output_details()
        self._points = next(o["index"] for o in outputs if np.prod(o["shape"]) == 478 * 3)
        self._face = next(o["index"] for o in outputs if len(o["shape"]) == 4 and np.prod(o["shape"]) == 1)

    def landmarks(self, image: Image.Image) -> tuple[np.ndarray, float]:
        """478 points ``(478, 2)`` in fractions of the side, and the probability that there is a face."""
        box = np.array([_CENTRE[0], _CENTRE[1]] * 2) + np.array([-0.5, -0.5, 0.5, 0.5]) * _SIDE
        # Outside the picture the crop is filled with black, as MediaPipe does.
        corners = box * image.width
        crop = image.transform(
            (_SIZE, _SIZE), Image.Transform.EXTENT, tuple(corners.tolist()), Image.Resampling.BILINEAR
        )
        pixels = np.asarray(crop, np.float32)[None] / 255
        self._mesh.set_tensor(self._mesh.get_input_details()[0]["index"], pixels)
        self._mesh.invoke()
        points = self._mesh.get_tensor(self._points).reshape(478, 3)[:, :2]
        flag = float(self._mesh.get_tensor(self._face).ravel()[0])
        return points / _SIZE * _SIDE + box[:2], 1 / (1 + np.exp(-flag))

    def blendshapes(self, points: np.ndarray) -> np.ndarray:
        """52 coefficients in [0, 1] of landmarks ``(478, 2)``."""
        chosen = points[list(_BLENDSHAPE_POINTS)].astype(np.float32)[None] * 1024
        self._blend.set_tensor(self._blend.get_input_details()[0]["index"], chosen)
        self._blend.invoke()
        return self._blend.get_tensor(self._blend.get_output_details()[0]["index"]).ravel()

    def expression(self, points: np.ndarray) -> dict[str, float]:
        """Blendshapes of landmarks ``(478, 2)``, put together.

        Returns:
            ``smile`` (mean of mouthSmileLeft and -Right) and ``mouth_open`` (jawOpen), in [0, 1]; ``eyes`` (eyeWide
            less eyeBlink), ``brows`` (the larger of browInnerUp and browOuterUp, less browDown) and ``gaze`` (to the
            right of the picture), in [-1, 1].
        """
        shapes = self.blendshapes(points)

        def mean(pair: tuple[int, int]) -> float:
            return float(shapes[list(pair)].mean())

        # Looking to the right of the picture is looking outwards with the person's left eye, inwards with the right.
        rightwards = (shapes[_LOOK_OUT[0]] + shapes[_LOOK_IN[1]] - shapes[_LOOK_IN[0]] - shapes[_LOOK_OUT[1]]) / 2
        return {
            "smile": mean(_SMILE),
            "mouth_open": float(shapes[_JAW_OPEN]),
            "eyes": mean(_WIDE) - mean(_BLINK),
            "brows": max(float(shapes[_BROW_INNER_UP]), mean(_BROW_OUTER_UP)) - mean(_BROW_DOWN),
            "gaze": float(rightwards),
        }
