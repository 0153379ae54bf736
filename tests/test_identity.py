"""The identity network: equal to its ONNX file, tells people apart, differentiable, finds its crop."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from hsc import identity, onnx_weights
from hsc.errors import WeightsError


@pytest.fixture(scope="module")
def network() -> identity.IdentityNetwork:
    if identity.network_path() is None:
        pytest.skip("needs mobilefacenet.onnx (HSC_IDENTITY or ../shared/weights)")
    return identity.IdentityNetwork.load()


def test_equals_the_onnx_file(network: identity.IdentityNetwork, rng: torch.Generator) -> None:
    openvino = pytest.importorskip("openvino")
    reference = openvino.Core().compile_model(
        str(identity.network_path()), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    standardised = torch.randn(1, 3, 112, 112, generator=rng)
    expected = torch.from_numpy(reference(standardised.numpy())[0])
    embedding = network(standardised * network.deviation + network.mean)
    assert torch.allclose(embedding, F.normalize(expected), atol=1e-5)


def test_same_face_is_near_and_others_are_far(network: identity.IdentityNetwork, faces: Tensor) -> None:
    embeddings = network(faces)
    degraded = network(F.interpolate(F.avg_pool2d(faces, 4), scale_factor=4, mode="bilinear"))
    own = (embeddings * degraded).sum(1)
    others = (embeddings @ embeddings.T)[~torch.eye(len(faces), dtype=torch.bool)]
    assert own.min() > 0.8
    assert others.abs().mean() < 0.25
    assert torch.allclose(embeddings.norm(dim=1), torch.ones(len(faces)), atol=1e-5)


def test_is_differentiable_in_the_picture(network: identity.IdentityNetwork, faces: Tensor) -> None:
    image = faces[:1].clone().requires_grad_()
    network(image)[0, 0].backward()
    assert torch.isfinite(image.grad).all() and image.grad.abs().sum() > 0


def test_crop_puts_the_points_on_the_template(rng: torch.Generator) -> None:
    template = torch.tensor(identity._TEMPLATE)
    angle = torch.tensor(0.3)
    rotation = torch.stack(
        [torch.stack([angle.cos(), -angle.sin()]), torch.stack([angle.sin(), angle.cos()])]
    )
    for scale, size in ((1.0, 256), (3.3, 700)):
        points = (template - 56) @ rotation.T * scale + size / 2
        # A smooth picture whose colour says where each pixel is.
        axis = torch.arange(size, dtype=torch.float32)
        image = torch.stack(
            [axis.expand(size, size), axis[:, None].expand(size, size), torch.zeros(size, size)]
        )
        cut = identity.crop(image[None], points)[0]
        x, y = (int(round(value)) for value in template[2].tolist())
        # The template's nose lies 0.03 and 0.26 pixels beside the pixel that is read.
        assert torch.allclose(cut[:2, y, x], points[2], atol=0.5 * scale)


def test_crop_of_a_batch_equals_crops_one_by_one(faces: Tensor) -> None:
    points = torch.tensor(identity._FFHQ_POINTS) * 256 + torch.arange(len(faces))[:, None, None]
    together = identity.crop(faces, points)
    single = torch.cat([identity.crop(face[None], point) for face, point in zip(faces, points)])
    assert torch.allclose(together, single, atol=1e-5)


def test_five_points_of_68() -> None:
    landmarks = torch.arange(136.0).view(68, 2)
    assert torch.equal(identity.five_points(landmarks)[2:, 0], torch.tensor([60.0, 96.0, 108.0]))
    assert torch.equal(identity.five_points(landmarks)[0], torch.tensor([77.0, 78.0]))


@pytest.mark.parametrize("data", [b"", b"not a model at all", b"\x3a\xff\xff\xff\xff\x0f" + bytes(40)])
def test_other_files_are_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.onnx"
    path.write_bytes(data)
    with pytest.raises(WeightsError):
        identity.IdentityNetwork.load(path)


def test_missing_network_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HSC_IDENTITY", "nowhere.onnx")
    assert identity.network_path() is None
    with pytest.raises(WeightsError, match="HSC_IDENTITY"):
        identity.IdentityNetwork.load()


def test_damaged_initialisers_are_refused(shared: Path, tmp_path: Path) -> None:
    data = (shared / "weights" / "mobilefacenet.onnx").read_bytes()
    path = tmp_path / "cut.onnx"
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(WeightsError):
        onnx_weights.initialisers(path)
