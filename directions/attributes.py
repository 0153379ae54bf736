"""What is learned: the attributes, their scores, and what each direction should leave alone."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Attribute:
    """One attribute.

    Attributes:
        name, id, label: as in :class:`directions.direction.Direction`; an id is never given twice.
        column: the score that measures it, see :class:`directions.scorers.ScorerPanel`.
        scorer: that score in words, with its unit.
        goal: mean change of the score that strength 1.0 should make, in the score's units.
        target: score that strength 1.0 should bring nearly all faces to that have least of the attribute;
        then the
            goal is not looked at.
        keep: scores that should stay.
        ranges: ranges of layers to choose from, first and last.
        present: score above which the attribute is there, for attributes that most faces lack; the SVM then
            separates these samples from those at the score's lowest.
    """

    name: str
    id: int
    label: str
    column: str
    scorer: str
    goal: float
    keep: tuple[str, ...]
    ranges: tuple[tuple[int, int], ...]
    present: float | None = None
    target: float | None = None


ATTRIBUTES = {
    attribute.name: attribute
    for attribute in (
        Attribute(
            "smile",
            1,
            "Smile",
            "smile",
            "FaceMesh blendshapes, mean of mouthSmileLeft and mouthSmileRight, 0 to 1",
            0.75,
            ("yaw", "pitch", "eyeglasses", "age", "male", "makeup", "beard", "hair", "skin"),
            ((1, 5), (2, 5)),
            target=0.62,
        ),
        Attribute(
            "eyeglasses",
            2,
            "Eyeglasses",
            "eyeglasses",
            "SqueezeNet eyeglasses network, logit (2.2 is a score of 0.9)",
            6.0,
            ("smile", "mouth_open", "yaw", "pitch", "age", "male", "lipstick", "hair", "skin"),
            ((0, 5), (1, 5)),
            2.2,
            target=2.6,
        ),
        Attribute(
            "makeup",
            3,
            "Makeup",
            "makeup",
            "heuristic: colour contrast of lips, lids, lashes and cheeks, Lab units",
            15.0,
            ("smile", "mouth_open", "yaw", "pitch", "eyeglasses", "age", "male", "hair", "skin"),
            ((5, 9), (6, 11)),
        ),
        Attribute(
            "age",
            4,
            "Age",
            "age",
            "dlib-models age network, years",
            18.0,
            ("smile", "mouth_open", "yaw", "pitch", "eyeglasses", "male", "makeup", "skin"),
            ((2, 7), (3, 9)),
        ),
        Attribute(
            "yaw",
            5,
            "Head yaw",
            "yaw",
            "FSA-Net, degrees",
            22.0,
            ("smile", "mouth_open", "pitch", "eyeglasses", "age", "male", "hair", "skin"),
            ((0, 3), (0, 4)),
        ),
        Attribute(
            "mouth_open",
            6,
            "Mouth open",
            "mouth_open",
            "FaceMesh blendshape jawOpen, 0 to 1",
            0.35,
            ("smile", "yaw", "pitch", "eyeglasses", "age", "male", "makeup", "beard", "hair", "skin"),
            ((2, 5), (3, 7)),
        ),
        Attribute(
            "hair_lightness",
            7,
            "Hair lightness",
            "hair",
            "heuristic: median lightness of a band around the forehead, L",
            20.0,
            ("smile", "yaw", "pitch", "eyeglasses", "age", "male", "makeup", "lipstick", "skin"),
            ((6, 11), (7, 13)),
        ),
        Attribute(
            "beard",
            8,
            "Beard",
            "beard",
            "heuristic: darkness and roughness of chin and upper lip, Lab units",
            10.0,
            ("smile", "mouth_open", "yaw", "pitch", "eyeglasses", "age", "hair", "skin"),
            ((4, 9), (5, 11)),
        ),
        Attribute(
            "lipstick",
            9,
            "Lipstick",
            "lipstick",
            "heuristic: colour contrast of lips and skin, Lab units",
            14.0,
            ("smile", "mouth_open", "yaw", "pitch", "eyeglasses", "age", "male", "beard", "hair", "skin"),
            ((6, 9), (7, 11)),
        ),
    )
}
"""Attributes by name."""

SCALES = {
    "smile": 0.3,
    "mouth_open": 0.15,
    "yaw": 8.0,
    "pitch": 6.0,
    "roll": 4.0,
    "eyeglasses": 2.0,
    "age": 8.0,
    "male": 0.3,
    "makeup": 8.0,
    "lipstick": 7.0,
    "beard": 5.0,
    "hair": 12.0,
    "skin": 8.0,
}
"""Changes of each score that a viewer notices about equally: the units in which side effects add up."""
