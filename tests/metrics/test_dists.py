"""DISTS gives the numbers of its authors' program, and forgives texture that lies elsewhere."""

import zipfile
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from hsc import metrics
from hsc.errors import WeightsError
from hsc.imaging import images
from hsc.metrics.dists import DISTS
from hsc.weights import dists_torch

EXAMPLES = Path(__file__).resolve().parents[2] / "assets" / "examples"


@pytest.fixture(scope="module")
def network() -> DISTS:
    return DISTS.load()


def small(name: str) -> torch.Tensor:
    picture = images.to_tensor(images.open_image(EXAMPLES / f"{name}.jpg"))
    return F.interpolate(picture, size=256, mode="bilinear", antialias=True, align_corners=False)


def test_the_number_of_the_authors_program(network: DISTS) -> None:
    """Theirs, with the same VGG16, gave 0.280492 for these two."""
    curls, beard = small("curls"), small("beard")
    with torch.no_grad():
        distances = network(torch.cat([curls, curls]), torch.cat([beard, curls]))
    assert distances[0].item() == pytest.approx(0.2805, abs=1e-3)
    assert distances[1].item() == pytest.approx(0, abs=1e-5)


def test_other_grain_costs_little_and_no_grain_much(network: DISTS) -> None:
    """What it is for."""
    random = torch.Generator().manual_seed(0)
    smooth = F.interpolate(torch.rand(1, 3, 8, 8, generator=random) - 0.5, size=256, mode="bicubic")
    first, second = (smooth + 0.2 * torch.randn(1, 3, 256, 256, generator=random) for _ in range(2))
    with torch.no_grad():
        assert network(first, second).item() < 0.25 * network(first, smooth).item()


def test_scores_have_it_or_say_why_not(monkeypatch: pytest.MonkeyPatch) -> None:
    face = images.open_image(EXAMPLES / "curls.jpg")
    blurred = face.resize((64, 64)).resize(face.size)
    assert 0.1 < metrics.FaceMetrics().compare(face, blurred).dists < 0.6

    def nowhere() -> Path:
        raise WeightsError("DISTS cannot be fetched.")

    monkeypatch.setattr("hsc.weights.dists_path", nowhere)
    scores = metrics.FaceMetrics().compare(face, blurred)
    assert scores.dists is None and scores.missing["dists"] == "DISTS cannot be fetched."
    assert scores.lpips_alex > 0.1


@pytest.mark.parametrize("content", [None, b"no tensors"])
def test_a_package_that_holds_something_else(content: bytes | None, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "d.whl", "w") as archive:
        if content is not None:
            archive.writestr("DISTS_pytorch/weights.pt", content)
    with pytest.raises(WeightsError, match="DISTS"):
        dists_torch.convert(tmp_path / "d.whl")


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "was_here"), "w"))

    torch.save({"alpha": Evil()}, tmp_path / "weights.pt")
    with zipfile.ZipFile(tmp_path / "d.whl", "w") as archive:
        archive.write(tmp_path / "weights.pt", "DISTS_pytorch/weights.pt")
    with pytest.raises(WeightsError, match="DISTS"):
        dists_torch.convert(tmp_path / "d.whl")
    assert not (tmp_path / "was_here").exists()
