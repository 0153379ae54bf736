"""The training program with the architectures that are trained for the mean squared error."""

import math

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from hsc.baselines import reduced_codecs
from hsc.baselines.reduced import ARCHITECTURES, ReducedConfig
from hsc.errors import WeightsError
from hsc.train import baselines as training
from hsc.train.baselines import Settings, Trainer

pytestmark = pytest.mark.usefixtures("compressai")
TINY = {
    "factorized": ReducedConfig(widths=(6, 8), latent=8, rates=2),
    "hyperprior": ReducedConfig(widths=(6, 8), latent=8, hyper=8, side=4, rates=2),
    "elic": ReducedConfig(widths=(6, 8), latent=8, hyper=8, side=4, groups=(2, 6), context=(6, 4), rates=2),
}
CODECS = {codec.key: codec for codec in (reduced_codecs.Balle2017, reduced_codecs.Balle2018, reduced_codecs.ELIC)}


def trainer_of(name: str) -> Trainer:
    return Trainer(Settings(batch=2, crop=64), TINY[name], architecture=ARCHITECTURES[name])


def picture() -> torch.Tensor:
    """(2, 3, 64, 64): smooth colours."""
    small = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return torch.nn.functional.interpolate(small, size=64, mode="bicubic").clamp(-1, 1)


def steps(trainer: Trainer, count: int) -> list[dict[str, float]]:
    optimiser = torch.optim.Adam(trainer.model.parameters(), 3e-3)
    return [trainer.step(picture(), optimiser, None) for _ in range(count)]


@pytest.mark.parametrize("name", list(TINY))
def test_steps_better_the_picture_and_what_was_trained_is_exported(name, tmp_path):
    trainer = trainer_of(name)
    trainer.slack = training.SLACK  # as at the beginning of a run
    logs = steps(trainer, 40)
    assert np.mean([log["psnr"] for log in logs[-5:]]) > 1 + np.mean([log["psnr"] for log in logs[:5]])
    assert "lpips" not in logs[0]
    trainer.steps = 40
    trainer.save(tmp_path / "run")
    again = Trainer.load(tmp_path / "run", Settings())
    assert again.steps == 40 and again.architecture.name == name and again.begun
    for key, value in trainer.model.state_dict().items():
        assert torch.equal(again.model.state_dict()[key], value)
    words = [name, "--from", str(tmp_path / "run"), "--export", str(tmp_path / "w.safetensors")]
    result = CliRunner().invoke(training.main, words)
    assert result.exit_code == 0, result.output
    codec = CODECS[name](tmp_path / "w.safetensors")
    assert codec.available() is None
    assert codec.decode(codec.encode(Image.new("RGB", (64, 64)), 1000)).size == (64, 64)


def test_a_step_with_an_odd_loss_changes_nothing():
    trainer = trainer_of("hyperprior")
    steps(trainer, 3)
    before = [parameter.clone() for parameter in trainer.model.parameters()]
    trainer.usual /= 1e6
    weights = list(trainer.control.log_weights)
    assert math.isfinite(steps(trainer, 1)[0]["loss"])
    assert all(torch.equal(a, b) for a, b in zip(before, trainer.model.parameters()))
    assert trainer.control.log_weights == weights


def test_one_begins_with_the_transforms_of_another():
    factorized, hyperprior = trainer_of("factorized"), trainer_of("hyperprior")
    factorized.control.log_weights = [3.0, 1.0]
    hyperprior.take_transforms(factorized)
    own, other = hyperprior.model.state_dict(), factorized.model.state_dict()
    taken = [key for key in other if key.startswith(("encoder.", "decoder.", "log_gain"))]
    assert len(taken) > 10 and all(torch.equal(own[key], other[key]) for key in taken)
    assert hyperprior.control.log_weights == [3.0, 1.0]
    with pytest.raises(WeightsError, match="other transforms"):
        trainer_of("elic").take_transforms(factorized)


@pytest.mark.parametrize("words, said", [
    (["elic", "--from", "{}/run", "--minutes", "1"], "factorized"),
    (["factorized", "--adversary"], "adversary"),
    (["jpeg"], "jpeg"),
])  # fmt: skip
def test_the_command_refuses_in_one_sentence_and_with_code_2(words, said, tmp_path):
    trainer_of("factorized").save(tmp_path / "run")
    result = CliRunner().invoke(training.main, [word.format(tmp_path) for word in words])
    assert result.exit_code == 2 and said in result.output and "Traceback" not in result.output
