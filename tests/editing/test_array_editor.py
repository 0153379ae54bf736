"""Edits of arrays against those of PyTorch's tensors: one formula, twice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import directions
import hsc
from hsc.editing import array_editor as own
from hsc.editing import feature_edit as reference

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture
def parts() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """F^, G_s(S^) and G_s(S')."""
    random = np.random.default_rng(0)
    base = random.normal(size=(1, 32, 16, 16)).astype(np.float32)
    moved = base.copy()
    moved[:, :, 8:12, 5:11] += random.normal(0, 0.7, (1, 32, 4, 6)).astype(np.float32)
    return base * 1.7 + random.normal(0, 0.4, base.shape).astype(np.float32), base, moved


def test_each_step_is_the_same(parts):
    feature, base, moved = parts
    tensors = [torch.from_numpy(each) for each in parts]
    mask = own.edit_mask(base, moved)
    np.testing.assert_allclose(mask, reference.edit_mask(*tensors[1:]), atol=1e-5)
    assert 0.1 < mask.max() <= 1
    assert own.truncation(feature, base) == pytest.approx(float(reference.truncation(*tensors[:2])), abs=1e-5)
    expected = reference.edit_feature(*tensors, torch.from_numpy(mask))
    np.testing.assert_allclose(own.edit_feature(feature, base, moved, mask), expected, atol=1e-4)
    for side in (16, 32, 64):
        expected = reference.enlarge_mask(torch.from_numpy(mask), torch.zeros(1, 1, side, side))
        np.testing.assert_allclose(own.enlarge_mask(mask, side), expected, atol=1e-6)


@pytest.mark.parametrize("name", ["short", "detailed"])
def test_a_face_moves_the_same(codec, name):
    data, arrays = (GOLDEN / f"{name}.hsc").read_bytes(), hsc.Codec.load()
    shift = np.random.default_rng(1).normal(0, 0.1, (16, 512)).astype(np.float32)
    found, expected = arrays.move(arrays.parse(data), shift), codec.move(codec.parse(data), torch.from_numpy(shift))
    check(found, expected)


@pytest.mark.parametrize("name", directions.names())
def test_each_direction_edits_the_same(codec, name):
    data, arrays = (GOLDEN / "detailed.hsc").read_bytes(), hsc.Codec.load()
    strength = {name: 0.7}
    plain = codec.parse(data)
    found, expected = arrays.edit(arrays.parse(data), strength), codec.edit(plain, strength)
    check(found, expected)
    changed = [one.detail is not None and not torch.equal(one.detail, plain.detail) for one in (expected,)]
    assert changed[0] or not torch.equal(expected.features[0], plain.features[0])


def check(found: hsc.Semantics, expected: hsc.Semantics) -> None:
    """The two are one face, but for rounding."""
    assert isinstance(found.codes, np.ndarray)
    np.testing.assert_allclose(found.codes, expected.codes, atol=1e-5)
    pairs = list(zip(found.features, expected.features))
    assert (found.detail is None) == (expected.detail is None)
    if found.detail is not None:
        pairs.append((found.detail, expected.detail))
    for one, other in pairs:
        error = np.square(one - other.numpy()).mean() / np.square(other.numpy()).mean()
        assert error < 10**-5.5  # 55 dB


def test_what_was_computed_of_a_face_goes_with_it():
    codec = hsc.Codec.load()
    semantics = codec.parse(b"")
    shift = np.full((16, 512), 0.01, np.float32)
    codec.move(semantics, shift)
    assert len(codec._array_editor._bases) == 1
    assert codec.move(semantics, np.zeros((16, 512))) is semantics
    del semantics
    assert len(codec._array_editor._bases) == 0
