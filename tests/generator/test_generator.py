"""The rebuilt generator: parity with OpenVINO, prefix and suffix, fast renderer."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest
import torch

from hsc import weights
from hsc.generator import LATENT, LAYERS, Generator, crops, inverse_haar
from hsc.generator.frozen import FrozenGenerator
from hsc.generator.frozen_preview import FrozenPreviewHead
from hsc.generator.preview_head import PREVIEW_LEVEL, PREVIEW_SIZE, PreviewHead
from hsc.train.preview import _haar


@pytest.fixture(scope="module")
def generator() -> Generator:
    return Generator.load()


@pytest.fixture(scope="module")
def codes(generator: Generator) -> torch.Tensor:
    """Two faces with another code in every layer, (2, 16, 512)."""
    z = torch.randn(2 * LAYERS, LATENT, generator=torch.Generator().manual_seed(3))
    w = generator.mapping(z).unflatten(0, (2, LAYERS))
    return w.mean(1, keepdim=True) + 0.5 * (w - w.mean(1, keepdim=True))


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """The networks as published, run by OpenVINO in float32."""
    from hsc.inference.openvino_runtime import core

    folder = tmp_path_factory.mktemp("ir")
    with zipfile.ZipFile(weights.generator_wheel()) as archive:
        names = [name for name in archive.namelist() if name.startswith("random_face/data/")]
        archive.extractall(folder, names)

    def run(name: str, array: np.ndarray) -> np.ndarray:
        model = core().read_model(folder / "random_face" / "data" / f"{name}.xml")
        return core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(array)[0]

    return run


def test_parity_with_openvino(generator, reference):
    z = torch.randn(1, LATENT, generator=torch.Generator().manual_seed(0))
    w = generator.mapping(z)
    assert np.abs(w.numpy() - reference("MappingNetwork", z.numpy())).mean() < 1e-5
    picture = generator(w[:, None].expand(-1, LAYERS, -1)).numpy()
    error = np.abs(picture - reference("SynthesisNetwork", w.numpy()))
    assert picture.shape == (1, 3, 1024, 1024)
    assert error.mean() < 1e-5 and error.max() < 1e-3
    assert picture.std() > 0.2


@pytest.mark.parametrize("level", [2, 3])
def test_prefix_and_suffix_make_the_whole(generator, codes, level):
    whole = generator(codes[:1])
    features = generator.synthesize_features(codes[:1], level)
    assert features.shape == (1, 512, 4 * 2**level, 4 * 2**level)
    torch.testing.assert_close(generator.synthesize_image(features, codes[:1], level), whole)


@pytest.mark.parametrize("corner", [(0, 0), (31, 84)])
def test_a_window_is_a_part_of_the_picture(generator, codes, corner):
    features = generator.synthesize_features(codes[:1], PREVIEW_LEVEL)
    whole = crops.cut(generator.synthesize_image(features, codes[:1], PREVIEW_LEVEL), corner, 40)
    assert whole.shape == (1, 3, 320, 320)
    part = crops.surroundings(features, corner, 40)
    torch.testing.assert_close(crops.render(generator, part, codes[:1], corner), whole, atol=1e-4, rtol=0)


@pytest.mark.parametrize("level", [3, 4, 5])
def test_the_frozen_generator_is_the_same_function(generator, codes, level):
    """Forth, and back to features and codes; up to rounding, which moves some values across the kink of a ReLU."""
    frozen, wanted, found = FrozenGenerator(generator), [], []
    start = generator.synthesize_features(codes[:1], 2)
    weights = torch.randn(1, 512 if level < 5 else 256, 4 * 2**level, 4 * 2**level, generator=torch.Generator())
    for made, network in ((wanted, generator), (found, frozen)):
        features, code = start.clone().requires_grad_(True), codes[:1].clone().requires_grad_(True)
        made.append(network.synthesize_features(code, level, features, 2))
        made.extend(torch.autograd.grad((made[0] * weights).sum(), (features, code)))
        made.append(network.synthesize_features(codes[:1], 3))
    for expected, own in zip(wanted, found):
        assert (own - expected).norm() < 0.01 * expected.norm()
    torch.testing.assert_close(found[0], wanted[0], atol=1e-4, rtol=1e-4)


def test_the_frozen_preview_head_is_the_same_function(generator, codes):
    head, wanted, found = PreviewHead.load(), [], []
    start = generator.synthesize_features(codes[:1], PREVIEW_LEVEL)
    weights = torch.randn(1, 3, PREVIEW_SIZE, PREVIEW_SIZE, generator=torch.Generator().manual_seed(0))
    for made, network in ((wanted, head), (found, FrozenPreviewHead(head))):
        features, code = start.clone().requires_grad_(True), codes[:1].clone().requires_grad_(True)
        made.append(network(features, code))
        made.extend(torch.autograd.grad((made[0] * weights).sum(), (features, code)))
    for expected, own in zip(wanted, found):
        assert own.dtype == expected.dtype and (own - expected).norm() < 1e-3 * expected.norm()
    rough = FrozenPreviewHead(head, torch.bfloat16)(start.bfloat16(), codes[:1])
    assert rough.dtype == torch.float32 and (rough - wanted[0]).abs().mean() < 0.01


def test_the_frozen_generator_makes_windows_of_one_face_at_once(generator, codes):
    features = generator.synthesize_features(codes[:1], PREVIEW_LEVEL)
    corners = ((0, 0), (31, 84))
    parts = torch.cat([crops.surroundings(features, corner, 40) for corner in corners])
    found = crops.render(FrozenGenerator(generator), parts, codes[:1], corners)
    for corner, made in zip(corners, found):
        expected = crops.render(generator, crops.surroundings(features, corner, 40), codes[:1], corner)
        torch.testing.assert_close(made[None], expected, atol=1e-4, rtol=0)


def test_windows_cover_the_picture():
    corners = np.array([crops.corner(index, side=36) for index in range(64)])
    assert corners.min() >= 0 and corners.max() < crops.corners(36) == 89
    assert len(np.unique(corners // 30, axis=0)) == 9


def test_batch_equals_single(generator, codes):
    both = generator.synthesize_features(codes, 4)
    single = torch.cat([generator.synthesize_features(code[None], 4) for code in codes])
    torch.testing.assert_close(both, single, atol=1e-4, rtol=1e-4)


def test_every_layer_matters(generator, codes):
    """Layer i changes level n exactly when it comes before it: code 1 + 2 n enters block n."""
    for layer in (0, 2, 4, 5, 6):
        changed = codes[:1].clone()
        changed[:, layer] = codes[1:, layer]
        differs = not torch.equal(
            generator.synthesize_features(changed, 2), generator.synthesize_features(codes[:1], 2)
        )
        assert differs == (layer < 5), layer


def test_gradients_reach_the_codes(generator, codes):
    wanted = codes[:1].clone().requires_grad_(True)
    generator.synthesize_features(wanted, 2).square().mean().backward()
    assert wanted.grad[:, :5].abs().amax(-1).min() > 0
    assert not wanted.grad[:, 5:].any()


def test_inverse_haar_inverts_haar():
    picture = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(inverse_haar(_haar(picture)), picture)


def test_preview_resembles_the_picture(generator):
    """25.9 dB on held-out latents when it was fitted; a head of another generator is below 15."""
    z = torch.randn(4, LATENT, generator=torch.Generator().manual_seed(77))
    codes = generator.mapping(z)[:, None].expand(-1, LAYERS, -1)
    features = generator.synthesize_features(codes, 2)
    preview = PreviewHead.load().render(generator, features, codes, 2)
    assert preview.shape == (4, 3, 256, 256)
    full = torch.cat(
        [
            torch.nn.functional.avg_pool2d(generator.synthesize_image(features[i : i + 1], codes[i : i + 1], 2), 4)
            for i in range(4)
        ]
    )
    error = (preview - full).square().mean()
    assert 10 * torch.log10(4 / error) > 22
