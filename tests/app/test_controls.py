from __future__ import annotations

import pytest

from app.controls import RangeInput


def test_a_range_hands_over_a_number() -> None:
    slider = RangeInput("Smile", -1.0, 1.0, 0.25, 0.01, home=0.0)
    assert slider.value == {"value": 0.25}
    assert slider.preprocess({"value": 0.5}) == 0.5
    assert slider.preprocess("0.75") == 0.75


@pytest.mark.parametrize("payload", [None, {}, {"value": None}])
def test_a_range_that_was_not_touched_is_zero(payload) -> None:
    assert RangeInput("Smile").preprocess(payload) == 0.0


def test_a_range_can_be_given_a_new_end_and_marks() -> None:
    update = {"value": 10, "max": 20, "marks": [[5, "S"]]}
    assert RangeInput("Bytes").postprocess(update) == update
    assert RangeInput("Bytes").postprocess(3.0) == {"value": 3.0}


def test_labels_are_escaped() -> None:
    assert "<script" not in RangeInput('<script>alert("x")</script>').html_template
