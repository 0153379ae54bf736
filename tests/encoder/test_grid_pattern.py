"""What repeats every eight pixels is seen, whatever else a window shows."""

from __future__ import annotations

import math

import pytest
import torch

from hsc.encoder.objective import grid_pattern


def waves(period: float, height: float = 0.1) -> torch.Tensor:
    across = torch.sin(2 * math.pi * torch.arange(192) / period)
    return (height * across)[None, None, None].expand(2, 3, 192, 192)


def test_a_grid_of_eight_pixels_is_seen_at_its_height() -> None:
    found = grid_pattern(waves(8))
    assert found.shape == (2, 8, 8)
    assert float(found.square().mean().sqrt()) == pytest.approx(0.1 / math.sqrt(2), rel=0.1)


@pytest.mark.parametrize("period", [7.0, 9.0, 11.3, 64.0])
def test_other_waves_are_not(period: float) -> None:
    assert float(grid_pattern(waves(period)).square().mean().sqrt()) < 0.01


def test_light_that_changes_is_none(rng) -> None:
    ramp = torch.linspace(-1, 1, 192)[:, None].expand(1, 3, 192, 192)
    assert float(grid_pattern(ramp).abs().max()) < 0.01
    noise = 0.1 * torch.randn((1, 3, 192, 192), generator=rng)
    assert float(grid_pattern(noise).square().mean().sqrt()) < 0.01


def test_it_can_be_descended() -> None:
    window = waves(8)[:1].clone().requires_grad_(True)
    grid_pattern(window).square().mean().backward()
    assert float((window - 100 * window.grad).detach().std()) < float(window.detach().std())
