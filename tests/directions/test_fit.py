"""Boundaries and conditional manipulation, on latents whose truth is known."""

import numpy as np
import pytest

from directions.fit import extremes, fit_boundary, fit_gently, orthogonalise
from directions.samples import Samples
from directions.scorers import COLUMNS
from hsc.errors import DirectionError

RANDOM = np.random.default_rng(0)
TRUTH = np.eye(512)[3]


def samples(count=1500):
    w = RANDOM.standard_normal((count, 512)).astype(np.float32)
    w[:, 3] *= 3
    scores = np.zeros((count, len(COLUMNS)), np.float32)
    scores[:, COLUMNS.index("smile")] = w @ TRUTH + 0.1 * RANDOM.standard_normal(count)
    return Samples(w, scores, w[:, :4])


def test_a_boundary_finds_the_attributes_axis():
    pytest.importorskip("sklearn", reason="learning needs directions/requirements-learn.txt")
    boundary = fit_boundary(samples(), "smile", share=0.1)
    assert np.linalg.norm(boundary.normal) == pytest.approx(1)
    assert boundary.normal @ TRUTH > 0.9
    assert boundary.accuracy > 0.95
    assert boundary.positives == boundary.negatives == 150


def test_too_few_extremes_are_refused():
    pytest.importorskip("sklearn", reason="learning needs directions/requirements-learn.txt")
    with pytest.raises(DirectionError, match="too few samples for 'smile'"):
        fit_boundary(samples(100), "smile")


def test_extremes_are_both_ends():
    scores = RANDOM.permutation(1000)
    high, low = extremes(scores, 0.1)
    assert scores[high].min() == 900 and scores[low].max() == 99


def test_extremes_of_a_rare_attribute_are_all_that_have_it():
    scores = np.zeros(1000)
    scores[:30] = 5
    high, low = extremes(scores, 0.1, present=2.2)
    assert set(high) == set(range(30))
    assert len(low) == 100 and not scores[low].any()


def test_conditional_manipulation_is_orthogonal_to_every_other_normal():
    normal, *others = RANDOM.standard_normal((4, 512))
    result = orthogonalise(normal, others)
    assert np.linalg.norm(result) == pytest.approx(1)
    assert np.abs(np.stack(others) @ result).max() < 1e-10
    assert result @ normal > 0
    np.testing.assert_allclose(orthogonalise(normal, []), normal / np.linalg.norm(normal))


def test_the_gentle_movement_raises_its_score_leaves_others_and_the_person():
    random = np.random.default_rng(3)
    w = random.standard_normal((6000, 512)).astype(np.float32)
    scores = np.zeros((6000, len(COLUMNS)), np.float32)
    # Age is made of four axes: one is free, one opens mouths, one makes somebody else, one wears glasses.
    scores[:, COLUMNS.index("age")] = 10 * (w[:, 0] + w[:, 1] + w[:, 2] + w[:, 3])
    scores[:, COLUMNS.index("mouth_open")] = w[:, 1]
    scores[:, COLUMNS.index("eyeglasses")] = 3 * (w[:, 3] > 1)
    embeddings = np.stack([20 * w[:, 2], w[:, 4]], axis=1)
    made = Samples(w, scores, embeddings)

    free = fit_gently(made, "age", {})
    kept = fit_gently(made, "age", {"mouth_open": None, "eyeglasses": 2.2})
    assert np.linalg.norm(kept.normal) == pytest.approx(1)
    assert min(free.normal[[1, 3]]) > 0.5 and np.abs(kept.normal[[1, 3]]).max() < 0.15, "what is kept is left out"
    assert abs(free.normal[2]) < 0.2 * free.normal[0], "what changes the person is dear"
    assert kept.normal[0] > 0.85 and kept.accuracy > 0.7
    with pytest.raises(DirectionError, match="too few samples for 'age'"):
        fit_gently(Samples(w[:100], scores[:100], embeddings[:100]), "age", {})
