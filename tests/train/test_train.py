"""Pieces of the training program: data, transforms, rates, tables."""

from __future__ import annotations

import functools
import io
import math
import tarfile
import zlib

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from click.testing import CliRunner
from PIL import Image
from safetensors.torch import save_file

import hsc
from hsc import weights
from hsc.cli import main as cli
from hsc.coding.differentiable import gaussian_bits
from hsc.errors import HSCError, WeightsError
from hsc.generator import Generator, crops, sample_codes
from hsc.generator.preview_head import PreviewHead
from hsc.model_ids import MODEL_ID
from hsc.networks import entropy_tables
from hsc.networks.gain import ste_round
from hsc.networks.hsc_networks import FIRST_LEVEL, HSCNetworks
from hsc.train import baselines, preview
from hsc.train.data import VALIDATION, Faces, generated_faces, load_faces, synthetic_pairs
from hsc.train.export import export, gaussian_tables, semantic_tables
from hsc.train.program import _received
from hsc.train.program import codec as codec_stage
from hsc.train.rate import RateModel
from hsc.train.start import principal_components, principal_semantics
from hsc.train.trainer import Settings, Trainer


@pytest.fixture(scope="module")
def rate(compressai) -> RateModel:
    torch.manual_seed(0)
    return RateModel()


@pytest.fixture(scope="module")
def generator() -> Generator:
    return Generator.load()


def test_shards_are_decoded_once_and_split_by_name(tmp_path):
    shard = tmp_path / "some.tar"
    with tarfile.open(shard, "w") as archive:
        for index in range(3):
            buffer = io.BytesIO()
            Image.new("RGB", (512, 512), (80 * index, 0, 0)).save(buffer, "PNG")
            member = tarfile.TarInfo(f"{index}.png")
            member.size = buffer.tell()
            archive.addfile(member, io.BytesIO(buffer.getvalue()))
    first, again = (load_faces([shard], tmp_path / "cache") for _ in range(2))
    assert first.names == again.names == [f"some/{i}.png" for i in range(3)]
    assert np.array_equal(first.pictures, again.pictures)
    assert first.pictures[2, 0, 0].tolist() == [160, 0, 0]
    assert first.with_half.tolist() == [0, 1, 2] and first.halves.shape == (3, 512, 512, 3)
    assert first.large(np.array([2])).shape == (1, 3, 1024, 1024)
    batch = first.batch(np.array([0, 2]), np.array([False, True]))
    assert batch.shape == (2, 3, 256, 256) and batch[0].max() == -1


def test_what_is_no_shard_is_refused(tmp_path):
    text, broken = tmp_path / "text.tar", tmp_path / "broken.tar"
    text.write_text("not a tar file")
    with tarfile.open(broken, "w") as archive:
        archive.addfile(tarfile.TarInfo("0.png"))
    for shard in (text, broken):
        with pytest.raises(HSCError):
            load_faces([shard], tmp_path / "cache")


def shard_of(path, **payloads: bytes):
    with tarfile.open(path, "w") as archive:
        for name, payload in payloads.items():
            member = tarfile.TarInfo(f"{name}.png")
            member.size = len(payload)
            archive.addfile(member, io.BytesIO(payload))
    return path


@pytest.mark.parametrize("damage", ["cut", "bomb", "no picture"])
def test_a_damaged_picture_is_named_with_its_shard(damage, tmp_path):
    buffer = io.BytesIO()
    Image.effect_noise((600, 600), 50).save(buffer, "PNG")
    good = buffer.getvalue()
    bomb = bytearray(good)
    bomb[16:24] = (60_000).to_bytes(4, "big") * 2  # width and height of the header
    bomb[29:33] = zlib.crc32(bomb[12:29]).to_bytes(4, "big")
    bad = {"cut": good[: len(good) // 2], "bomb": bytes(bomb), "no picture": b"words"}[damage]
    shard = shard_of(tmp_path / "faces-07.tar", good=good, bad=bad)
    with pytest.raises(HSCError, match="faces-07/bad.png") as caught:
        load_faces([shard], tmp_path / "cache")
    assert "\n" not in str(caught.value)
    with pytest.raises(HSCError, match="faces-07/bad.png"):
        baselines._whole("faces-07/bad.png", bad)


@pytest.mark.usefixtures("compressai")
def test_training_goes_on_from_exported_weights(generator):
    nobody = Faces(np.zeros((1, 1, 1, 3), np.uint8), ["a"])
    trainer = Trainer(nobody, Settings(1.0, detail=True), generator, PreviewHead.load())
    shipped = hsc.Codec.load().networks.state_dict()
    trainer.load(weights.shipped("encoder").parent)
    found = trainer.networks.state_dict()
    assert all(torch.equal(found[name], value) for name, value in shipped.items())
    step = trainer.networks.scn.step(torch.full((1, 1), 0.25))
    few = trainer.rate.semantic_bits(torch.zeros(1, 768), step)
    assert few < 0.1 * RateModel().semantic_bits(torch.zeros(1, 768), step), "densities come with the tables"


@pytest.mark.usefixtures("compressai")
def test_weights_without_tables_are_refused(generator, tmp_path):
    trainer = Trainer(Faces(np.zeros((1, 1, 1, 3), np.uint8), ["a"]), Settings(1.0), generator, PreviewHead.load())
    for name in ("encoder", "decoder-9"):
        state = weights.read(weights.shipped(name))
        save_file(
            {key: value for key, value in state.items() if not key.startswith("tables.")},
            tmp_path / f"{name}.safetensors",
            {"model_id": str(MODEL_ID)},
        )
    with pytest.raises(HSCError, match="no frequency tables"):
        trainer.load(tmp_path)


@pytest.mark.usefixtures("compressai")
def test_densities_come_back_from_their_tables():
    codec = hsc.Codec.load()
    torch.manual_seed(0)
    assert RateModel().fit_tables(codec.networks.scn, codec.tables.semantic) == pytest.approx(1, abs=0.01)


@pytest.mark.usefixtures("compressai")
def test_a_checkpoint_of_other_networks_is_refused(generator, tmp_path):
    trainer = Trainer(Faces(np.zeros((1, 1, 1, 3), np.uint8), ["a"]), Settings(1.0), generator, PreviewHead.load())
    with pytest.raises(HSCError, match="not a checkpoint"):
        trainer.load(weights.shipped("preview"))
    trainer.save(tmp_path / "own.safetensors")
    trainer.load(tmp_path / "own.safetensors")
    nobody = Faces(np.zeros((1, 1, 1, 3), np.uint8), ["a"])
    one = Trainer(nobody, Settings(1.0, levels=1), generator, PreviewHead.load())
    with pytest.raises(HSCError, match="not a checkpoint"):
        one.load(tmp_path / "own.safetensors")


@pytest.mark.usefixtures("compressai")
def test_a_run_that_goes_on_sees_other_faces(generator, tmp_path):
    faces = Faces(np.zeros((VALIDATION + 40, 1, 1, 3), np.uint8), [str(i) for i in range(VALIDATION + 40)])
    first, second = (Trainer(faces, Settings(1.0), generator, PreviewHead.load()) for _ in range(2))
    first.seen = 40
    first.save(tmp_path / "own.safetensors")
    second.load(tmp_path / "own.safetensors")
    assert second.seen == 40
    drawn = [trainer.numpy.choice(faces.training, 20).tolist() for trainer in (first, second)]
    assert drawn[0] != drawn[1]


@pytest.mark.usefixtures("compressai")
@pytest.mark.parametrize("generated", [0, 1])
def test_one_step_of_the_codec_stage_moves_every_network(few_faces, generated, generator, tmp_path, monkeypatch):
    torch.manual_seed(0)
    monkeypatch.setattr("hsc.train.trainer.GENERATED", 2)
    monkeypatch.setattr("hsc.train.trainer.cache_dir", lambda: tmp_path)
    trainer = Trainer(few_faces, Settings(0.02, batch=2, synthetic=generated), generator, PreviewHead.load())
    trainer.load(weights.shipped("encoder").parent)
    before = {name: value.clone() for name, value in trainer.networks.state_dict().items()}
    codec_stage(trainer, tmp_path)
    after = trainer.networks.state_dict()
    moved = {name.split(".")[0] for name, value in before.items() if not torch.equal(value, after[name])}
    assert moved == {"gie", "scn", "fcn", "sce", "updater"}


def test_how_many_slices_are_received():
    counts = _received([8, 4], 4000, torch.Generator().manual_seed(0))
    shares = [(counts == number).float().mean() for number in (0, 8, 12)]
    assert counts.max() == 12 and counts.min() == 0
    assert 0.08 < shares[0] < 0.13 and 0.08 < shares[1] < 0.13 and 0.65 < shares[2] < 0.75


def test_a_window_is_the_same_part_of_a_picture_at_every_size():
    picture = torch.rand(2, 3, 1024, 1024, generator=torch.Generator().manual_seed(0))
    half = F.avg_pool2d(picture, 2)
    for place in ((0, 0), (crops.corners(24) - 1, 7)):
        part = crops.cut(picture, place, 24)
        assert part.shape == (2, 3, 192, 192)
        torch.testing.assert_close(F.avg_pool2d(part, 2), crops.cut(half, place, 24))


@pytest.mark.usefixtures("compressai")
def test_generated_faces_are_made_once_and_come_first_in_a_batch(few_faces, generator, tmp_path, monkeypatch):
    first, again = (generated_faces(generator, 2, tmp_path) for _ in range(2))
    assert first.shape == (2, 1024, 1024, 3) and np.array_equal(first, again)
    monkeypatch.setattr("hsc.train.trainer.GENERATED", 2)
    monkeypatch.setattr("hsc.train.trainer.cache_dir", lambda: tmp_path)
    trainer = Trainer(few_faces, Settings(0.02), generator, PreviewHead.load())
    batch = trainer.batch(3, with_half=1, generated=2)
    assert batch.pictures.shape[0] == 5 and batch.fine == 3
    assert batch.large.shape == (2, 3, 1024, 1024) and batch.halves.shape == (1, 3, 512, 512)
    torch.testing.assert_close(batch.pictures[:2], F.avg_pool2d(batch.large, 4))
    assert trainer.batch(3, with_half=1).fine == 1


def test_eight_bits_keep_a_matrix_within_half_a_step(tmp_path):
    random = torch.Generator().manual_seed(0)
    state = {
        "kernel": torch.randn(8, 4, 3, 3, generator=random),
        "zeros": torch.zeros(2, 3),
        "bias": torch.randn(8, generator=random),
    }
    save_file(weights.pack(state), tmp_path / "packed.safetensors")
    found = weights.read(tmp_path / "packed.safetensors")
    assert found.keys() == state.keys() and torch.equal(found["bias"], state["bias"]) and not found["zeros"].any()
    step = state["kernel"].abs().flatten(1).amax(1) / 127
    error = (found["kernel"] - state["kernel"]).abs().flatten(1).amax(1)
    assert (error <= 0.501 * step).all() and error.any()


def test_validation_pictures_are_fixed_by_their_names():
    names = [f"shard/{i:05d}.webp" for i in range(1000)]
    faces = Faces(np.zeros((1000, 1, 1, 3), np.uint8), names)
    order = np.random.default_rng(0).permutation(1000)
    mixed = Faces(faces.pictures, [names[i] for i in order])
    assert len(faces.held_out) == VALIDATION
    assert {names[i] for i in faces.held_out} == {mixed.names[i] for i in mixed.held_out}
    assert not set(faces.held_out) & set(faces.training)
    assert len(faces.training) == 1000 - VALIDATION


def test_synthetic_pairs_hold_codes_and_features(generator):
    levels = (FIRST_LEVEL, FIRST_LEVEL + 1)
    codes, (features, finer) = synthetic_pairs(generator, 8, levels, torch.Generator().manual_seed(0))
    own = generator.synthesize_features(codes, FIRST_LEVEL)
    assert finer.shape == (8, 512, 32, 32)
    same = (features - own).abs().amax((1, 2, 3)) < 1e-5
    assert codes.shape == (8, 16, 512) and features.shape == own.shape
    assert 0 < same.sum() < 8


def test_mixing_switches_once(generator):
    codes = sample_codes(generator, 16, torch.Generator().manual_seed(0), mixing=1.0)
    changes = (codes[:, 1:] != codes[:, :-1]).any(-1).sum(1)
    assert (changes == 1).all()
    plain = sample_codes(generator, 4, torch.Generator().manual_seed(0), mixing=0.0)
    assert torch.equal(plain, plain[:, :1].expand_as(plain))


def test_principal_components_find_the_axes():
    random = torch.Generator().manual_seed(0)
    scales = torch.tensor([3.0, 1.0, 0.1])
    basis, deviation = principal_components(torch.randn(20000, 3, generator=random) * scales, 2)
    torch.testing.assert_close(deviation, scales[:2], rtol=0.03, atol=0)
    torch.testing.assert_close(basis.abs(), torch.eye(3)[:, :2], rtol=0, atol=0.02)


def test_principal_semantics_reconstruct():
    """With more components than the data has dimensions, nothing is lost."""
    random = torch.Generator().manual_seed(0)
    few = torch.randn(400, 16, 20, generator=random) @ torch.randn(20, 512, generator=random)
    scn = HSCNetworks().scn
    principal_semantics(scn, few)
    restored = scn.decode(scn.encode(few))
    assert (restored - few).square().mean() / few.square().mean() < 1e-4


def test_densities_sum_to_one(rate):
    step = torch.full((192, 1, 1), 0.25)
    bins = torch.arange(-4000, 4001).float()[None, None] * 0.25
    total = rate.probability(bins.expand(192, -1, -1), step).sum(-1)
    torch.testing.assert_close(total, torch.ones_like(total), atol=2e-3, rtol=0)


def test_finer_steps_cost_more_bits(rate):
    values = torch.randn(4, 768, generator=torch.Generator().manual_seed(0))
    coarse, fine = (rate.semantic_bits(values, torch.full((1, 768), step)) for step in (1.0, 0.25))
    torch.testing.assert_close(fine - coarse, torch.full((4,), 2.0 * 768), rtol=0.05, atol=0)


def test_gaussian_bits_are_those_of_the_normal_distribution(rate):
    zeros = torch.zeros(1, 1, 1, 1)
    expected = -np.log2(0.0994764)  # mass of N(0, 4^2) in [-1/2, 1/2]
    for bits in (rate.slice_bits, gaussian_bits):
        assert abs(bits(zeros, torch.full_like(zeros, 2.0)).item() - expected) < 1e-3


def test_rounding_passes_the_gradient():
    values = torch.tensor([0.4, 1.6], requires_grad=True)
    rounded = ste_round(values)
    rounded.sum().backward()
    assert rounded.tolist() == [0.0, 2.0] and values.grad.tolist() == [1.0, 1.0]


@pytest.mark.usefixtures("compressai")
def test_gaussian_tables_match_their_scales():
    """Centred on 0, and the middle symbol has the mass of its bin."""
    cdf, lengths, offsets = gaussian_tables()
    assert len(cdf) == entropy_tables.SCALES
    for row, length, offset, scale in zip(cdf, lengths, offsets, entropy_tables.scale_table()):
        frequencies = row[:length].diff()
        expected = math.erf(0.5 / scale / math.sqrt(2))
        assert length - 2 == 1 - 2 * offset
        assert frequencies[-offset].item() / 65536 == pytest.approx(expected, rel=0.02, abs=1e-3)


@pytest.fixture(scope="module")
def checkpoint(compressai, tmp_path_factory):
    """Of the shipped networks without detail, and a rate model that has learned nothing."""
    networks = hsc.Codec.load().networks
    networks.detail, networks.detail_context = None, None
    torch.manual_seed(0)
    model = torch.nn.ModuleDict({"networks": networks, "rate": RateModel()})
    path = tmp_path_factory.mktemp("checkpoint") / "codec.safetensors"
    save_file({name: value.contiguous() for name, value in model.state_dict().items()}, path)
    return path


def test_what_cannot_be_exported_is_one_sentence(checkpoint, tmp_path):
    text, foreign, half = (tmp_path / f"{name}.safetensors" for name in ("text", "foreign", "half"))
    text.write_text("no tensors")
    save_file({"a": torch.zeros(1)}, foreign)
    save_file({name: value for name, value in weights.read(checkpoint).items() if not name.startswith("rate.")}, half)
    for path in (text, foreign, half, tmp_path / "none.safetensors"):
        with pytest.raises(WeightsError, match=path.name):
            export(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_exported_weights_load_and_say_which_model_they_are(checkpoint, tmp_path):
    done = CliRunner().invoke(cli.main, ["freeze", str(checkpoint), str(tmp_path / "own")])
    assert done.exit_code == 0, done.output
    codec = hsc.Codec.load(tmp_path / "own", "cpu")
    face = codec.render(codec.semantics(sample_codes(codec.generator, 1, torch.Generator().manual_seed(0))))
    data = codec.encode(face, max_bytes=2000, refine=0)
    assert codec.parse(data).complete and len(codec.parse(data).layers) == codec.networks.layers
    done = CliRunner().invoke(cli.main, ["freeze", str(checkpoint), str(tmp_path), "--model-id", str(MODEL_ID + 2)])
    assert done.exit_code == 0 and (tmp_path / f"decoder-{MODEL_ID + 2}.safetensors").is_file()
    with pytest.raises(WeightsError, match=f"model {MODEL_ID + 2}; .* model {MODEL_ID}"):
        hsc.Codec.load(tmp_path)


def test_weights_without_a_model_are_those_that_were_shipped_so(tmp_path):
    path = tmp_path / "codec.safetensors"
    save_file({"a": torch.zeros(1)}, path)
    weights.check_model(path, 2)
    with pytest.raises(WeightsError, match="codec.safetensors holds model 2"):
        weights.check_model(path, 3)
    save_file({"a": torch.zeros(1)}, path, {"model_id": "3"})
    weights.check_model(path, 3)
    with pytest.raises(WeightsError, match="holds model 3"):
        weights.check_model(path, 2)


@pytest.mark.slow
def test_the_training_command_runs_a_stage(tmp_path, monkeypatch):
    monkeypatch.setattr(preview, "fit", functools.partial(preview.fit, pictures=preview.HELD_OUT + 2))
    out = tmp_path / "new" / "run"
    done = CliRunner().invoke(cli.main, ["train", "preview", "--minutes", "0.02", "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert PreviewHead.load(out / "preview.safetensors")


@pytest.mark.slow
def test_semantic_tables_follow_the_density(rate):
    networks = HSCNetworks()
    cdf, lengths, offsets = semantic_tables(networks, rate)
    groups = entropy_tables.SEMANTIC_GROUPS
    assert len(cdf) == groups * 192
    row, start = cdf[0, : lengths[0]], int(offsets[0])
    zero = -start
    step = networks.scn.steps(entropy_tables.quality_value(0))[0, 0].float().reshape(1, 1, 1).expand(192, 1, 1)
    expected = rate.probability(torch.zeros(192, 1, 1), step)[0, 0, 0].item()
    assert (row[zero + 1] - row[zero]).item() / 65536 == pytest.approx(expected, abs=2e-4)
