from __future__ import annotations

import gradio as gr
import pytest

from app import bounds, editing
from app.controls import Choices, RangeInput
from hsc.errors import DirectionError

ODD = [1e9, -1e9, 1e308, float("nan"), float("inf"), "text", [], {}, True, 10**400]


@pytest.mark.parametrize("value", ODD, ids=str)
def test_numbers_that_no_slider_has_are_one_sentence(value) -> None:
    for payload in (value, {"value": value}):
        if payload == {}:  # a control that was not touched
            continue
        with pytest.raises(gr.Error, match="'Smile must be a number that its slider has.'") as refused:
            RangeInput("Smile").preprocess(payload)
        assert not refused.value.print_exception


def test_numbers_of_a_slider_are_taken() -> None:
    slider = RangeInput("Bytes")
    assert [slider.preprocess(value) for value in ({"value": 8000}, 0.5, "0.5", None, {"value": None})] == [
        8000, 0.5, 0.5, 0.0, 0.0,
    ]  # fmt: skip
    assert bounds.number(-8, "") == -8


@pytest.mark.parametrize("data", [None, {}, {"index": "3"}, {"index": float("nan")}, {"index": 1e308}, {"index": True}])
def test_clicks_on_no_button_choose_nothing(data) -> None:
    assert Choices().preprocess(data) is None


@pytest.mark.parametrize(
    ("first", "last", "scale"), [(float("nan"), 3, 1), (0, 1e308, 1), (0, 3, float("inf")), (0, 3, "1")]
)
def test_a_binding_that_no_control_sends_is_one_sentence(first, last, scale, tmp_path) -> None:
    with pytest.raises(DirectionError, match="^A direction's .*layer"):
        editing.foreign(tmp_path / "none.npy", first, last, scale)
