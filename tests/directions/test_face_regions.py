"""Where an edit changes a picture."""

import numpy as np
import pytest
from PIL import Image

from directions.face_regions import CHANGES, SIDE, FaceRegions
from directions.scorers import colours


class Mesh:
    """Landmarks of a face as FFHQ's alignment has them, made of ellipses."""

    def landmarks(self, picture):
        points = np.full((478, 2), 0.5)

        def ring(outline, column, row, width, height):
            turn = np.linspace(0, 2 * np.pi, len(outline), endpoint=False)
            points[list(outline)] = np.stack([column + width * np.sin(turn), row - height * np.cos(turn)], 1)

        ring(colours._OVAL, 0.5, 0.56, 0.3, 0.38)
        for outline, column in zip(colours._BLUSH, (0.33, 0.67)):
            ring(outline, column, 0.6, 0.06, 0.05)
        for outline, column in zip(colours._EYES, (0.38, 0.62)):
            ring(outline, column, 0.48, 0.05, 0.025)
        for low, high, column in zip(colours._LASHES, colours._CREASES, (0.38, 0.62)):
            for line, row in ((low, 0.455), (high, 0.43)):
                points[list(line)] = np.stack(
                    [np.linspace(column - 0.05, column + 0.05, len(line)), np.full(len(line), row)], 1
                )
        ring(colours._LIPS, 0.5, 0.73, 0.1, 0.04)
        ring(colours._MOUTH, 0.5, 0.73, 0.07, 0.01)
        points[[468, 473]] = (0.38, 0.48), (0.62, 0.48)
        return points, 1.0


@pytest.fixture
def regions():
    return FaceRegions.of(Image.new("RGB", (SIDE, SIDE), (128, 128, 128)), Mesh())


def test_nothing_changed_is_nothing(regions):
    points, _ = Mesh().landmarks(None)
    assert regions.changes(Image.new("RGB", (SIDE, SIDE), (128, 128, 128)), points) == dict.fromkeys(CHANGES, 0.0)


def test_a_red_mouth_is_a_change_of_the_mouth_alone(regions):
    painted = np.full((SIDE, SIDE, 3), 128, np.uint8)
    painted[regions.masks["mouth"]] = (160, 60, 60)
    found = regions.changes(Image.fromarray(painted), regions.points)
    assert found["change_mouth"] > 30 and found["change_painted"] > 10
    assert found["change_eyes"] == found["change_rest"] == found["change_far"] == found["cheeks"] == 0


def test_regions_lie_apart(regions):
    masks = regions.masks
    for one, other in (("mouth", "eyes"), ("mouth", "rest"), ("eyes", "rest"), ("rest", "far"), ("painted", "far")):
        assert not (masks[one] & masks[other]).any(), (one, other)
    assert all(mask.any() for mask in masks.values())


def test_eyes_that_move_are_told_in_distances_of_the_eyes(regions):
    moved = regions.points + (0.024, 0.0)
    found = regions.changes(Image.new("RGB", (SIDE, SIDE), (128, 128, 128)), moved)
    assert found["eye_landmarks"] == pytest.approx(0.1)
