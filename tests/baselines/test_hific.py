"""HiFiC: the architecture has the paper's sizes, rates are real, and files need nothing but themselves."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from hsc.baselines import BaselineError, hific, pixels
from hsc.baselines.hific import Discriminator, HiFiC, HiFiCCodec, HiFiCConfig
from hsc.errors import WeightsError

ROOT = Path(__file__).resolve().parents[2]
TINY = HiFiCConfig(widths=(8, 12, 16), latent=10, hyper=12, side=6, blocks=2, rates=3)


@pytest.fixture(scope="module")
def weights(compressai, tmp_path_factory) -> Path:
    """An untrained model whose latents are large enough to cost bytes."""
    torch.manual_seed(0)
    model = HiFiC(TINY)
    with torch.no_grad():
        model.encoder.blocks[-1].weight *= 8
        model.hyper_analysis[-1].weight *= 20
        model.hyper_synthesis_scale[-1].bias += 1
    path = tmp_path_factory.mktemp("hific") / "tiny.safetensors"
    hific.save(model, path)
    return path


def test_parameters_of_the_paper():
    """Appendix A: 7.4 million in E, 156.8 in G and 17.3 in the probability model."""
    with torch.device("meta"):
        model = HiFiC(hific.PAPER)
    millions = {name: sum(p.numel() for p in part.parameters()) / 1e6 for name, part in model.named_children()}
    assert round(millions["encoder"], 1) == 7.4
    assert round(millions["decoder"], 1) == 156.8
    hyper = millions["hyper_analysis"] + millions["hyper_synthesis_mean"] + millions["hyper_synthesis_scale"]
    assert round(hyper, 1) == 17.3


def test_the_reduced_model_is_small_enough():
    with torch.device("meta"):
        model = HiFiC(hific.REDUCED)
    assert sum(p.numel() for p in model.parameters()) * 2 < 12 * 2**20 - 2**18  # leaves room for tables


def test_shapes_and_gradients():
    torch.manual_seed(0)
    model, judge = HiFiC(TINY), Discriminator(TINY, (8, 8, 8, 8))
    image = torch.rand(2, 3, 64, 96) * 2 - 1
    out = model(image, 0.5)
    assert out["image"].shape == image.shape and out["latent"].shape == (2, 10, 16, 24)
    assert out["bits"].shape == out["side_bits"].shape == (2,) and (out["bits"] > 0).all()
    logits = judge(out["image"], out["latent"])
    assert logits.shape == (2, 1, 4, 6)
    (out["bits"].mean() + out["side_bits"].mean() + out["image"].square().mean() + logits.mean()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_channel_norm():
    x = torch.randn(2, 64, 3, 5, generator=torch.Generator().manual_seed(0)) * 7 + 3
    normed = hific.ChannelNorm(64)(x)
    assert normed.mean(1).abs().max() < 1e-5
    assert (normed.var(1) - 1).abs().max() < 1e-3


def test_gains_between_the_rates():
    model = HiFiC(TINY)
    gains = [model.gain(quality).mean().item() for quality in (-1, 0, 0.25, 0.5, 1, 2)]
    assert gains[0] == gains[1] < gains[2] < gains[3] < gains[4] == gains[5]
    assert gains[2] == pytest.approx((gains[1] * gains[3]) ** 0.5)
    assert HiFiC(HiFiCConfig(widths=(8, 8), latent=4, hyper=4, side=4, blocks=1)).gain(0.7).eq(1).all()


@pytest.mark.usefixtures("compressai")
def test_the_density_is_compressais():
    """The same likelihoods as CompressAI's bottleneck with our parameters, and its tails hold the mass."""
    torch.manual_seed(0)
    density = hific.FactorizedDensity(5)
    with torch.no_grad():
        for parameter in density.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    z = torch.randn(2, 5, 4, 4) * 5
    bottleneck = density.to_compressai().eval()
    medians = bottleneck.quantiles[:, 0, 1].reshape(1, 5, 1, 1)
    rounded, likelihoods = bottleneck(z)
    assert torch.allclose(density.bits(rounded), -likelihoods.log2().sum((1, 2, 3)), rtol=1e-4)
    assert torch.allclose(density.logits(medians.reshape(5, 1, 1)), torch.zeros(5, 1, 1), atol=1e-4)


@pytest.mark.parametrize("scale", [0.11, 0.5, 3.0, 40.0])
def test_gaussian_bits_are_an_entropy(scale):
    values = torch.arange(-2000, 2001).float()
    bits = hific.gaussian_bits(values, torch.tensor(scale))
    probability = torch.exp2(-bits[bits < 29])
    assert probability.sum().item() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("size", [(64, 64), (1, 1), (37, 90)])
def test_round_trip_is_exact(weights, size):
    """The decoder finds the encoder's own symbols: the picture is G of the latent that was coded."""
    coder = hific.load(weights)
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8))
    y, side, found = coder.analyse(image)
    assert found == size
    for quality in (0, 31, 63):
        data = coder.write(y, side, found, quality)
        mean, _, gain = coder._parameters(side, y.shape[-2:], quality)
        latent = (torch.round(y.double() * gain - mean) + mean) / gain
        expected = coder.model.decoder(latent.float())[0, :, : size[1], : size[0]].clamp(-1, 1)
        decoded = np.asarray(coder.read(data), np.float32) / 127.5 - 1
        assert np.abs(decoded - expected.permute(1, 2, 0).numpy()).max() <= 1 / 127.5


def test_the_file_has_the_size_that_was_estimated(weights):
    coder = hific.load(weights)
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (128, 128, 3), dtype=np.uint8))
    y, side, size = coder.analyse(image)
    data = coder.write(y, side, size, 32)
    mean, indexes, gain = coder._parameters(side, y.shape[-2:], 32)
    scale = coder.tables.scales[indexes - coder.tables.medians.numel()]
    bits = hific.gaussian_bits(torch.round(y.double() * gain - mean).float(), scale).sum()
    medians = coder.tables.medians[None, :, None, None]
    bits = bits + coder.model.density.bits(side + medians).sum()
    assert len(data) == pytest.approx(float(bits) / 8 + 8, rel=0.03)


def test_rates_rise_with_quality_and_the_codec_fits(weights):
    codec = HiFiCCodec(weights)
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (96, 96, 3), dtype=np.uint8))
    search = codec.rate_search(image)
    sizes = [len(search.at(quality)) for quality in (0, 20, 40, 63)]
    assert sizes == sorted(set(sizes))
    target = (sizes[1] + sizes[2]) // 2
    data = codec.encode(image, target)
    assert sizes[1] < len(data) <= target
    assert len(codec.encode(image, 1)) == sizes[0]
    assert codec.decode(data).size == (96, 96)


def test_decodes_in_a_fresh_process(weights):
    codec = HiFiCCodec(weights)
    data = codec.encode(Image.new("L", (70, 50), 90), 2000)
    program = (
        "import sys, pathlib, torch; torch.set_num_threads(1)\n"
        "from hsc.baselines.hific import HiFiCCodec\n"
        f"image = HiFiCCodec(pathlib.Path({str(weights)!r})).decode(sys.stdin.buffer.read())\n"
        "image.save(sys.stdout.buffer, 'PNG')"
    )
    done = subprocess.run([sys.executable, "-c", program], input=data, capture_output=True, cwd=ROOT, check=True)
    difference = np.asarray(Image.open(io.BytesIO(done.stdout)), int) - np.asarray(codec.decode(data), int)
    assert np.abs(difference).max() <= 1


def test_files_that_cannot_be(weights):
    codec = HiFiCCodec(weights)
    data = codec.encode(Image.new("RGB", (40, 40)), 2000)
    for wrong in (b"", data[:4], bytes([data[0] ^ 1]) + data[1:], data[:1] + b"\xff" + data[2:],
                  data[:2] + b"\xff\xff\x7f\x28" + data[4:]):  # fmt: skip
        with pytest.raises(BaselineError):
            codec.decode(wrong)


def test_cut_and_damaged_files_are_refused_before_they_are_decoded(weights, monkeypatch):
    """CompressAI's decoder has no end of its own: what is cut must never reach it."""
    codec = HiFiCCodec(weights)
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (96, 96, 3), dtype=np.uint8))
    data = codec.encode(image, 3000)
    monkeypatch.setattr("compressai.ans.RansDecoder", lambda: pytest.fail("a damaged stream was decoded"))
    for end in range(len(data)):
        with pytest.raises(BaselineError):
            codec.decode(data[:end])
    for index in range(0, len(data), 7):
        with pytest.raises(BaselineError):
            codec.decode(data[:index] + bytes([data[index] ^ 16]) + data[index + 1 :])
    for size in ((8000, 8000), (0, 40)):
        with pytest.raises(BaselineError):
            codec.decode(pixels.seal(data[:2] + pixels.varint(size[0]) + pixels.varint(size[1]) + data[4:-2]))


def test_symbols_that_no_encoder_writes_are_refused(weights, monkeypatch):
    class Decoder:
        def set_stream(self, stream):
            pass

        def decode_stream(self, rows, *tables):
            return [1 << 20] * len(rows)

    codec = HiFiCCodec(weights)
    data = codec.encode(Image.new("RGB", (40, 40)), 2000)
    monkeypatch.setattr("compressai.ans.RansDecoder", Decoder)
    with pytest.raises(BaselineError, match="symbols"):
        codec.decode(data)


def test_pictures_that_are_too_large_are_refused(weights):
    with pytest.raises(BaselineError, match="million pixels"):
        HiFiCCodec(weights).encode(Image.new("RGB", (8100, 8100)), 2000)


def test_damaged_weights_are_not_missing_ones(tmp_path, monkeypatch, weights):
    monkeypatch.setenv("HSC_BASELINES", str(tmp_path))
    (tmp_path / "hific.safetensors").write_bytes(weights.read_bytes()[:5000])
    reason = HiFiCCodec().available()
    assert "damaged" in reason and "not here" not in reason


@pytest.mark.usefixtures("compressai")
def test_a_name_without_a_cache_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("HSC_BASELINES", raising=False)
    (tmp_path / "file").touch()
    monkeypatch.setenv("HSC_CACHE", str(tmp_path / "file" / "below"))
    assert HiFiCCodec().name.startswith("HiFiC (retrained")
    assert HiFiCCodec().available() is None


def test_weights_that_cannot_be(tmp_path):
    foreign, text = tmp_path / "foreign.safetensors", tmp_path / "text.safetensors"
    save_file({"a": torch.zeros(1)}, foreign)
    text.write_text("no weights")
    for path in (foreign, text, tmp_path / "none.safetensors"):
        with pytest.raises(WeightsError, match=path.name):
            hific.load(path)
        codec = HiFiCCodec(path)
        assert path.name in codec.available()
        assert codec.name == "HiFiC (own weights)" or path.exists()


def test_without_weights_the_reason_says_what_to_do(tmp_path, monkeypatch, weights):
    monkeypatch.setenv("HSC_BASELINES", str(tmp_path))
    monkeypatch.setattr("hsc.paths.assets", lambda: tmp_path / "none")
    assert "hsc.train.hific" in HiFiCCodec().available()
    (tmp_path / "hific.safetensors").write_bytes(weights.read_bytes())
    assert HiFiCCodec().available() is None


@pytest.mark.usefixtures("compressai")
def test_the_shipped_weights_restore_a_face(tmp_path, monkeypatch):
    monkeypatch.setenv("HSC_BASELINES", str(tmp_path))
    codec = HiFiCCodec()
    assert codec.available() is None and codec.name == "HiFiC (retrained, reduced, 5.9 MiB)"
    with Image.open(ROOT / "assets" / "examples" / "curls.jpg") as picture:
        face = picture.convert("RGB")
    data = codec.encode(face, 3000)
    error = np.asarray(codec.decode(data), float) - np.asarray(face, float)
    assert 2500 < len(data) <= 3000 and 10 * np.log10(255**2 / (error**2).mean()) > 22


def test_the_name_says_the_size(weights):
    assert HiFiCCodec(weights).name == f"HiFiC (own weights, {weights.stat().st_size / 2**20:.1f} MiB)"
