"""Integer-exact layers give the same numbers in any order, batch and thread count."""

from __future__ import annotations

import math

import pytest
import torch

from hsc.networks import SemanticContextEncoder
from hsc.networks.exact import ExactConv2d, ExactLinear, exp2, to_grid
from hsc.networks.gain import QuantisationStep


def on_grid(values: torch.Tensor, bits: int = 8) -> bool:
    scaled = values * 2**bits
    return bool((scaled == scaled.round()).all())


@pytest.fixture
def encoder() -> SemanticContextEncoder:
    torch.manual_seed(0)
    encoder = SemanticContextEncoder().eval().requires_grad_(False)
    for layer in encoder.second:
        torch.nn.init.normal_(layer.weight, std=0.05)
    return encoder


def test_to_grid_rounds_half_up_and_clamps():
    values = torch.tensor([0.5 / 256, -0.5 / 256, 1e9, -1e9, 0.3])
    assert to_grid(values).tolist() == [1 / 256, 0.0, 512.0, -512.0, 77 / 256]


def test_layers_stay_on_the_grid_and_near_the_float_layers():
    torch.manual_seed(0)
    conv, linear = ExactConv2d(8, 8), ExactLinear(32, 16)
    features, rows = to_grid(torch.randn(2, 8, 6, 6)), to_grid(torch.randn(3, 32))
    for layer, given in ((conv, features), (linear, rows)):
        exact = layer(given)
        assert exact.dtype == torch.float64 and on_grid(exact)
        torch.testing.assert_close(exact.float(), layer(given.float()), atol=0.02, rtol=0)


def test_sums_do_not_depend_on_order():
    torch.manual_seed(1)
    linear = ExactLinear(1000, 4)
    rows = to_grid(torch.randn(2, 1000) * 100)
    order = torch.randperm(1000)
    shuffled = ExactLinear(1000, 4)
    shuffled.load_state_dict({"weight": linear.weight[:, order], "bias": linear.bias})
    assert torch.equal(linear(rows), shuffled(rows[:, order]))


def test_batch_and_threads_change_nothing(encoder):
    semantics = to_grid(torch.randn(8, 768) * 3)
    quality = torch.full((8, 1), 0.5, dtype=torch.float64)
    slices = to_grid(torch.randn(8, 24, 8, 8))

    def run(part: slice) -> list[torch.Tensor]:
        context = encoder.start(semantics[part], quality[part])
        first = encoder(0, context)
        return [*first, *encoder(1, torch.cat((context, slices[part]), 1))]

    threads = torch.get_num_threads()
    try:
        results = []
        for count in (1, 2):
            torch.set_num_threads(count)
            results.append(run(slice(0, 8)))
            results.append([torch.cat(parts) for parts in zip(*(run(slice(i, i + 1)) for i in range(8)))])
    finally:
        torch.set_num_threads(threads)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other))
    assert results[0][0].abs().max() > 0


def test_exp2_is_a_table_scaled_exactly():
    exponents = torch.arange(-5 * 256, 9 * 256) / 256
    values = exp2(exponents.double())
    expected = torch.tensor([2.0 ** float(e) for e in exponents], dtype=torch.float64)
    assert ((values - expected).abs() / expected).max() < 2e-6
    assert torch.equal(exp2(exponents.double() + 3), values * 8)
    assert exp2(torch.tensor([3.0], dtype=torch.float64)).item() == 8.0


def test_exp2_has_the_bits_of_its_definition_at_any_size():
    """Far beyond float32's range too, where a power that passes through float32 would be 0 or infinite."""
    for exponent in (-512.0, -200.25, -127.5, 0.0, 127.75, 300.5, 512.0):
        fraction = round(2 ** (exponent % 1) * 2**20)
        expected = math.ldexp(fraction, math.floor(exponent) - 20)
        assert exp2(torch.tensor([exponent], dtype=torch.float64)).item() == expected


def test_steps_fall_with_quality():
    steps = QuantisationStep(4, 1.0, -2.0)
    coarse, middle, fine = (steps(torch.tensor([[q]], dtype=torch.float64)) for q in (0.0, 0.5, 1.0))
    assert torch.equal(coarse, torch.full((1, 4), 2.0, dtype=torch.float64))
    assert torch.equal(fine, torch.full((1, 4), 0.25, dtype=torch.float64))
    assert math.isclose(middle[0, 0].item(), 2**-0.5, rel_tol=2e-6)
