"""From strength to what moves."""

import numpy as np
import pytest

import directions
from directions import response
from directions.attributes import ATTRIBUTES
from hsc.errors import DirectionError

CURVE = {"strengths": [-1, 0, 0.5, 1], "shift": [-2, 0, 0.2, 1], "release": [0.5, 0, 0.5, 0.9]}


def test_curves_are_linear_between_and_beyond_their_strengths():
    assert response.at(CURVE, "shift", 0.75) == pytest.approx(0.6)
    assert response.at(CURVE, "shift", 2) == pytest.approx(2.6)
    assert response.at(CURVE, "shift", -2) == pytest.approx(-4)
    assert response.at(CURVE, "release", 3) == 1 and response.at(CURVE, "presence", 0.3) == 1
    assert response.at(CURVE, "paint", 0.3) == 0


@pytest.mark.parametrize("name", directions.names())
def test_every_shipped_direction_sets_in_at_0_and_grows(name):
    direction = directions.load(name)
    told = direction.metadata["response"]
    assert name in ATTRIBUTES and (direction.metadata.get("place") or "turn" in told)
    for curve in ("shift", "release", "presence", "paint", "warp"):
        if curve in told:
            assert "presence" in told or response.at(told, curve, 0.0) == 0
            sizes = [abs(response.at(told, curve, strength)) for strength in (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)]
            assert sizes == sorted(sizes)
    assert response.at(told, "presence", 0.0) == (0 if "presence" in told else 1)
    low, high = direction.range
    assert low < 0 < high
    assert directions.movements({name: 0.0}) == []
    (moved,) = directions.movements({name: 1.0})
    assert moved.changes_features or moved.paints or moved.warps


def test_eyeglasses_are_whole_from_the_start_and_fade_in():
    (few,), (all_,) = (directions.movements({"eyeglasses": strength}) for strength in (0.25, 1.0))
    assert np.array_equal(few.shift, all_.shift)
    assert few.presence < 0.2 and all_.presence == 1


def test_the_order_of_edits_does_not_matter():
    strengths = {"smile": 0.5, "yaw": 1.0, "makeup": -0.3}
    one, other = (directions.movements(dict(order)) for order in (strengths.items(), reversed(strengths.items())))
    assert [np.array_equal(first.shift, second.shift) for first, second in zip(one, other)] == [True] * 3


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"strengths": [0, 0, 1, 2]}, "do not ascend"),
        ({"strengths": [1]}, "do not ascend"),
        ({"shift": [0, 1]}, "another number of shift values"),
        ({"shift": ["a", 0, 0, 0]}, "finite numbers"),
        ({"release": [2, 0, 0, 0]}, "from 0 to 1"),
        ({"turn": [1]}, "two numbers"),
    ],
)
def test_curves_that_make_no_sense_are_refused(change, why):
    metadata = {"place": [[0.5, 0.5, 0.1, 0.1]], "response": {**CURVE, **change}}
    with pytest.raises(DirectionError, match=why):
        response.check("x", metadata, 0)


@pytest.mark.parametrize(
    ("metadata", "tints", "why"),
    [
        ({"place": []}, 0, "no place"),
        ({"place": [[0.5, 0.5, 0, 0.1]]}, 0, "half sides above 0"),
        ({"drags": {}}, 0, "not a list"),
        ({"drags": [{"place": [[0.5, 0.5, 0.1, 0.1]], "by": [1]}]}, 0, "by two numbers"),
        ({"drags": [{"place": [], "by": [1, 1]}]}, 0, "no place"),
        ({"paints": []}, 1, "another number of paints"),
        ({"paints": [{"region": "nose", "place": [[0.5, 0.5, 0.1, 0.1]]}]}, 1, "one of lips"),
    ],
)
def test_places_and_paints_that_make_no_sense_are_refused(metadata, tints, why):
    told = {"place": [[0.5, 0.5, 0.1, 0.1]], "response": CURVE, **metadata}
    with pytest.raises(DirectionError, match=why):
        response.check("x", told, tints)


def test_one_direction_may_move_both_style_codes_and_what_is_in_the_picture():
    told = {
        "place": [[0.5, 0.5, 0.1, 0.1]],
        "response": {**CURVE, "warp": [-1, 0, 0.5, 1]},
        "drags": [{"place": [[0.4, 0.7, 0.1, 0.1]], "by": [-0.01, -0.02]}],
    }
    response.check("x", told, 0)
    array = np.zeros((16, 512), np.float32)
    array[3] = 1
    direction = directions.Direction("x", array, (3,), metadata=told)
    moved = response.movement_of(direction, 0.5)
    assert moved.shift[3, 0] == pytest.approx(0.2) and moved.changes_features and moved.warps
    assert moved.drags[0].by == pytest.approx((-0.005, -0.01))
    assert response.movement_of(direction, -1.0).drags[0].by == pytest.approx((0.01, 0.02))
