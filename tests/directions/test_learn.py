"""Learning in a world where scores are linear in the latents, so that the right answer is known."""

from dataclasses import replace

import numpy as np
import pytest

import directions
from directions import library
from directions.attributes import ATTRIBUTES, SCALES
from directions.effects import Effect, side_effect
from directions.learn import STRENGTHS, Boundaries, calibrate, learn, reach, remeasure, sound_range
from directions.samples import Samples
from directions.scorers import COLUMNS

RANDOM = np.random.default_rng(0)
WEIGHTS = RANDOM.standard_normal((512, len(COLUMNS))) / np.sqrt(512)
WEIGHTS *= [SCALES.get(name, 1.0) for name in COLUMNS]
# The older, the wider mouths open in this world.
WEIGHTS[:, COLUMNS.index("age")] += 20 * WEIGHTS[:, COLUMNS.index("mouth_open")]
FACES = 24


class LinearBench:
    """Faces whose scores follow the mean of the codes of layers 1 to 11."""

    source = "a linear world"

    def __init__(self):
        self.before = np.zeros((FACES, len(COLUMNS)), np.float32)
        self.before[:, COLUMNS.index("face")] = 1

    def __len__(self):
        return FACES

    def choose(self, count, column, low):
        return np.arange(count)

    def try_shift(self, shift, faces=None):
        before = self.before if faces is None else self.before[faces]
        moved = shift[1:12].mean(0) @ WEIGHTS
        moved[COLUMNS.index("face")] = 0
        identity = np.full(len(before), 1 - min(0.004 * np.linalg.norm(shift), 1))
        return Effect(before, before + moved, identity, [])

    def try_edit(self, strengths, faces=None):
        return self.try_shift(sum(strength * direction.array for direction, strength in strengths.items()), faces)


@pytest.fixture(scope="module")
def boundaries():
    pytest.importorskip("sklearn", reason="learning needs directions/requirements-learn.txt")
    w = np.random.default_rng(1).standard_normal((6000, 512)).astype(np.float32)
    return Boundaries(Samples(w, (w @ WEIGHTS).astype(np.float32), w[:, :4]), 0)


def test_a_boundary_is_fitted_once(boundaries):
    assert boundaries["smile"] is boundaries["smile"]
    assert boundaries.deviation(boundaries["smile"].normal) == pytest.approx(1, abs=0.1)


def test_reach_finds_the_length_between_those_it_tries(boundaries):
    attribute, bench = ATTRIBUTES["mouth_open"], LinearBench()
    weights = WEIGHTS[:, COLUMNS.index("mouth_open")]
    shift = np.repeat(weights[None] / (weights @ weights), 16, 0) * 0.1  # raises the score by 0.1
    length, effect = reach(bench, shift, attribute, np.arange(4), (1.0, 3.0, 5.0))
    assert attribute.goal - 1e-6 <= length * 0.1 <= attribute.goal + 0.013
    assert effect.change("mouth_open").mean() == pytest.approx(length * 0.1)


def test_a_learned_direction_does_what_it_should_and_little_else(boundaries, tmp_path):
    direction = learn("mouth_open", boundaries, LinearBench())
    library.write(tmp_path, direction)
    attribute = ATTRIBUTES["mouth_open"]
    means = LinearBench().try_shift(direction.array).means()
    assert means["mouth_open"] == pytest.approx(attribute.goal, rel=0.05)
    assert side_effect(means, attribute.keep) < 0.4
    assert library.load("mouth_open", tmp_path).metadata["samples"]["rendered"] == 6000
    assert set(direction.metadata["side_effects"]) == {"-1.5", "-1.0", "-0.5", "+0.5", "+1.0", "+1.5"}


def test_what_is_learned_gently_moves_all_layers_and_leaves_what_it_keeps(boundaries, tmp_path):
    direction, attribute = learn("age", boundaries, LinearBench()), ATTRIBUTES["age"]
    library.write(tmp_path, direction)
    means = LinearBench().try_shift(direction.array).means()
    assert attribute.gentle and direction.layers == tuple(range(16))
    assert means["age"] == pytest.approx(attribute.goal, rel=0.05)
    assert side_effect(means, attribute.keep) < 0.4, "wider mouths, which come with age in this world, among it"
    assert "ridge" in library.load("age", tmp_path).metadata["provenance"]["method"]


def test_calibration_brings_strength_1_to_the_goal(tmp_path):
    attribute, shipped = ATTRIBUTES["mouth_open"], directions.load("mouth_open")
    weights = WEIGHTS[:, COLUMNS.index("mouth_open")]
    shift = np.zeros((16, 512), np.float32)
    shift[list(shipped.layers)] = weights
    alone = LinearBench().try_shift(shift).change("mouth_open").mean()
    weak = replace(shipped, array=shift * np.float32(attribute.goal / alone / 1.4))
    direction = calibrate(weak, LinearBench())
    reached = LinearBench().try_shift(direction.array).change("mouth_open").mean()
    assert reached == pytest.approx(attribute.goal, rel=0.03)
    library.write(tmp_path, direction)
    metadata = library.load("mouth_open", tmp_path).metadata
    assert metadata["provenance"]["calibrated"] == [
        {"factor": pytest.approx(1.4, rel=0.03), "progress": pytest.approx(1, abs=0.03), "on": LinearBench.source}
    ]
    assert direction.range[1] <= attribute.limits[1], "what people saw break breaks as far along as before"
    assert metadata["samples"] == shipped.metadata["samples"] and metadata["measured_on"].startswith("a linear world")


def effects(identity):
    """Of faces that are all still found, by strength."""
    scores = np.zeros((1, len(COLUMNS)), np.float32)
    scores[:, COLUMNS.index("face")] = 1
    return {strength: Effect(scores, scores, np.array([identity(strength)]), []) for strength in STRENGTHS}


def test_a_slider_ends_where_somebody_else_begins_or_where_people_saw_it_break():
    assert sound_range(ATTRIBUTES["smile"], effects(lambda _: 1.0)) == ((-1.5, 1.5), {})
    assert sound_range(ATTRIBUTES["smile"], effects(lambda s: 1 - 0.6 * s)) == ((-1.5, 1.0), {"above": 1.5})
    limits, breaks = sound_range(ATTRIBUTES["age"], effects(lambda s: 1 - 0.6 * s))
    assert limits == (-1.0, 1.0)
    assert breaks == {"below": -1.5, "above": 1.5, "why": ATTRIBUTES["age"].why}


@pytest.mark.parametrize("name", directions.names())
def test_faces_hold_within_the_shipped_ranges(name):
    direction = directions.load(name)
    (low, high), limits = direction.range, ATTRIBUTES[name].limits
    assert limits[0] <= low < 0 < high <= limits[1]
    table = direction.metadata["side_effects"]
    within = [row["identity"] for strength, row in table.items() if low <= float(strength) <= high]
    assert len(within) == len(table) and min(within) > 0.3


def test_where_and_how_a_direction_acts_is_written_anew_and_its_array_stays():
    shipped = directions.load("smile")
    old = replace(shipped, metadata={**shipped.metadata, "place": [[0.1, 0.1, 0.1, 0.1]], "drags": []})
    renewed = remeasure(old, LinearBench())
    assert np.array_equal(renewed.array, shipped.array)
    for key in ("place", "response", "drags"):
        assert renewed.metadata[key] == shipped.metadata[key]
    assert renewed.metadata["measured_on"].startswith("a linear world")
    assert set(renewed.metadata["side_effects"]) == {f"{strength:+.1f}" for strength in STRENGTHS}


@pytest.mark.parametrize("name", sorted(ATTRIBUTES))
def test_shipped_directions_act_as_their_attributes_say(name):
    shipped, manner = directions.load(name), ATTRIBUTES[name].manner
    for key, value in manner.metadata().items():
        assert shipped.metadata[key] == value, key
