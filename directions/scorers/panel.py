"""All scorers together: one pass over a picture gives every column."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from PIL import Image

from directions.scorers import colours
from hsc.errors import WeightsError

COLUMNS = (
    "smile", "mouth_open", "yaw", "pitch", "roll", "eyeglasses", "age", "male", "makeup", "lipstick", "beard",
    "hair", "skin", "face",
)  # fmt: skip
"""Names of what :class:`ScorerPanel` measures, in order."""


def scorer_folder() -> Path:
    """Where the scorers' networks are: ``$HSC_SCORERS``, or ``shared/weights`` beside the repository.

    Raises:
        WeightsError: there is no such folder.
    """
    default = Path(__file__).resolve().parents[3] / "shared" / "weights"
    folder = Path(os.environ.get("HSC_SCORERS") or default)
    if not (folder / "face_landmarks_detector.tflite").is_file():
        raise WeightsError("The scorers' networks are not here: set HSC_SCORERS to their folder.")
    return folder


class ScorerPanel:
    """Scores of FFHQ-aligned faces.

    Columns (:data:`COLUMNS`): ``smile``, ``mouth_open`` blendshapes in [0, 1]; ``yaw``, ``pitch``, ``roll``
    in degrees; ``eyeglasses`` the network's logit (above 2.2 is a probability above 0.9); ``age`` in years;
    ``male`` in [0, 1]; ``makeup``, ``lipstick``, ``beard``, ``hair``, ``skin`` in Lab units (heuristics, see
    :mod:`directions.scorers.colours`); ``face`` the probability that landmarks lie on a face.

    Raises:
        WeightsError: the networks or a package that runs them are missing.
    """

    def __init__(self, folder: Path | None = None) -> None:
        folder = folder or scorer_folder()
        try:
            from directions.scorers.mesh import MeshScorer
            from directions.scorers.networks import AgeScorer, EyeglassesScorer, PoseScorer

            self._mesh = MeshScorer(folder)
            self._pose = PoseScorer(folder)
            self._glasses = EyeglassesScorer(folder)
            self._age = AgeScorer()
        except ImportError as error:
            raise WeightsError(
                f"Scoring needs the package '{error.name}': pip install -r directions/requirements-learn.txt."
            ) from error

    def __call__(self, images: list[Image.Image]) -> np.ndarray:
        """RGB pictures of any one size to ``(B, len(COLUMNS))`` float32."""
        small = [
            image if image.width == 256 else image.resize((256, 256), Image.Resampling.BOX)
            for image in images
        ]
        glasses = self._glasses(small)
        pose = self._pose(small)
        rows = np.zeros((len(images), len(COLUMNS)), np.float32)
        for index, image in enumerate(small):
            points, face = self._mesh.landmarks(image)
            values = {
                **self._mesh.expression(points),
                **colours.measure(image, points),
                "eyeglasses": glasses[index],
                "face": face,
            }
            values["yaw"], values["pitch"], values["roll"] = pose[index]
            values["age"], values["male"] = self._age(image)
            rows[index] = [values[name] for name in COLUMNS]
        return rows
