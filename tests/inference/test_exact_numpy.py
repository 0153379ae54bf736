"""The exact networks in numpy against those in PyTorch: the same numbers, not nearly the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hsc.inference import exact
from hsc.networks import exact as reference
from hsc.networks.entropy_tables import quality_value


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(0)


def test_values_go_to_the_same_grid(random):
    values = np.concatenate([random.normal(0, 300, 1000), (np.arange(-600, 600) + 0.5) / 256, [1e9, -1e9]])
    for bits, limit in ((8, 512.0), (12, 8.0)):
        expected = reference.to_grid(torch.from_numpy(values), bits, limit).numpy()
        assert np.array_equal(exact.to_grid(values, bits, limit), expected)
    assert values[0] != exact.to_grid(values)[0], "what was given stays as it was"


def test_powers_of_two_are_the_same():
    exponents = np.arange(-20 * 256, 20 * 256) / 256
    assert np.array_equal(exact.exp2(exponents), reference.exp2(torch.from_numpy(exponents)).numpy())


def test_dense_layers_are_the_same(random):
    torch.manual_seed(0)
    layer = reference.ExactLinear(70, 40)
    values = exact.to_grid(random.normal(0, 20, 70))
    own = exact.Dense(layer.weight.detach().numpy(), layer.bias.detach().numpy())
    assert np.array_equal(own(values), layer(torch.from_numpy(values)).detach().numpy())


@pytest.mark.parametrize("inputs", [24, 192])
def test_convolutions_are_the_same(inputs, random):
    torch.manual_seed(inputs)
    layer = reference.ExactConv2d(inputs, 40)
    features = exact.to_grid(random.normal(0, 20, (inputs, 20, 14)))
    assert np.array_equal(convolve(layer, features), expected(layer, features))


@pytest.mark.parametrize("filled", [-1, 1, 0])
def test_convolutions_are_exact_at_the_bounds_of_the_grid(filled, random):
    """All sums as large as they can be, in magnitude and in what they need of a double's last bits."""
    layer = reference.ExactConv2d(192, 8)
    signs = np.sign(random.normal(size=(8, 192, 3, 3)) + 9 * filled)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(signs * (8 - 2.0**-12)))
        layer.bias.copy_(torch.from_numpy(random.normal(0, 300, 8)))
    features = np.sign(random.normal(size=(192, 8, 8)) + 9) * (512 - 2.0**-8)
    assert np.array_equal(convolve(layer, features), expected(layer, features))
    # Small enough a sum that it is not clamped, of numbers that are not small.
    features[96:] = -features[:96]
    with torch.no_grad():
        layer.weight[:, 96:] = layer.weight[:, :96] * (1 - 2.0**-9)
    assert np.array_equal(convolve(layer, features), expected(layer, features))


def convolve(layer: reference.ExactConv2d, features: np.ndarray) -> np.ndarray:
    own = exact.Convolution(layer.weight.detach().numpy(), layer.bias.detach().numpy())
    return own(exact.to_tiles(features.transpose(1, 2, 0))).transpose(2, 0, 1)


def expected(layer: reference.ExactConv2d, features: np.ndarray) -> np.ndarray:
    return layer(torch.from_numpy(features)[None])[0].detach().numpy()


def test_context_networks_and_steps_are_the_same(codec, random):
    """Of every level, from the largest numbers that the grid has to the smallest."""
    networks, model = codec.networks, codec.model
    contexts = [*networks.sce, networks.detail_context]
    steps = [*(fcn.step for fcn in networks.fcn), networks.detail.step]
    for quality in (0, 97, 255):
        q = quality_value(quality)
        assert np.array_equal(model.semantic_step(quality / 256), networks.scn.step(q)[0].numpy())
        coarser = None
        for index, (level, context, step) in enumerate(zip(model.levels, contexts, steps)):
            assert np.array_equal(model.steps[index](quality / 256), step(q)[0].detach().numpy())
            semantics = exact.to_grid(random.normal(0, 3, 768))
            given = None if coarser is None else torch.from_numpy(coarser)[None]
            expected = context.start(torch.from_numpy(semantics)[None], q, given)
            found = model.context(index).start(semantics, quality / 256, coarser)
            assert np.array_equal(found.tiles, exact.to_tiles(expected[0].numpy().transpose(1, 2, 0)))
            for number in range(level.slices):
                pair, own = context(number, expected), model.context(index).predict(number, found)
                assert all(np.array_equal(a, b[0].numpy()) for a, b in zip(own, pair))
                values = exact.to_grid(random.normal(0, 50, own[0].shape))
                found.append(values.transpose(1, 2, 0))
                expected = torch.cat((expected, torch.from_numpy(values)[None]), 1)
            coarser = exact.to_grid(random.normal(0, 9, (level.latent, level.size, level.size)))
