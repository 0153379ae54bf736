"""Metrics: known values, what they must satisfy, and all of them on a shipped face."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from hsc import metrics
from hsc.imaging import alignment, images
from hsc.metrics import identity


@pytest.fixture(scope="module")
def original(face_paths: list[Path]) -> Image.Image:
    picture = images.open_image(face_paths[0])
    return picture.resize((512, 512), Image.Resampling.LANCZOS)  # half size, for speed


@pytest.fixture(scope="module")
def scorer() -> metrics.FaceMetrics:
    return metrics.FaceMetrics()


def jpeg(picture: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return images.open_image(file.getvalue())


def test_bpp_counts_bytes_of_the_file() -> None:
    assert metrics.bpp(1009) == pytest.approx(0.0077, abs=1e-4)  # the paper's own pair
    assert metrics.bpp(100, width=10, height=20) == 4


def test_psnr_known_values() -> None:
    grey = torch.zeros(2, 3, 8, 8)
    assert metrics.psnr(grey, grey).tolist() == [100, 100]
    # An error of 0.02 in [-1, 1] is a hundredth of the range: 40 dB.
    assert metrics.psnr(grey, grey + 0.02).tolist() == pytest.approx([40, 40], abs=1e-3)
    one_channel = grey.clone()
    one_channel[:, 0] = 0.02
    assert metrics.psnr(grey, one_channel)[0].item() == pytest.approx(40 + 10 * np.log10(3), abs=1e-3)


def test_ms_ssim(face: Tensor, rng: torch.Generator) -> None:
    noise = torch.randn(face.shape, generator=rng)
    values = [metrics.ms_ssim(face, (face + scale * noise).clamp(-1, 1)).item() for scale in (0, 0.05, 0.2, 0.8)]
    assert values[0] == pytest.approx(1, abs=1e-6)
    assert values == sorted(values, reverse=True) and values[-1] < 0.7
    # On [0, 1] as published: a shift of the mean costs little in bright pictures.
    bright = torch.full_like(face, 0.8)
    assert metrics.ms_ssim(bright, bright + 0.05).item() > 0.99
    with pytest.raises(ValueError, match="160"):
        metrics.ms_ssim(face[..., :100, :100], face[..., :100, :100])


def test_landmark_error_is_relative_to_the_eyes() -> None:
    points = np.zeros((68, 2))
    points[36:42, 0], points[42:48, 0] = -20, 20
    assert metrics.landmark_error(points, points) == 0
    assert metrics.landmark_error(points, points + (3, 4)) == pytest.approx(5 / 40)
    assert metrics.landmark_error(10 * points, 10 * points + (30, 40)) == pytest.approx(5 / 40)


def test_frechet_known_values(rng: torch.Generator) -> None:
    first = torch.randn(400, 6, generator=rng, dtype=torch.float64)
    assert metrics.frechet_vgg16(first, first) == pytest.approx(0, abs=1e-9)
    # Equal covariances: the squared distance of the means.
    assert metrics.frechet_vgg16(first, first + 2) == pytest.approx(6 * 4, rel=1e-9)
    # Covariances C and 9C: tr(C + 9C - 2 * 3C) = 4 tr C.
    expected = 4 * torch.cov(first.T).trace().item() + 4 * first.mean(0).square().sum().item()
    assert metrics.frechet_vgg16(first, 3 * first) == pytest.approx(expected, rel=1e-9)


def test_frechet_of_faces_grows_with_damage(faces: Tensor, scorer: metrics.FaceMetrics) -> None:
    faces = faces[:2]
    blurred = torch.nn.functional.avg_pool2d(faces, 8)
    features = [metrics.vgg_features(scorer.vgg.stack, batch) for batch in (faces, faces.flip(-1), blurred)]
    assert features[0].shape == (2, 512)
    assert metrics.frechet_vgg16(features[0], features[1]) < metrics.frechet_vgg16(features[0], features[2])


def test_all_scores_of_a_face(original: Image.Image, scorer: metrics.FaceMetrics) -> None:
    scores = [scorer.compare(original, picture) for picture in (original, jpeg(original, 40), jpeg(original, 3))]
    same, good, bad = scores
    assert same.lpips_alex == 0 and same.psnr == 100 and same.landmarks == 0 and same.face_distance == 0
    assert good.lpips_alex < bad.lpips_alex and good.lpips_vgg_256 < bad.lpips_vgg_256
    assert good.psnr > bad.psnr and good.ms_ssim > bad.ms_ssim
    assert good.face_distance < bad.face_distance and good.landmarks < 0.05
    assert same.detected and good.detected
    assert same.identity == pytest.approx(1, abs=1e-5) and good.identity > bad.identity and not same.missing


def test_other_people_are_far(face_paths: list[Path], original: Image.Image, scorer: metrics.FaceMetrics) -> None:
    other = images.open_image(face_paths[1])
    scores = scorer.compare(original, other)  # of another size, too
    assert scores.face_distance > 0.6
    assert scores.identity < 0.4


def test_missing_identity_network_is_told(original: Image.Image, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HSC_IDENTITY", "nowhere.onnx")
    scores = metrics.FaceMetrics().compare(original, original)
    assert scores.identity is None and "HSC_IDENTITY" in scores.missing["identity"]


def test_picture_without_a_face_has_no_face_scores(scorer: metrics.FaceMetrics) -> None:
    grey = Image.new("RGB", (200, 200), "grey")
    scores = scorer.compare(grey, grey)
    assert scores.landmarks is None and scores.face_distance is None and scores.detected is None
    assert set(scores.missing) >= {"landmarks", "face_distance", "detected"}
    assert scores.lpips_alex == 0


def test_identity_uses_the_points_of_the_original(original: Image.Image, scorer: metrics.FaceMetrics) -> None:
    tensor = images.to_tensor(original)
    points = identity.five_points(torch.from_numpy(alignment.detect(original)[0].landmarks).float())
    shifted = torch.roll(tensor, 60, dims=-1)
    moved = metrics.identity_cosine(scorer.network, tensor, shifted, points).item()
    followed = metrics.identity_cosine(scorer.network, tensor, tensor, points).item()
    assert moved < 0.9 < followed
