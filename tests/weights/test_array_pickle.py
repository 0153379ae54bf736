"""Only dictionaries of float32 arrays come out of a pickle; nothing it names is run."""

from __future__ import annotations

import collections
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hsc.errors import WeightsError
from hsc.weights import array_pickle

ARRAYS = {
    "layer": {"kernel": np.arange(24, dtype=np.float32).reshape(2, 3, 4), "bias": np.ones(3, np.float32)},
    "head": np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3)),
}


@pytest.mark.parametrize("protocol", [3, 4])
def test_arrays_round_trip(protocol: int) -> None:
    read = array_pickle.loads(pickle.dumps(ARRAYS, protocol))
    assert np.array_equal(read["layer"]["kernel"], ARRAYS["layer"]["kernel"])
    assert np.array_equal(read["layer"]["bias"], ARRAYS["layer"]["bias"])
    assert np.array_equal(read["head"], ARRAYS["head"])
    read["head"][0, 0] = 1  # a copy of its own


class Runs:
    """Pickles as a call."""

    def __init__(self, call: tuple) -> None:
        self.call = call

    def __reduce__(self) -> tuple:
        return self.call


def test_calls_are_refused_and_not_run(tmp_path: Path) -> None:
    target = tmp_path / "ran"
    for call in (
        (os.mkdir, (str(target),)),
        (eval, (f"__import__('os').mkdir({str(target)!r})",)),
        (np.fromfile, (__file__,)),
        (collections.OrderedDict, ()),
    ):
        with pytest.raises(WeightsError, match="refused"):
            array_pickle.loads(pickle.dumps({"x": Runs(call)}))
    assert not target.exists()


@pytest.mark.parametrize("value", [
    [1, 2], "text", {"x": 3}, {1: np.ones(2, np.float32)}, {"x": np.ones(2)}, {"x": np.ones(2, ">f4")},
    {"x": np.array([object()])}, {"x": np.array(["text"])}, {"x": np.float32(1)},
])  # fmt: skip
def test_other_values_are_refused(value: object) -> None:
    with pytest.raises(WeightsError):
        array_pickle.loads(pickle.dumps(value, 3))


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_damage_is_refused_or_harmless(data: st.DataObject) -> None:
    damaged = bytearray(pickle.dumps(ARRAYS, 3))
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        read = array_pickle.loads(bytes(damaged[: data.draw(st.integers(0, len(damaged)))]))
    except WeightsError:
        return
    assert isinstance(read, (dict, np.ndarray))
