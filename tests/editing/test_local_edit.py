"""Edits that have a place: what they change, what they leave, and that they add up in any order."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

import directions
from hsc.editing.feature_edit import channel_gain
from hsc.editing.local_edit import blur
from hsc.editing.local_synthesis import synthesize_locally
from hsc.editing.movement import Movement, mask
from hsc.generator import sample_codes
from tests.conftest import REPOSITORY

EVERYWHERE = ((0.5, 0.5, 50.0, 50.0),)
MOUTH = ((0.5, 0.72, 0.2, 0.12),)


@pytest.fixture(scope="module")
def semantics(codec):
    return codec.parse((REPOSITORY / "tests" / "golden" / "middle.hsc").read_bytes())


def shift_of(name, amount=1.0):
    return np.float32(amount) * directions.load(name).array


def test_a_shift_everywhere_is_the_generator_itself(codec):
    codes = sample_codes(codec.generator, 1, torch.Generator().manual_seed(3), mixing=0)
    shift = shift_of("smile")
    local = synthesize_locally(codec.generator, codes, [Movement(shift, EVERYWHERE)], 3)
    whole = codec.generator.synthesize_features(codes + torch.from_numpy(shift), 3)
    torch.testing.assert_close(local, whole, atol=1e-4, rtol=1e-4)
    again = synthesize_locally(codec.generator, codes, [], 3)
    torch.testing.assert_close(again, codec.generator.synthesize_features(codes, 3), atol=1e-5, rtol=1e-5)


def test_nothing_asked_for_is_the_same_object(codec, semantics):
    assert codec.edit(semantics, {}) is semantics
    assert codec.edit(semantics, {"smile": 0.0, "yaw": 0, "lipstick": -0.0}) is semantics


def test_far_from_its_place_an_edit_changes_nothing(codec, semantics):
    edited = codec.edit(semantics, {"smile": 1.0, "mouth_open": 0.5})
    for before, after in zip(semantics.features, edited.features):
        top = before.shape[-1] // 4
        torch.testing.assert_close(after[:, :, :top], before[:, :, :top], atol=1e-5, rtol=1e-5)
        assert not torch.allclose(after, before, atol=0.1)
    assert torch.equal(edited.codes, semantics.codes)


def test_the_order_does_not_matter_to_the_last_bit(codec, semantics):
    strengths = {"smile": 0.8, "eyeglasses": 1.0, "makeup": 0.5, "yaw": -0.4}
    one, other = (codec.edit(semantics, dict(order)) for order in (strengths.items(), reversed(strengths.items())))
    assert torch.equal(one.detail, other.detail)
    assert all(torch.equal(*pair) for pair in zip(one.features, other.features))


def test_the_residual_gives_way_evenly(codec, semantics):
    """Twice the strength changes the features about twice as much, from the first touch on."""
    sizes = []
    for strength in (0.25, 0.5, 1.0):
        edited = codec.edit(semantics, {"smile": strength})
        sizes.append(float((edited.features[0] - semantics.features[0]).norm()))
    assert 0.15 < sizes[0] / sizes[2] < 0.4 and 0.35 < sizes[1] / sizes[2] < 0.7


def test_what_is_released_is_what_the_generator_makes(codec):
    codes = sample_codes(codec.generator, 1, torch.Generator().manual_seed(4), mixing=0)
    face = codec.semantics(codes)
    noisy = replace(face, features=(face.features[0] + torch.randn_like(face.features[0]), *face.features[1:]))
    freed = codec._editor.apply(noisy, [Movement(np.zeros((16, 512), np.float32), MOUTH, release=1.0)])
    inside = torch.from_numpy(mask(MOUTH, 16)[0, 0] > 0.9)
    *_, anchor = codec._editor._bases(noisy)
    made = (channel_gain(noisy.features[0], anchor) * anchor)[0, :, inside]
    before, after = (one.features[0][0, :, inside] - made for one in (noisy, freed))
    assert after.square().mean() < 0.05 * before.square().mean()


def test_smoothing_keeps_what_is_even():
    even = torch.full((1, 3, 16, 16), 2.0)
    torch.testing.assert_close(blur(even), even)
    spot = torch.zeros(1, 1, 32, 32)
    spot[0, 0, 16, 16] = 1
    assert blur(spot).max() < 0.1 and float(blur(spot).sum()) == pytest.approx(1, abs=1e-4)


def test_lipstick_is_on_lips(codec):
    with Image.open(REPOSITORY / "assets" / "examples" / "fair-hair.jpg") as face:
        semantics = codec.parse(codec.encode(face.convert("RGB"), max_bytes=800, refine=0))
    pictures = [codec.render_preview(codec.edit(semantics, {"lipstick": value})) for value in (0.0, 1.0)]
    plain, red = (np.asarray(picture, np.float32) for picture in pictures)
    changed = np.abs(red - plain).mean(2)
    rows, columns = np.mgrid[:256, :256] / 256
    around = (np.abs(rows - 0.735) < 0.1) & (np.abs(columns - 0.5) < 0.18)
    assert np.percentile(changed[around], 90) > 10
    assert changed[~around].mean() < 0.5
    strongest = changed >= np.percentile(changed, 99.5)
    assert ((red - plain)[strongest].mean(0)[[1]] < -10).all(), "lips lose green"


def test_a_foreign_direction_acts_where_it_moves_something(codec, semantics):
    foreign = directions.Direction("theirs", directions.load("smile").array.copy(), directions.load("smile").layers)
    edited = codec.edit(semantics, {foreign: 1.0})
    assert torch.equal(edited.codes, semantics.codes + torch.from_numpy(shift_of("smile")))
