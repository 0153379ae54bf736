"""All scorers together: one pass over a picture gives every column."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from PIL import Image

from directions.scorers import colours
from hsc import paths
from hsc.errors import WeightsError

SCORES = {
    "smile": "FaceMesh blendshapes, mean of mouthSmileLeft and mouthSmileRight, 0 to 1",
    "mouth_open": "FaceMesh blendshape jawOpen, 0 to 1",
    "yaw": "FSA-Net, degrees",
    "pitch": "FSA-Net, degrees",
    "roll": "FSA-Net, degrees",
    "eyeglasses": "SqueezeNet eyeglasses network, logit (2.2 is a score of 0.9)",
    "age": "dlib-models age network, years",
    "male": "dlib-models gender network, appearance of a man, 0 to 1",
    "makeup": "heuristic: colour contrast of lips, lids, lashes and cheeks, Lab units",
    "lipstick": "heuristic: colour contrast of lips and skin, Lab units",
    "beard": "heuristic: darkness and roughness of chin and upper lip, Lab units",
    "hair": "heuristic: median lightness of a band around the forehead, L",
    "skin": "heuristic: median lightness of the skin, L",
    "shading": "heuristic: standard deviation of lightness over nose and cheeks, L",
    "eyes": "FaceMesh blendshapes, eyeWide less eyeBlink, -1 (closed) to 1 (wide)",
    "brows": "FaceMesh blendshapes, browInnerUp or browOuterUp less browDown, -1 (down) to 1 (raised)",
    "gaze": "FaceMesh blendshapes eyeLookIn and eyeLookOut, -1 (left in the picture) to 1 (right)",
    "face": "FaceMesh, probability that there is a face",
}
"""What :class:`ScorerPanel` measures, in the order of its columns."""
COLUMNS = tuple(SCORES)
"""Their names."""
GLASSES = 2.2
"""Logit above which eyeglasses are found."""


def scorer_folder() -> Path:
    """Where the scorers' networks are: ``$HSC_SCORERS``, or ``shared/weights`` beside the repository.

    Raises:
        WeightsError: there is no such folder.
    """
    given, data = os.environ.get("HSC_SCORERS"), paths.development_data()
    folder = Path(given) if given else data and data / "weights"
    if not (folder and (folder / "face_landmarks_detector.tflite").is_file()):
        raise WeightsError("The scorers' networks are not here: set HSC_SCORERS to their folder.")
    return folder


class ScorerPanel:
    """Scores of FFHQ-aligned faces.

    The heuristics are explained in :mod:`directions.scorers.colours`; a logit of eyeglasses above
    :data:`GLASSES` is a probability above 0.9.

    Raises:
        WeightsError: the networks or a package that runs them are missing.
    """

    def __init__(self, folder: Path | None = None) -> None:
        folder = folder or scorer_folder()
        try:
            from directions.scorers.mesh import MeshScorer
            from directions.scorers.networks import AgeScorer, EyeglassesScorer, PoseScorer

            self.mesh = MeshScorer(folder)
            self._pose = PoseScorer(folder)
            self._glasses = EyeglassesScorer(folder)
            self._age = AgeScorer()
        except ImportError as error:
            raise WeightsError(
                f"Scoring needs the package '{error.name}': pip install -r directions/requirements-learn.txt."
            ) from error

    def __call__(self, images: list[Image.Image]) -> np.ndarray:
        """RGB pictures of any one size to ``(B, len(COLUMNS))`` float32."""
        small = [image if image.width == 256 else image.resize((256, 256), Image.Resampling.BOX) for image in images]
        glasses = self._glasses(small)
        pose = self._pose(small)
        rows = np.zeros((len(images), len(COLUMNS)), np.float32)
        for index, image in enumerate(small):
            points, face = self.mesh.landmarks(image)
            values = {
                **self.mesh.expression(points),
                **colours.measure(image, points),
                "eyeglasses": glasses[index],
                "face": face,
            }
            values["yaw"], values["pitch"], values["roll"] = pose[index]
            values["age"], values["male"] = self._age(image)
            rows[index] = [values[name] for name in COLUMNS]
        return rows
