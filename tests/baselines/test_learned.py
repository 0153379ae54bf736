"""Learned codecs: reasons without weights; with (untrained) weights, files that decode from themselves."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from hsc.baselines import BaselineError, codecs, pixels
from hsc.baselines.learned import ELIC, MSILLM, Cheng2020, Hyperprior
from hsc.baselines.weights_folder import read_weights
from hsc.errors import WeightsError

ROOT = Path(__file__).resolve().parents[2]


def untrained(codec) -> dict[str, torch.Tensor]:
    """A state dictionary of the family, small and random."""
    from compressai import models

    torch.manual_seed(0)
    if codec is MSILLM:
        from hsc.baselines.hific import HiFiC, HiFiCConfig

        model = HiFiC(HiFiCConfig(widths=(6, 8, 8, 8, 8), latent=8, hyper=8, side=6, blocks=1))
        with torch.no_grad():
            model.encoder.blocks[-1].weight *= 8
        state = {name: value for name, value in model.state_dict().items() if name != "log_gain"}
        # As NeuralCompression's checkpoints have them: other names, and CompressAI's own extra entries.
        state = {name.replace("density.", "hyper_bottleneck."): value for name, value in state.items()}
        return {
            **state,
            "hyper_bottleneck.quantiles": torch.zeros(6, 1, 3),
            "latent_bottleneck.scale_table": torch.ones(3),
        }
    sizes = {Hyperprior: (16, 24), Cheng2020: (16,), ELIC: (16,)}[codec]
    network = getattr(models, codec.model)(*sizes)
    network.update()
    return network.state_dict()


LEARNED = Hyperprior, Cheng2020, MSILLM, ELIC


@pytest.fixture(scope="module", params=LEARNED)
def installed(compressai, request, tmp_path_factory):
    """A codec with weights for two qualities, one file of each kind."""
    folder = tmp_path_factory.mktemp("weights")
    state = {name: value.clone().contiguous() for name, value in untrained(request.param).items()}
    save_file(state, folder / f"{request.param.key}-1.safetensors")
    torch.save({"state_dict": state}, folder / f"{request.param.key}-3.pth.tar")
    return request.param(folder)


@pytest.mark.usefixtures("compressai")
@pytest.mark.parametrize("codec", LEARNED)
def test_without_weights_the_reason_says_where_they_go(codec, tmp_path, monkeypatch):
    monkeypatch.setenv("HSC_BASELINES", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    reason = codec().available()
    assert "weights are not here" in reason and "HSC_BASELINES" in reason and str(tmp_path) not in reason
    with pytest.raises(BaselineError, match="no weights"):
        codec().encode(Image.new("RGB", (64, 64)), 1000)


def test_without_compressai(monkeypatch):
    monkeypatch.setitem(sys.modules, "compressai", None)
    assert "compressai" in Hyperprior().available()


@pytest.mark.usefixtures("compressai")
def test_what_the_zoo_downloaded_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("HSC_BASELINES", str(tmp_path))
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    torch.save(untrained(Hyperprior), folder / "bmshj2018-hyperprior-2-93677231.pth.tar")
    codec = Hyperprior()
    assert list(codec.files()) == [2]
    assert codec.available() is None


@pytest.mark.parametrize("size", [(64, 64), (50, 71)])
def test_round_trip(installed, size):
    assert installed.available() is None
    assert list(installed.files()) == [1, 3]
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8))
    data = installed.encode_at(image, 3)
    assert data[0] == 3
    decoded = installed.decode(data)
    assert decoded.size == size and decoded.mode == "RGB"
    assert np.array_equal(np.asarray(decoded), np.asarray(installed.decode(data)))
    assert len(installed.encode(image, 1)) > 1 and len(installed.encode(image, 10**6)) <= 10**6


def test_decodes_in_a_fresh_process(installed):
    data = installed.encode(Image.new("RGB", (64, 64), (200, 30, 60)), 10**6)
    program = (
        "import sys, pathlib\nfrom hsc.baselines import learned\n"
        f"codec = learned.{type(installed).__name__}(pathlib.Path({str(installed._folder)!r}))\n"
        "codec.decode(sys.stdin.buffer.read()).save(sys.stdout.buffer, 'PNG')"
    )
    done = subprocess.run([sys.executable, "-c", program], input=data, capture_output=True, cwd=ROOT, check=True)
    difference = np.asarray(Image.open(io.BytesIO(done.stdout)), int) - np.asarray(installed.decode(data), int)
    assert np.abs(difference).max() <= 1


def test_damage(installed):
    data = installed.encode(Image.new("RGB", (64, 64)), 10**6)
    for wrong in (b"", data[:2], data[:4], b"\x02" + data[1:], data[:1] + b"\xff\xff\x7f" + data[2:]):
        with pytest.raises(BaselineError):
            installed.decode(wrong)


def test_cut_files_are_refused_before_they_are_decoded(installed, monkeypatch):
    data = installed.encode(Image.new("RGB", (64, 64), (9, 90, 200)), 10**6)
    monkeypatch.setattr(installed, "decompress", lambda *_: pytest.fail("a damaged file was decoded"))
    for wrong in (data[:-1], data[:-4], data[:-9], data[:-3] + bytes(3), data + b"\0"):
        with pytest.raises(BaselineError):
            installed.decode(wrong)
    with pytest.raises(BaselineError, match="million pixels"):
        installed.decode(pixels.seal(data[:1] + 2 * pixels.varint(8000) + data[3:-2]))


def test_one_quality_is_loaded_to_see_whether_it_works(installed):
    codec = type(installed)(installed._folder)
    assert codec.available() is None and list(codec._networks) == [1]


@pytest.mark.usefixtures("compressai")
def test_weights_that_are_something_else(tmp_path):
    (tmp_path / "cheng2020-1.safetensors").write_bytes(b"no tensors")
    assert "cheng2020-1.safetensors" in Cheng2020(tmp_path).available()
    save_file({"a": torch.zeros(1)}, tmp_path / "cheng2020-1.safetensors")
    assert "Cheng 2020" in Cheng2020(tmp_path).available()


def test_nothing_is_unpickled(tmp_path):
    """A torch file that would run a command when unpickled is refused, and the command is not run."""

    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "was_here"), "w"))

    torch.save({"state_dict": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(WeightsError, match="evil.pth"):
        read_weights(tmp_path / "evil.pth")
    assert not (tmp_path / "was_here").exists()


def test_all_are_listed():
    assert {codec.key for codec in LEARNED} | {"hific"} <= {codec.key for codec in codecs()}
