from __future__ import annotations

import random

import pytest

from app import editing, recipes
from hsc.errors import HSCError

LABELS = {"smile": "Smile", "head-yaw": "Head yaw", "age": "Age"}


@pytest.mark.parametrize(
    ("text", "recipe"),
    [
        ("smile +0.60, age -0.30", {"smile": 0.6, "age": -0.3}),
        ("Smile: .5; Head yaw = −1", {"smile": 0.5, "head-yaw": -1.0}),
        ("head-yaw 0.25", {"head-yaw": 0.25}),
        (" , ", {}),
        ("", {}),
    ],
)
def test_a_recipe_is_read_as_people_write_it(text: str, recipe: dict) -> None:
    assert recipes.read(text, LABELS) == recipe


@pytest.mark.parametrize("text", ["smile", "0.5", "grin 0.5", "smile +0.6 age 0.3", "smile 1e9999"])
def test_what_is_no_recipe_is_refused(text: str) -> None:
    with pytest.raises(HSCError, match="is no edit"):
        recipes.read(text, LABELS)


def test_what_is_written_is_read_again() -> None:
    recipe = {"smile": 0.6, "age": -0.35}
    assert recipes.read(recipes.written(recipe), LABELS) == recipe


def test_prepared_recipes_and_surprises_stay_where_it_was_tested() -> None:
    shipped = {direction.name: direction for direction in editing.shipped()}
    every = [recipe for _, recipe in recipes.offered(shipped)]
    assert len(every) == len(recipes.PREPARED)
    every += [recipes.surprise(shipped.values(), random.Random(seed)) for seed in range(50)]
    for recipe in every:
        for name, strength in recipe.items():
            low, high = shipped[name].range
            assert low <= strength <= high and strength
