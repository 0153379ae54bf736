"""MS-ILLM's training: labels, the adversary that tells them apart, and a decoder that alone is changed."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from click.testing import CliRunner
from PIL import Image

from hsc.baselines import hific
from hsc.baselines.hific import HiFiC, HiFiCConfig
from hsc.baselines.reduced import ARCHITECTURES
from hsc.baselines.reduced_codecs import MSILLM
from hsc.errors import WeightsError
from hsc.train import baselines as training
from hsc.train.adversaries import LocalAdversary
from hsc.train.baselines import TRAINED, Settings, Trainer
from hsc.train.local_likelihood import Codebook, LabelAutoencoder, LabelConfig, LocalDiscriminator

TINY = HiFiCConfig(widths=(8, 12, 16), latent=8, hyper=8, side=4, blocks=1, rates=2)
FEW = LabelConfig(widths=(8, 8, 8), latent=4, codes=16)


def picture() -> torch.Tensor:
    """(2, 3, 64, 64): smooth colours."""
    small = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return F.interpolate(small, size=64, mode="bicubic").clamp(-1, 1)


def labelling(steps: int = 0) -> Trainer:
    trainer = Trainer(Settings(batch=2, crop=64), FEW, architecture=TRAINED["labels"])
    optimiser = torch.optim.Adam(trainer.model.parameters(), 1e-2)
    trainer.logs = [trainer.step(picture(), optimiser, None) for _ in range(steps)]
    return trainer


def trainer_of(weights: Path | None = None) -> Trainer:
    trainer = Trainer(
        Settings(batch=2, crop=64, adversary=True),
        TINY,
        architecture=ARCHITECTURES["ms-illm"],
        labels=labelling().model,
    )
    if weights is not None:
        trainer.take_weights(weights)
    return trainer


@pytest.fixture(scope="module")
def weights(compressai, tmp_path_factory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("hific") / "hific.safetensors"
    hific.save(HiFiC(TINY), path)
    return path


def test_codes_go_where_vectors_are():
    torch.manual_seed(0)
    codebook = Codebook(8, 3)
    centres = F.normalize(torch.randn(4, 3), dim=1)
    for _ in range(60):
        vectors = F.normalize(centres.repeat(32, 1) + 0.02 * torch.randn(128, 3), dim=1)
        codebook.learn(vectors, codebook.nearest(vectors))
    assert torch.allclose(codebook.codes.norm(dim=1), torch.ones(8), atol=1e-5)
    assert ((centres @ codebook.codes.T).amax(1) > 0.99).all()
    assert ((codebook.codes @ centres.T).amax(1) > 0.95).all()  # none is left where nothing is


def test_the_autoencoder_learns_and_its_labels_say_where_something_else_is():
    trainer = labelling(120)
    assert np.mean([log["psnr"] for log in trainer.logs[-5:]]) > 2 + np.mean([log["psnr"] for log in trainer.logs[:5]])
    assert all(log["bpp"] == pytest.approx(4 / 64) for log in trainer.logs)
    model = trainer.labelling().eval()
    image = picture()
    labels = model.labels(image)
    assert labels.shape == (2, 8, 8) and labels.min() >= 0 and labels.max() < 16 and len(labels.unique()) > 2
    changed = image.clone()
    changed[..., 32:, 32:] *= -1
    different = model.labels(changed) != labels
    assert not different[:, :2, :2].any() and different[:, 5:, 5:].float().mean() > 0.5


def test_evaluation_leaves_the_codes_alone():
    model = labelling(2).model.eval()
    before = model.codebook.codes.clone()
    model(picture(), 0.0)
    assert torch.equal(model.codebook.codes, before)


def test_the_discriminator_has_a_class_more_than_labels_and_sees_the_latent():
    torch.manual_seed(0)
    critic = LocalDiscriminator(8, 16)
    image, latent = picture(), torch.randn(2, 8, 16, 16)
    logits = critic(image, latent)
    assert logits.shape == (2, 17, 8, 8)
    assert not torch.allclose(logits, critic(image, latent + 1))


def test_the_adversary_rewards_the_label_of_the_original():
    """A picture that is called by its labels fools; one that is called restored, or by another label, does not."""
    adversary = LocalAdversary(TINY, labelling().model)
    image = picture()
    labels = adversary.labels.labels(image)

    def called(classes: torch.Tensor) -> torch.nn.Module:
        class Sure(torch.nn.Module):
            def forward(self, image, latent):
                return 20.0 * F.one_hot(classes, 17).permute(0, 3, 1, 2).float()

        return Sure()

    losses = []
    for classes in (1 + labels, torch.zeros_like(labels), 1 + (labels + 1) % 16):
        adversary.discriminator = called(classes)
        losses.append(float(adversary.fooled(image, image, image)))
    assert losses[0] < 1e-3 and losses[1] == pytest.approx(20, rel=0.01) and losses[2] == pytest.approx(20, rel=0.01)
    assert float(adversary.told_apart(image, image, image)) == pytest.approx(20, rel=0.01)  # both called by one label


def test_steps_change_the_decoder_alone_and_rates_stay(weights):
    trainer = trainer_of(weights)
    before = {name: value.clone() for name, value in trainer.model.state_dict().items()}
    critic = {name: value.clone() for name, value in trainer.adversary.discriminator.state_dict().items()}
    labels = {name: value.clone() for name, value in trainer.adversary.labels.state_dict().items()}
    rates = list(trainer.control.log_weights)
    optimisers = [
        torch.optim.Adam([value for value in trainer.model.parameters() if value.requires_grad], 3e-3),
        torch.optim.Adam(trainer.adversary.discriminator.parameters(), 1e-3),
    ]
    logs = [trainer.step(picture(), *optimisers) for _ in range(30)]
    changed = {name for name, value in trainer.model.state_dict().items() if not torch.equal(value, before[name])}
    assert changed and all(name.startswith("decoder.") for name in changed)
    assert any(not torch.equal(v, critic[name]) for name, v in trainer.adversary.discriminator.state_dict().items())
    assert all(torch.equal(v, labels[name]) for name, v in trainer.adversary.labels.state_dict().items())
    assert trainer.control.log_weights == rates
    assert np.mean([log["psnr"] for log in logs[-5:]]) > 1 + logs[0]["psnr"]
    assert min(log["told_apart"] for log in logs) < 0.6 * logs[0]["told_apart"]
    assert np.isfinite([log["fooled"] for log in logs]).all()


def test_it_resumes_with_its_labels_and_exports_what_the_codec_loads(weights, tmp_path):
    trainer = trainer_of(weights)
    trainer.steps = 3
    trainer.save(tmp_path / "run")
    again = Trainer.load(tmp_path / "run", Settings(adversary=True))
    assert again.steps == 3 and list(again.parts) == ["model", "discriminator", "labels"]
    for part, network in trainer.parts.items():
        for name, value in network.state_dict().items():
            assert torch.equal(again.parts[part].state_dict()[name], value)
    words = ["ms-illm", "--from", str(tmp_path / "run"), "--export", str(tmp_path / "w.safetensors")]
    result = CliRunner().invoke(training.main, words)
    assert result.exit_code == 0, result.output
    codec = MSILLM(tmp_path / "w.safetensors")
    assert codec.available() is None
    assert codec.decode(codec.encode(Image.new("RGB", (64, 64)), 1000)).size == (64, 64)


def test_its_files_have_the_symbols_of_hific(weights, tmp_path):
    """Encoder and entropy models are those that it began with."""
    from hsc.baselines import reduced_files

    reduced_files.save(trainer_of(weights).model, ARCHITECTURES["ms-illm"], tmp_path / "w.safetensors")
    own, other = reduced_files.load(tmp_path / "w.safetensors", "ms-illm"), hific.load(weights)
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8))
    symbols = [coder.analyse(image) for coder in (own, other)]
    assert torch.equal(symbols[0][0], symbols[1][0]) and torch.equal(symbols[0][1], symbols[1][1])


def test_weights_of_other_sizes_are_refused(weights):
    trainer = Trainer(Settings(), architecture=ARCHITECTURES["ms-illm"])
    with pytest.raises(WeightsError, match="other sizes"):
        trainer.take_weights(weights)


@pytest.mark.parametrize("words, said", [
    (["ms-illm", "--minutes", "1"], "--weights"),
    (["ms-illm", "--weights", "{}/none.safetensors"], "none.safetensors"),
    (["ms-illm", "--weights", "{}/hific.safetensors", "--adversary"], "--labels"),
    (["ms-illm", "--weights", "{}/hific.safetensors", "--labels", "{}/run"], "not of labels"),
    (["hific", "--labels", "{}/run"], "--labels"),
    (["labels", "--weights", "{}/hific.safetensors"], "HiFiC"),
    (["labels", "--adversary"], "adversary"),
    (["labels", "--export", "{}/x.safetensors"], "export"),
])  # fmt: skip
def test_the_command_refuses_in_one_sentence_and_with_code_2(words, said, tmp_path, weights):
    (tmp_path / "hific.safetensors").write_bytes(weights.read_bytes())
    trainer_of(weights).save(tmp_path / "run")
    result = CliRunner().invoke(training.main, [word.format(tmp_path) for word in words])
    assert result.exit_code == 2 and said in result.output and "Traceback" not in result.output


def test_a_picture_has_as_many_labels_as_squares():
    assert FEW.stride == 8 and FEW.bpp == 4 / 64 and LabelAutoencoder(FEW).labels(picture()).shape == (2, 8, 8)
