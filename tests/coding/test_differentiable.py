from __future__ import annotations

import torch

from hsc.coding.differentiable import gaussian_bits, rdoq
from hsc.encoder.presets import DEFAULT

RDOQ = DEFAULT.rate_price.rdoq


def coefficients(count: int = 4000) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    log2_scale = torch.empty(count).uniform_(-3, 3, generator=random)
    return torch.randn(count, generator=random) * log2_scale.exp2(), log2_scale


def test_rounding_towards_the_mean_pays() -> None:
    offset, log2_scale = coefficients()
    nearest, cheap = offset.round(), rdoq(offset, log2_scale, RDOQ)

    def cost(symbols: torch.Tensor) -> torch.Tensor:
        return (offset - symbols).square() + RDOQ * gaussian_bits(symbols, log2_scale)

    assert (cost(cheap) <= cost(nearest)).all()
    moved = cheap != nearest
    assert 0.02 < moved.float().mean() < 0.3
    assert (cheap.abs() == nearest.abs() - moved.float()).all() and (cheap * nearest >= 0).all()


def test_what_is_rare_has_to_be_far_from_the_mean() -> None:
    offset = torch.linspace(0.5, 1, 51)

    def first(log2_scale: float) -> float:
        return float(offset[rdoq(offset, torch.full_like(offset, log2_scale), RDOQ) > 0][0])

    assert first(-1.5) > first(0) > first(3)
