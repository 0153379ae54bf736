"""LPIPS: the formula against plain numpy, the published weights, and what a distance must satisfy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from hsc import weights
from hsc.errors import WeightsError
from hsc.metrics import lpips


def numpy_conv(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, stride: int, padding: int) -> np.ndarray:
    """Convolution of (C, H, W), written out."""
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(x, weight.shape[2:], axis=(1, 2))[:, ::stride, ::stride]
    return np.einsum("chwij,ocij->ohw", windows, weight) + bias[:, None, None]


def numpy_pool(x: np.ndarray, size: int, stride: int) -> np.ndarray:
    windows = np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(1, 2))[:, ::stride, ::stride]
    return windows.max(axis=(3, 4))


def numpy_alexnet(image: np.ndarray, state: dict[str, np.ndarray]) -> list[np.ndarray]:
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    x = ((image / 2 + 0.5) - mean[:, None, None]) / deviation[:, None, None]
    activations = []
    for index, (stride, padding) in enumerate([(4, 2), (1, 2), (1, 1), (1, 1), (1, 1)]):
        if index in (1, 2):
            x = numpy_pool(x, 3, 2)
        weight, bias = (state[f"stack.convs.{index}.{name}"] for name in ("weight", "bias"))
        x = np.maximum(numpy_conv(x, weight, bias, stride, padding), 0)
        activations.append(x)
    return activations


@pytest.fixture(scope="module")
def alex() -> lpips.LPIPS:
    return lpips.LPIPS.load("alex")


@pytest.fixture(scope="module")
def vgg() -> lpips.LPIPS:
    return lpips.LPIPS.load("vgg")


def pictures(rng: torch.Generator, batch: int = 1, size: int = 64) -> Tensor:
    return torch.rand(batch, 3, size, size, generator=rng) * 2 - 1


def test_equals_the_formula_in_numpy(alex: lpips.LPIPS, rng: torch.Generator) -> None:
    first, second = pictures(rng), pictures(rng)
    state = {key: value.double().numpy() for key, value in alex.state_dict().items()}
    activations = [numpy_alexnet(image[0].double().numpy(), state) for image in (first, second)]
    expected = 0.0
    for index, (a, b) in enumerate(zip(*activations)):
        a, b = (value / (np.sqrt((value**2).sum(0)) + 1e-10) for value in (a, b))
        expected += ((a - b) ** 2).mean(axis=(1, 2)) @ state[f"heads.{index}"]
    # The published shift and scale are those of ImageNet rounded to three digits: equal to a thousandth.
    assert alex(first, second).item() == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("net", ["alex", "vgg"])
def test_is_a_distance(net: str, request: pytest.FixtureRequest, rng: torch.Generator) -> None:
    model = request.getfixturevalue(net)
    first, second = pictures(rng, batch=2), pictures(rng, batch=2)
    assert model(first, first).tolist() == [0, 0]
    assert model(first, second).shape == (2,)
    assert (model(first, second) > 0).all()
    assert torch.equal(model(first, second), model(second, first))
    assert all((head >= 0).all() for head in model.heads)


@pytest.mark.parametrize("net", ["alex", "vgg"])
def test_grows_with_blur_and_noise(
    net: str, request: pytest.FixtureRequest, face: Tensor, rng: torch.Generator
) -> None:
    model = request.getfixturevalue(net)

    def blurred(factor: int) -> Tensor:
        small = torch.nn.functional.avg_pool2d(face, factor)
        return torch.nn.functional.interpolate(small, size=face.shape[-1], mode="bicubic")

    noise = torch.randn(face.shape, generator=rng)
    by_blur = [model(face, blurred(factor)).item() for factor in (2, 4, 8, 16)]
    by_noise = [model(face, face + scale * noise).item() for scale in (0.02, 0.1, 0.3)]
    assert by_blur == sorted(by_blur) and by_blur[0] < 0.3 < by_blur[-1]
    assert by_noise == sorted(by_noise) and by_noise[0] < 0.3


def test_gradient_is_finite_even_on_a_constant_picture(alex: lpips.LPIPS, rng: torch.Generator) -> None:
    image = torch.zeros(1, 3, 64, 64, requires_grad=True)
    alex(image, pictures(rng)).sum().backward()
    assert torch.isfinite(image.grad).all() and image.grad.abs().sum() > 0
    dead = torch.zeros(1, 4, 2, 2, requires_grad=True)
    lpips._normalise(dead).sum().backward()
    assert torch.isfinite(dead.grad).all()


def test_gradient_comes_in_the_layout_of_the_features(alex: lpips.LPIPS, rng: torch.Generator) -> None:
    """In the other one, everything before it would take many times as long."""
    first, second = (
        [torch.rand(1, len(head), 7, 5, generator=rng).to(memory_format=torch.channels_last) for head in alex.heads]
        for _ in range(2)
    )
    for features in first:
        features.requires_grad_(True)
    for gradient in torch.autograd.grad(alex.distance(first, second).sum(), first):
        assert gradient.is_contiguous(memory_format=torch.channels_last)


def test_the_distance_to_known_features_is_the_same(alex: lpips.LPIPS, rng: torch.Generator) -> None:
    """And so is its gradient."""
    image, other = pictures(rng, batch=2), pictures(rng, batch=2)
    target, found = alex.features(other), []
    for distance in (lambda x: alex.distance(alex.features(x), target), lambda x: alex.distance_to(x, target)):
        leaf = image.clone().requires_grad_(True)
        value = distance(leaf)
        found.append((value, *torch.autograd.grad((value * torch.tensor([1.0, 3.0])).sum(), leaf)))
    for expected, own in zip(*found):
        torch.testing.assert_close(own, expected, atol=1e-6, rtol=1e-4)
    half = alex.distance_to(image, target, torch.bfloat16)
    torch.testing.assert_close(half, found[0][0], atol=0.01, rtol=0.02)


def test_feature_stacks_have_the_published_shapes(alex: lpips.LPIPS, vgg: lpips.LPIPS) -> None:
    image = torch.zeros(1, 3, 64, 64)
    assert [tuple(a.shape[1:]) for a in alex.stack(image)] == [
        (64, 15, 15), (192, 7, 7), (384, 3, 3), (256, 3, 3), (256, 3, 3),
    ]  # fmt: skip
    assert [tuple(a.shape[1:]) for a in vgg.stack(image)] == [
        (64, 64, 64), (128, 32, 32), (256, 16, 16), (512, 8, 8), (512, 4, 4),
    ]  # fmt: skip


@pytest.mark.parametrize("damage", ["cut", "foreign"])
def test_a_damaged_file_in_the_cache_is_one_sentence(damage, tmp_path, monkeypatch) -> None:
    path = tmp_path / "lpips_alex.safetensors"
    if damage == "cut":
        path.write_bytes(weights.lpips_path("alex").read_bytes()[:1000])
    else:
        save_file({"a": torch.zeros(1)}, path)
    monkeypatch.setattr(weights, "lpips_path", lambda net: path)
    with pytest.raises(WeightsError) as caught:
        lpips.LPIPS.load("alex")
    assert "\n" not in str(caught.value)


def test_unknown_net_is_refused() -> None:
    with pytest.raises(ValueError, match="alex"):
        lpips.LPIPS("squeeze")
