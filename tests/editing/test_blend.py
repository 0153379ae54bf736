"""A face between two: exact at its ends, a face on the way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import hsc
from hsc.editing import blend as blending
from hsc.imaging import alignment
from hsc.metrics import same_face

EXAMPLES = Path(__file__).resolve().parents[2] / "assets" / "examples"


@pytest.fixture(scope="module")
def codec() -> hsc.Codec:
    return hsc.Codec.load()


@pytest.fixture(scope="module")
def two(codec):
    return tuple(codec.parse((EXAMPLES / f"{name}.hsc").read_bytes()) for name in ("beard", "girl"))


@pytest.fixture(scope="module")
def points(codec, two):
    return tuple(alignment.landmarks_of(codec.render(face, 512)) for face in two)


def test_the_ends_are_the_faces_themselves(codec, two) -> None:
    one, other = two
    assert codec.blend(one, other, 0) is one and codec.blend(one, other, 1.0) is other
    assert codec.blend(one, other, 0).symbols is one.symbols


def test_s_of_one_and_f_of_the_other_are_theirs_bit_for_bit(codec, two, points) -> None:
    one, other = two
    mixed = codec.blend(one, other, 0, 1, points)
    assert np.array_equal(mixed.codes, one.codes)
    assert all(np.array_equal(a, b) for a, b in zip(mixed.features, other.features))
    assert not mixed.layers and not mixed.symbols and mixed.model_id is None


def test_both_ends_are_approached(codec, two, points) -> None:
    one, other = two
    for near, amount in ((one, 0.001), (other, 0.999)):
        mixed = codec.blend(one, other, amount, landmarks=points)
        for found, wanted in zip((mixed.codes, *mixed.features), (near.codes, *near.features)):
            assert np.sqrt(np.square(found - wanted).mean() / np.square(wanted).mean()) < 0.02


def test_halfway_is_one_face_between_both(codec, two, points) -> None:
    picture = codec.render(codec.blend(*two, 0.5, landmarks=points), 512)
    faces = alignment.detect(picture)
    assert len(faces) == 1 and faces[0].score > 1
    between = (points[0] + points[1]) / 2
    error = np.linalg.norm(faces[0].landmarks / 512 - between, axis=1).mean()
    assert error < 0.012
    apart = [same_face.distances(codec.render(face, 512), picture, faces)[0] for face in two]
    assert max(apart) < 0.75


def test_detail_of_one_face_fades(codec, two, points) -> None:
    from dataclasses import replace

    one, other = two
    detailed = replace(one, detail=np.ones((1, 512, 64, 64), np.float32))
    sizes = [codec.blend(detailed, other, amount, landmarks=points).detail.mean() for amount in (0.25, 0.5, 0.75)]
    assert sizes == sorted(sizes, reverse=True) and sizes[0] == pytest.approx(0.75, abs=0.02)
    assert codec.blend(one, other, 0.5).detail is None


def test_the_spline_takes_points_where_they_are_to_go() -> None:
    points = np.array([[0.3, 0.3], [0.7, 0.3], [0.5, 0.7]])
    moved = blending._spline(points, np.array([[0.05, 0.0], [0.0, 0.0], [0.0, 0.04]]), 100)
    for (x, y), wanted in zip(points, ((0.05, 0.0), (0.0, 0.0), (0.0, 0.04))):
        assert np.abs(moved[round(100 * y), round(100 * x)] - wanted).max() < 0.01
    assert np.abs(moved[[0, 0, -1, -1], [0, -1, 0, -1]]).max() < 0.01


@pytest.mark.parametrize("shares", [(-0.1, 0.5), (0.5, 1.1), (float("nan"), 0.5)])
def test_other_shares_are_refused(codec, two, shares) -> None:
    with pytest.raises(ValueError, match="0 to 1"):
        blending.blend(codec.engine, *two, *shares)


def test_tensors_stay_tensors(two) -> None:
    torch = pytest.importorskip("torch")
    codec = hsc.Codec.load(device="cpu")
    one, other = (each.map(torch.from_numpy) for each in two)
    assert isinstance(codec.blend(one, other, 0.5).codes, torch.Tensor)
