"""Where an edit changes a picture, and by how much: mouth, eyes, the rest of the face, and far from it, in CIE Lab."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from directions.scorers import colours

if TYPE_CHECKING:
    from directions.scorers.mesh import MeshScorer

SIDE = 256
"""Side in pixels of the pictures that are compared."""
REGIONS = ("mouth", "eyes", "rest", "far", "painted")
"""Regions of a face: ``rest`` is the face without mouth and eyes, ``far`` what is well outside it, ``painted`` lips and
lids, where makeup belongs."""
CHANGES = (*(f"change_{name}" for name in REGIONS), "cheeks", "eye_landmarks")
"""What :meth:`FaceRegions.changes` measures."""
_MOUTH_MARGIN, _EYE_MARGIN, _FACE_MARGIN = 6, 7, 16  # pixels
_IRISES = (468, 473)  # landmarks of their centres


@dataclass(frozen=True)
class FaceRegions:
    """The regions of one unedited face, outlined by FaceMesh.

    Attributes:
        lab: the picture ``(256, 256, 3)``.
        masks: ``(256, 256)`` of bool for each of :data:`REGIONS`, and ``cheeks``.
        points: landmarks ``(478, 2)``, fractions of the side.
    """

    lab: np.ndarray
    masks: dict[str, np.ndarray]
    points: np.ndarray

    @classmethod
    def of(cls, picture: Image.Image, mesh: MeshScorer) -> FaceRegions:
        """Regions of an aligned face, a picture of 256 x 256."""
        points, _ = mesh.landmarks(picture)

        def filled(*outlines: tuple[int, ...], margin: int = 0) -> np.ndarray:
            drawn = Image.new("L", (SIDE, SIDE))
            for outline in outlines:
                ImageDraw.Draw(drawn).polygon([tuple(points[index] * SIDE) for index in outline], fill=255)
            if margin:
                drawn = drawn.filter(ImageFilter.MaxFilter(2 * margin + 1))
            return np.asarray(drawn) > 0

        oval, mouth = filled(colours._OVAL), filled(colours._LIPS, margin=_MOUTH_MARGIN)
        eyes = filled(*colours._EYES, margin=_EYE_MARGIN)
        lips = filled(colours._LIPS) & ~filled(colours._MOUTH)
        lids = filled(*[low + high[::-1] for low, high in zip(colours._LASHES, colours._CREASES)])
        masks = {
            "mouth": mouth,
            "eyes": eyes,
            "rest": oval & ~mouth & ~eyes,
            "far": ~filled(colours._OVAL, margin=_FACE_MARGIN),
            "painted": lips | lids,
            "cheeks": filled(*colours._BLUSH),
        }
        return cls(colours.lab(picture), masks, points)

    def changes(self, picture: Image.Image, points: np.ndarray) -> dict[str, float]:
        """What is another in an edited picture, by the names of :data:`CHANGES`.

        Args:
            picture: 256 x 256.
            points: its landmarks.

        Returns:
            ``change_...``: mean Delta E (1976) over a region's pixels; ``cheeks``: Delta E of the cheeks' mean colour;
            ``eye_landmarks``: mean distance of the eyes' landmarks, over the distance of the irises.
        """
        lab = colours.lab(picture)
        difference = np.linalg.norm(lab - self.lab, axis=2)
        found = {f"change_{name}": _mean(difference[self.masks[name]]) for name in REGIONS}
        cheeks = self.masks["cheeks"]
        found["cheeks"] = float(np.linalg.norm(lab[cheeks].mean(0) - self.lab[cheeks].mean(0))) if cheeks.any() else 0.0
        eyes = [index for outline in colours._EYES for index in outline]
        apart = float(np.linalg.norm(self.points[_IRISES[0]] - self.points[_IRISES[1]]))
        moved = np.linalg.norm(points[eyes] - self.points[eyes], axis=1).mean()
        found["eye_landmarks"] = float(moved / max(apart, 1e-3))
        return found


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else 0.0
