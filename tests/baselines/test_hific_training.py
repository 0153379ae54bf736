"""The training program: takes steps, keeps rates, resumes, exports what the codec loads."""

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from hsc.baselines.hific import HiFiCCodec, HiFiCConfig
from hsc.errors import HSCError, WeightsError
from hsc.train import baselines as training
from hsc.train.baselines import Crops, RateControl, Settings, Trainer

TINY = HiFiCConfig(widths=(8, 12, 16), latent=8, hyper=8, side=4, blocks=1, rates=2)


@pytest.fixture(scope="module")
def shard(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("data") / "faces-00.tar"
    random = np.random.default_rng(0)
    with tarfile.open(path, "w") as archive:
        for index in range(120):
            buffer = io.BytesIO()
            small = random.integers(0, 255, (4, 4, 3), dtype=np.uint8)
            Image.fromarray(small).resize((64, 64), Image.Resampling.BICUBIC).save(buffer, "PNG")
            member = tarfile.TarInfo(f"{index:03}.png")
            member.size = len(buffer.getvalue())
            archive.addfile(member, io.BytesIO(buffer.getvalue()))
        archive.addfile(tarfile.TarInfo("list.txt"))
    return path


def settings(**options) -> Settings:
    return Settings(**{"minutes": 0.03, "batch": 2, "crop": 64, "synthetic": 0.0, **options})


def test_rate_control_settles():
    control = RateControl.between(0.008, 0.032, 3)
    assert control.targets == pytest.approx([0.008, 0.016, 0.032])
    for _ in range(2000):
        control.update(1, 0.5 / control.weight(1))  # a model that spends less, the more a bit costs
    assert 0.5 / control.weight(1) == pytest.approx(0.016, rel=0.05)
    before = control.log_weights[0]
    control.update(0, 1e9)
    assert control.log_weights[0] - before <= 2 * control.speed + 1e-9


def test_crops(shard):
    crops = Crops([shard], settings(), None)
    assert len(crops.held_out) == training.HELD_OUT and len(crops.training) == 120 - training.HELD_OUT
    assert not set(crops.held_out) & set(crops.training)
    batch = next(crops.batches(torch.device("cpu")))
    assert batch.shape == (2, 3, 64, 64) and -1 <= batch.min() < batch.max() <= 1


def test_data_that_cannot_be(shard, tmp_path):
    (tmp_path / "text.tar").write_text("no archive")
    with pytest.raises(HSCError, match="text.tar"):
        Crops([tmp_path / "text.tar"], settings(), None)
    with tarfile.open(tmp_path / "empty.tar", "w"):
        pass
    with pytest.raises(HSCError, match="at least"):
        Crops([tmp_path / "empty.tar"], settings(), None)


def test_steps_move_both_networks_and_better_the_picture(shard):
    trainer = Trainer(settings(adversary=True, rate=2e-3), TINY)
    batches = Crops([shard], trainer.settings, None).batches(torch.device("cpu"))
    critic = trainer.adversary.discriminator
    before = {name: value.clone() for name, value in critic.state_dict().items()}
    optimisers = [
        torch.optim.Adam(trainer.model.parameters(), 3e-3),
        torch.optim.Adam(critic.parameters()),
    ]
    batch = next(batches)
    logs = [trainer.step(batch, *optimisers) for _ in range(25)]
    assert np.mean([log["loss"] for log in logs[-5:]]) < 0.9 * np.mean([log["loss"] for log in logs[:5]])
    assert all(np.isfinite(list(log.values())).all() for log in logs)
    assert any(not torch.equal(value, before[name]) for name, value in critic.state_dict().items())


@pytest.mark.usefixtures("compressai")
def test_resumes_and_exports(shard, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "PIECE", 20000)
    trainer = Trainer(settings(), TINY)
    trainer.run(Crops([shard], trainer.settings, None).batches(torch.device("cpu")))
    trainer.control.log_weights[0] = 1.25
    trainer.save(tmp_path / "run")
    pieces = sorted((tmp_path / "run").glob("*.safetensors"))
    assert len(pieces) > 3
    again = Trainer.load(tmp_path / "run", settings())
    assert again.steps == trainer.steps > 0 and again.control.log_weights[0] == 1.25
    for name, value in trainer.model.state_dict().items():
        assert torch.equal(again.model.state_dict()[name], value)
    result = CliRunner().invoke(
        training.main, ["hific", "--from", str(tmp_path / "run"), "--export", str(tmp_path / "w.safetensors")]
    )
    assert result.exit_code == 0, result.output
    codec = HiFiCCodec(tmp_path / "w.safetensors")
    assert codec.available() is None
    assert codec.decode(codec.encode(Image.new("RGB", (64, 64)), 1000)).size == (64, 64)
    pieces[1].unlink()
    with pytest.raises(WeightsError, match="run"):
        Trainer.load(tmp_path / "run", settings())


def test_a_run_saves_as_it_goes_and_a_save_that_is_cut_leaves_the_one_before(shard, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "SAVE_SECONDS", 0)
    trainer, saved = Trainer(settings(), TINY), []
    save = trainer.save
    monkeypatch.setattr(trainer, "save", lambda folder: (saved.append((trainer.steps, trainer.minutes)), save(folder)))
    trainer.run(Crops([shard], trainer.settings, None).batches(torch.device("cpu")), tmp_path / "run")
    assert len(saved) > 1 and saved[-1] == (trainer.steps, trainer.settings.minutes)
    assert [minutes for _, minutes in saved] == sorted(minutes for _, minutes in saved)
    assert len(list((tmp_path / "run").iterdir())) == 2  # one piece and the state: what was before is gone
    trainer.steps += 1
    monkeypatch.setattr(training.json, "dumps", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        save(tmp_path / "run")
    assert Trainer.load(tmp_path / "run", settings()).steps == trainer.steps - 1


def test_validation_covers_every_rate(shard, monkeypatch):
    monkeypatch.setattr(training, "SIDE", 256)
    trainer = Trainer(settings(), TINY)
    rows = trainer.validate(Crops([shard], trainer.settings, None).held_out, limit=1)
    assert [row["rate"] for row in rows] == [0, 1]
    assert rows[0]["bytes"] == pytest.approx(rows[0]["bpp"] * 256**2 / 8)
    assert trainer.model.training


def test_the_command_says_what_is_missing():
    result = CliRunner().invoke(training.main, ["hific", "--minutes", "1"])
    assert result.exit_code == 2 and "--data" in result.output


@pytest.mark.parametrize("words, said", [
    (["--from", "{}/none", "--export", "{}/x.safetensors"], "checkpoint"),
    (["--minutes", "1", "--synthetic", "0", "--data", "{}/none.tar", "--out", "{}/run"], "none.tar"),
    (["--device", "nonsense"], "nonsense"),
])  # fmt: skip
def test_the_command_refuses_in_one_sentence_and_with_code_2(words, said, tmp_path):
    result = CliRunner().invoke(training.main, ["hific", *(word.format(tmp_path) for word in words)])
    assert result.exit_code == 2 and said in result.output and "Traceback" not in result.output
