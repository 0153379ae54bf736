"""How the residual of F gives way to an edit."""

import torch

from hsc.editing.feature_edit import TRUNCATION, channel_gain, edit_feature, edit_mask, truncation


def maps(seed=0):
    random = torch.Generator().manual_seed(seed)
    base = torch.randn(2, 8, 16, 16, generator=random)
    feature = base + torch.randn(2, 8, 16, 16, generator=random)
    change = torch.zeros_like(base)
    change[:, :, 8:12, 5:11] = torch.randn(2, 8, 4, 6, generator=random)
    return feature, base, change


def test_no_edit_changes_no_bit():
    feature, base, _ = maps()
    assert torch.equal(edit_feature(feature, base, base), feature)
    assert not edit_mask(base, base).any()


def test_far_from_the_edit_nothing_changes():
    feature, base, change = maps()
    edited = edit_feature(feature, base, base + change)
    assert torch.equal(edited[:, :, :7], feature[:, :, :7])


def test_at_the_edit_the_old_residual_gives_way():
    feature, base, change = maps()
    inside = (slice(None), slice(None), slice(9, 11), slice(7, 9))
    gain = channel_gain(feature, base)
    left = (edit_feature(feature, base, base + change) - gain * (base + change))[inside].square().mean()
    assert left < 0.5 * (feature - gain * base)[inside].square().mean()


def test_it_sets_in_smoothly_and_grows_with_strength():
    _, base, change = maps()
    amounts = [float(edit_mask(base, base + strength * change).mean()) for strength in (0.001, 0.05, 0.1, 1.0)]
    assert amounts[0] < 1e-4
    assert amounts == sorted(amounts)


def test_the_edit_has_the_scale_of_the_features():
    _, base, change = maps()
    scale = torch.linspace(1, 4, 8)[:, None, None]
    torch.testing.assert_close(channel_gain(scale * base, base), scale[None].expand(2, -1, -1, -1))
    edited = edit_feature(scale * base, base, base + change)
    torch.testing.assert_close(edited, scale * (base + change))


def test_the_movement_is_taken_nearer_to_the_mean_the_less_s_says():
    random = torch.Generator().manual_seed(0)
    base, other = (torch.randn(2, 8, 16, 16, generator=random) for _ in range(2))
    scale = torch.linspace(1, 4, 8)[:, None, None]
    torch.testing.assert_close(truncation(scale * base, base), torch.ones(2, 1, 1))
    torch.testing.assert_close(truncation(other, base), torch.full((2, 1, 1), TRUNCATION))
    assert (truncation(base + 0.5 * other, base) > truncation(base + other, base)).all()
    assert torch.isfinite(truncation(0 * base, base)).all()


def test_empty_channels_stay_finite():
    feature, base, change = maps()
    base[:, 3] = change[:, 3] = 0
    feature[:, 4] = 0
    assert torch.isfinite(edit_feature(feature, base, base + change)).all()


def test_without_residual_it_is_the_generators_own_feature():
    _, base, change = maps()
    torch.testing.assert_close(edit_feature(base, base, base + change), base + change)


def test_faces_of_a_batch_do_not_mix():
    feature, base, change = maps()
    alone = edit_feature(feature[:1], base[:1], (base + change)[:1])
    torch.testing.assert_close(edit_feature(feature, base, base + change)[:1], alone)


def finer(x):
    return torch.nn.functional.interpolate(x, scale_factor=2)


def test_a_finer_level_gives_way_where_the_coarsest_does():
    feature, base, change = maps()
    mask = edit_mask(base, base + change)
    old, own, extra = (finer(x) for x in (feature, base, torch.ones_like(base)))
    edited = edit_feature(old, own, own + finer(change) + extra, mask)
    gain = channel_gain(old, own)
    residual = edited - gain * (own + finer(change) + extra)
    kept = (residual * (old - gain * own)).sum(1) / (old - gain * own).square().sum(1)
    assert kept[:, 19:21, 15:17].max() < 0.5
    torch.testing.assert_close(kept[:, :12], torch.ones_like(kept[:, :12]))


def test_no_edit_changes_no_bit_at_a_finer_level():
    feature, base, _ = maps()
    assert torch.equal(edit_feature(finer(feature), finer(base), finer(base), edit_mask(base, base)), finer(feature))
