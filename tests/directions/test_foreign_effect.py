"""What is said of a direction of others when it is opened."""

import numpy as np
import pytest

import directions
from directions.foreign_effect import CLEAR, ForeignEffect, effect_of


def theirs(array):
    return directions.Direction("theirs", array.astype(np.float32), tuple(np.flatnonzero(array.any(1)).tolist()))


@pytest.fixture(scope="module")
def strong():
    """As long as a published direction that changes its score as much as ours does at 1."""
    return 1.5 * directions.load("smile").array


def test_a_short_direction_is_told_the_scale_that_shows_it(codec, strong):
    effect = effect_of(codec, theirs(strong / 20))
    assert effect.change < CLEAR / 4 and effect.factor > 4
    at_that = effect_of(codec, theirs(effect.factor * strong / 20))
    assert at_that.factor == 1 and at_that.advice(effect.factor) == ""
    assert effect.advice(0.5) == f"At scale 0.5 it hardly shows; try a scale of {round(0.5 * effect.factor, 1):g}."


def test_a_long_one_is_told_a_smaller_scale(codec, strong):
    effect = effect_of(codec, theirs(15 * strong))
    assert effect.factor < 0.5 and "leaves little of the face" in effect.advice(1.0)


def test_one_that_shows_nothing_at_any_scale_is_told_so(codec):
    array = np.zeros((16, 512))
    array[3, 0] = 1e-9
    effect = effect_of(codec, theirs(array))
    assert effect.factor is None and "no other scale helps" in effect.advice(1.0)


def test_scales_are_round():
    assert ForeignEffect(1.0, 13.0).advice(1.0).endswith("try a scale of 13.")
    assert ForeignEffect(1.0, 0.8).advice(-0.5).endswith("try a scale of -0.4.")
