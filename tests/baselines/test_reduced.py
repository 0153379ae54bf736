"""Reduced Ballé 2017, Ballé 2018, ELIC and MS-ILLM: rates are real, and files need nothing but the weights."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from hsc.baselines import BaselineError, codecs, get, learned, pixels, reduced, reduced_codecs, reduced_files
from hsc.baselines.hific import HiFiC, HiFiCConfig
from hsc.baselines.reduced import ARCHITECTURES, ReducedConfig
from hsc.errors import WeightsError

ROOT = Path(__file__).resolve().parents[2]
TINY = {
    "factorized": ReducedConfig(widths=(6, 8), latent=10, rates=3),
    "hyperprior": ReducedConfig(widths=(6, 8), latent=10, hyper=8, side=6, rates=3),
    "elic": ReducedConfig(widths=(6, 8), latent=10, hyper=8, side=6, groups=(2, 3, 5), context=(6, 4), rates=3),
    "ms-illm": HiFiCConfig(widths=(6, 8, 8, 8), latent=10, hyper=8, side=6, blocks=1, rates=3),
}
CODECS = {
    codec.key: codec
    for codec in (reduced_codecs.Balle2017, reduced_codecs.Balle2018, reduced_codecs.ELIC, reduced_codecs.MSILLM)
}
RANDOM = np.random.default_rng(0)
NOISE = Image.fromarray(RANDOM.integers(0, 255, (96, 96, 3), dtype=np.uint8))

pytestmark = pytest.mark.usefixtures("compressai")


def untrained(name: str) -> torch.nn.Module:
    """A small model whose latents are large enough to cost bytes."""
    torch.manual_seed(0)
    model = ARCHITECTURES[name].model(TINY[name])
    with torch.no_grad():
        convolutions = [module for module in model.encoder.modules() if isinstance(module, torch.nn.Conv2d)]
        convolutions[-1 if name != "elic" else 0].weight *= 20 if name != "elic" else 4
        if name != "factorized":
            model.hyper_analysis[-1].weight *= 2
        if name == "ms-illm":  # which counts with noise: where scales are small, that is far too much
            model.hyper_synthesis_scale[-1].bias += 3
    return model


@pytest.fixture(scope="module", params=list(TINY))
def installed(compressai, request, tmp_path_factory):
    """A codec with weights of an untrained model."""
    path = tmp_path_factory.mktemp("reduced") / f"{request.param}.safetensors"
    reduced_files.save(untrained(request.param), ARCHITECTURES[request.param], path)
    return CODECS[request.param](path)


@pytest.mark.parametrize("name", list(TINY))
def test_shapes_and_gradients(name):
    model = untrained(name)
    image = torch.rand(2, 3, 64, 96) * 2 - 1
    out = model(image, 0.5)
    assert out["image"].shape == image.shape and out["latent"].shape == (2, 10, 8, 12)
    assert out["bits"].shape == out["side_bits"].shape == (2,) and (out["bits"] > 0).all()
    (out["bits"].mean() + out["side_bits"].mean() + out["image"].square().mean()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("name, mib", [("factorized", 3), ("hyperprior", 3), ("elic", 3), ("ms-illm", 6)])
def test_the_shipped_sizes_are_small_enough(name, mib):
    architecture = ARCHITECTURES[name]
    model = architecture.model(architecture.config)
    assert sum(parameter.numel() for parameter in model.parameters()) * 2 < mib * 2**20 - 2**16  # room for tables


def test_groups_that_are_no_latent():
    with pytest.raises(ValueError, match="latent"):
        ReducedConfig(widths=(8,), latent=10, groups=(2, 3))


def test_the_second_half_depends_on_the_first_and_the_first_on_nothing_of_its_group():
    model = untrained("elic").eval()
    context, anchor = model.context, reduced.is_anchor(4, 4)
    side = torch.randn(1, 16, 4, 4)
    group = torch.randn(1, 2, 4, 4) * anchor
    changed = group.clone()
    changed[..., 0, 1] += 1
    before = context.before(0, side, [])
    with torch.no_grad():
        first, second = (context.parameters_of(0, before, anchors)[0] for anchors in (group, changed))
    different = (first != second).any(1)[0]
    assert different[0, 0] and not different[anchor].any()


@pytest.mark.parametrize("size", [(64, 64), (1, 1), (37, 90)])
def test_round_trip_is_exact(installed, size):
    """The decoder finds the encoder's own symbols, whatever number of threads finds them."""
    coder = installed._load()
    image = Image.fromarray(RANDOM.integers(0, 255, (size[1], size[0], 3), dtype=np.uint8))
    y, side, found = coder.analyse(image)
    assert found == size
    for quality in (0, 31, 63):
        written, read = [], []
        coder.write_latent(lambda values, rows, _: written.append((values, rows)), y, side, quality)
        queue = list(written)

        def take(rows, _):
            values, expected = queue.pop(0)
            assert torch.equal(rows, expected)
            return values

        padded = tuple(length + -length % coder.multiple for length in size[::-1])
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        latent = coder.read_latent(take, padded, quality)
        torch.set_num_threads(threads)
        assert not queue and latent.shape == y.shape
        assert (latent - y.double()).abs().max() <= 0.51 / coder.gain(quality).min()
        data = coder.write(y, side, size, quality)
        read = np.asarray(coder.read(data), np.float32) / 127.5 - 1
        expected = coder.model.decoder(latent.float())[0, :, : size[1], : size[0]].clamp(-1, 1)
        assert np.abs(read - expected.permute(1, 2, 0).numpy()).max() <= 1 / 127.5


def test_the_file_has_the_size_that_was_estimated(installed):
    """What training counted, and no more: where it has noise in place of rounding, it counts too much."""
    coder = installed._load()
    image = NOISE.resize((256, 256))
    rgb = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 127.5 - 1
    torch.manual_seed(1)
    with torch.no_grad():
        bits = [out["bits"] + out["side_bits"] for out in (coder.model(rgb, 20 / 43) for _ in range(4))]
    data = coder.write(*coder.analyse(image), 32)
    counted = float(torch.stack(bits).mean()) / 8
    assert 0.85 * counted < len(data) < 1.03 * counted + 10


def test_gains_go_on_evenly_beyond_what_was_trained():
    model = untrained("factorized")
    gains = torch.stack([reduced_files.gain_of(model, quality).flatten() for quality in range(64)])
    below, above = reduced_files.BELOW, 63 - reduced_files.ABOVE
    assert torch.allclose(gains[below], model.gain(0.0).flatten().double(), rtol=1e-3)
    assert torch.allclose(gains[above], model.gain(1.0).flatten().double(), rtol=1e-3)
    assert torch.allclose(gains[:below] / gains[1 : below + 1], torch.tensor(0.94).double(), rtol=1e-3)
    assert torch.allclose(gains[above:-1] / gains[above + 1 :], torch.tensor(0.94).double(), rtol=1e-3)
    assert (gains.diff(dim=0) > 0).all()


def test_rates_rise_with_quality_and_the_codec_fits(installed):
    search = installed.rate_search(NOISE)
    sizes = [len(search.at(quality)) for quality in (0, 20, 40, 63)]
    assert sizes == sorted(set(sizes))
    target = (sizes[1] + sizes[2]) // 2
    data = installed.encode(NOISE, target)
    assert sizes[1] <= len(data) <= target
    assert len(installed.encode(NOISE, 1)) == sizes[0]
    assert installed.decode(data).size == (96, 96)


def test_decodes_in_a_fresh_process(installed):
    data = installed.encode(NOISE.crop((0, 0, 70, 50)), 2000)
    program = (
        "import sys, pathlib, torch; torch.set_num_threads(1)\n"
        "from hsc.baselines import reduced_codecs\n"
        f"codec = reduced_codecs.{type(installed).__name__}(pathlib.Path({str(installed._path)!r}))\n"
        "codec.decode(sys.stdin.buffer.read()).save(sys.stdout.buffer, 'PNG')"
    )
    done = subprocess.run([sys.executable, "-c", program], input=data, capture_output=True, cwd=ROOT, check=True)
    difference = np.asarray(Image.open(io.BytesIO(done.stdout)), int) - np.asarray(installed.decode(data), int)
    assert np.abs(difference).max() <= 1


def test_cut_and_damaged_files_are_refused_before_they_are_decoded(installed, monkeypatch):
    data = installed.encode(NOISE, 3000)
    monkeypatch.setattr("compressai.ans.RansDecoder", lambda: pytest.fail("a damaged stream was decoded"))
    for wrong in [data[:end] for end in range(0, len(data), 5)] + [
        data[:index] + bytes([data[index] ^ 16]) + data[index + 1 :] for index in range(0, len(data), 9)
    ]:
        with pytest.raises(BaselineError, match=installed.title):
            installed.decode(wrong)
    for size in ((8000, 8000), (0, 40)):
        with pytest.raises(BaselineError):
            installed.decode(pixels.seal(data[:2] + pixels.varint(size[0]) + pixels.varint(size[1]) + data[4:-2]))


def test_files_of_other_weights_are_refused(installed):
    data = installed.encode(NOISE, 2000)
    with pytest.raises(BaselineError, match="other weights"):
        installed.decode(pixels.seal(bytes([data[0] ^ 1]) + data[1:-2]))


def test_weights_that_cannot_be(installed, tmp_path):
    state = load_file(installed._path)
    state["log_gain"] = state["log_gain"][:, :3].contiguous()
    wrong, cut, other = (tmp_path / f"{name}.safetensors" for name in ("wrong", "cut", "other"))
    save_file(state, wrong, {"format": "hsc-reduced-1", "architecture": installed.key, "config": "{}"})
    cut.write_bytes(installed._path.read_bytes()[:5000])
    save_file({"a": torch.zeros(1)}, other)
    for path in (wrong, cut, other, tmp_path / "none.safetensors"):
        with pytest.raises(WeightsError, match=path.name):
            reduced_files.load(path, installed.key)
        assert path.name in type(installed)(path).available()


def test_without_weights_the_reason_says_what_to_do(tmp_path, monkeypatch, installed):
    monkeypatch.setenv("HSC_BASELINES", str(tmp_path))
    monkeypatch.setattr("hsc.paths.assets", lambda: tmp_path / "none")
    codec = type(installed)()
    assert f"hsc.train.baselines {codec.key}" in codec.available()
    (tmp_path / f"{codec.key}.safetensors").write_bytes(installed._path.read_bytes())
    assert codec.available() is None and "own weights" in codec.name


@pytest.mark.parametrize("name, model, sizes", [
    ("factorized", "FactorizedPrior", (16, 24)), ("hyperprior", "ScaleHyperprior", (16, 24)),
    ("elic", "Elic2022Official", (16,)),
])  # fmt: skip
def test_weights_of_the_published_model_take_its_place(name, model, sizes, tmp_path, monkeypatch):
    from compressai import models

    monkeypatch.setenv("HSC_BASELINES", str(tmp_path))
    codec = get(name)
    assert "retrained, reduced" in codec.name and isinstance(codec, CODECS[name])
    network = getattr(models, model)(*sizes)
    network.update()
    save_file({key: value.clone().contiguous() for key, value in network.state_dict().items()},
              tmp_path / f"{name}-2.safetensors")  # fmt: skip
    assert codec.available() is None and codec.name == codec.published.name
    assert isinstance(codec.published(), learned.LearnedCodec) and "CompressAI" in codec.description()
    data = codec.encode(NOISE, 10**6)
    assert data[0] == 2 and codec.decode(data).size == NOISE.size


def test_published_weights_of_ms_illm_take_its_place(tmp_path, monkeypatch):
    """In NeuralCompression's names, with CompressAI's extra entries."""
    monkeypatch.setenv("HSC_BASELINES", str(tmp_path))
    codec = get("ms-illm")
    assert "MS-ILLM (retrained, reduced, " in codec.name
    state = HiFiC(HiFiCConfig(widths=(6, 8, 8, 8, 8), latent=8, hyper=8, side=6, blocks=1)).state_dict()
    state = {name.replace("density.", "hyper_bottleneck."): v for name, v in state.items() if name != "log_gain"}
    save_file({**state, "hyper_bottleneck.quantiles": torch.zeros(6, 1, 3)}, tmp_path / "ms-illm-2.safetensors")
    assert codec.available() is None and codec.name == "MS-ILLM"
    data = codec.encode(NOISE, 10**6)
    assert data[0] == 2 and codec.decode(data).size == NOISE.size


@pytest.mark.parametrize("name, psnr", [("factorized", 25), ("hyperprior", 26), ("elic", 27), ("ms-illm", 22)])
def test_the_shipped_weights_restore_a_face(name, psnr, tmp_path, monkeypatch):
    monkeypatch.setenv("HSC_BASELINES", str(tmp_path))
    codec = get(name)
    assert codec.available() is None and "(retrained, reduced, " in codec.name
    with Image.open(ROOT / "assets" / "examples" / "curls.jpg") as picture:
        face = picture.convert("RGB")
    data = codec.encode(face, 3000)
    error = np.asarray(codec.decode(data), float) - np.asarray(face, float)
    assert 2400 < len(data) <= 3000 and 10 * np.log10(255**2 / (error**2).mean()) > psnr


def test_all_are_listed():
    assert set(CODECS) <= {codec.key for codec in codecs()}
