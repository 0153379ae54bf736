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


@pytest.mark.parametrize("kernel", [1, 3])
def test_convolutions_are_the_same(kernel, random):
    torch.manual_seed(kernel)
    layer = reference.ExactConv2d(24, 40, kernel)
    features = exact.to_grid(random.normal(0, 20, (24, 9, 7)))
    expected = layer(torch.from_numpy(features)[None])[0].detach().numpy()
    own = exact.Layer(layer.weight.detach().numpy(), layer.bias.detach().numpy())
    assert np.array_equal(own(features), expected)


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
            assert np.array_equal(found, expected[0].numpy())
            for number in range(level.slices):
                pair, own = context(number, expected), model.context(index).predict(number, found)
                assert all(np.array_equal(a, b[0].numpy()) for a, b in zip(own, pair))
                values = exact.to_grid(random.normal(0, 50, own[0].shape))
                found = np.concatenate((found, values))
                expected = torch.cat((expected, torch.from_numpy(values)[None]), 1)
            coarser = exact.to_grid(random.normal(0, 9, (level.latent, level.size, level.size)))
