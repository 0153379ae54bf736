"""Detail: what longer files say beyond F, from the gradient to the picture, and its training."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image, ImageFilter
from safetensors.torch import save_file

import hsc
from hsc import detail, entropy, images, weights
from hsc.bitstream import BitstreamReader, file_bytes
from hsc.codec import DETAIL_BYTES, DETAILED_MODEL_ID, FEW_LOOKS, LOOK_BYTES, LOOKS, MODEL_ID
from hsc.entropy import detail_quality
from hsc.errors import BitstreamError
from hsc.feature_edit import edit_mask, enlarge_mask
from hsc.generator import sample_codes
from hsc.model import DETAIL_LEVEL, FIRST_LEVEL
from hsc.preview import PreviewHead
from hsc.soft import MULTIPLIER, byte_weight
from hsc.train import detail as stage
from hsc.train.export import export
from hsc.train.rate import RateModel
from hsc.train.trainer import Settings, Trainer


@pytest.fixture(scope="module")
def face(codec) -> Image.Image:
    """A synthetic face, a little turned, so that it is not one of the generator's."""
    codes = sample_codes(codec.generator, 1, torch.Generator().manual_seed(5), mixing=0)
    return codec.render(codec.semantics(codes)).rotate(3, Image.Resampling.BICUBIC, expand=False)


@pytest.fixture(scope="module")
def long(codec, face) -> bytes:
    return codec.encode(face, max_bytes=3000)


def test_long_files_have_detail_and_short_ones_none(codec, face, long):
    semantics = codec.parse(long)
    assert [layer.name for layer in semantics.layers[-3:]] == ["F12", "D1", "D2"]
    assert BitstreamReader(long).model_id == DETAILED_MODEL_ID and len(long) <= 3000
    short = codec.encode(face, max_bytes=DETAIL_BYTES - 1)
    assert BitstreamReader(short).model_id == MODEL_ID and codec.parse(short).detail is None


def test_each_slice_of_detail_brings_the_picture_nearer(codec, face, long):
    original, ends = images.to_tensor(face), [layer.end for layer in codec.parse(long).layers[-3:]]
    distances = [float(codec.lpips(images.to_tensor(codec.decode(long[:end])), original)) for end in ends]
    assert distances[0] > distances[1] > distances[2] and distances[2] < 0.95 * distances[0]


def test_detail_by_quality_too(codec, face):
    with_detail, without = (codec.parse(codec.encode(face, quality=120, refine=steps)) for steps in (1, 0))
    assert with_detail.detail.shape == (1, 512, 64, 64) and without.detail is None
    assert [layer.name for layer in without.layers][-1] == "F12"


def test_progress_counts_looks(codec, face):
    for max_bytes, looks in ((DETAIL_BYTES, FEW_LOOKS), (LOOK_BYTES, LOOKS)):
        seen = []
        codec.encode(face, max_bytes=max_bytes, refine=1, progress=lambda *report: seen.append(report))
        assert seen == [(index, 1 + looks) for index in range(1, 2 + looks)]


def test_quality_of_detail_grows_from_where_it_is_least():
    found = [detail_quality(quality) for quality in range(256)]
    least = entropy.LEAST_DETAILED
    assert found[0] == found[least - 1] == found[least] < found[least + 1] and found == sorted(found)
    assert found[110] == 40 and found[-1] == 255  # a file's meaning


def test_detail_that_S_and_F_would_starve_for_is_left_out(codec, face):
    """Where not all of it fits at the quality at which it costs least, there is less of it, or none."""
    latents = replace(codec.latents(*codec.invert(face)), multiplier=MULTIPLIER,
                      detail=30 * torch.randn(1, 32, 32, 32, generator=torch.Generator().manual_seed(0)))
    complete = file_bytes(codec._quantise(latents, entropy.LEAST_DETAILED).bits)
    for budget in (complete // 2, complete - 1, complete):
        coded, quality, layers = codec._fit(latents, budget)
        assert file_bytes(coded.bits[:layers]) <= budget
        assert (layers == codec.networks.layers + 2) == (budget == complete)
        assert quality >= entropy.LEAST_DETAILED or layers <= codec.networks.layers


def test_files_that_name_the_plain_model_have_no_detail(codec, face, monkeypatch):
    latents = replace(codec.latents(*codec.invert(face)), detail=torch.zeros(1, 32, 32, 32))
    coded = codec._quantise(latents, 100)
    assert len(codec.parse(codec._write(coded, 100)).layers) == codec.networks.layers + 2
    with monkeypatch.context() as patched:
        patched.setattr("hsc.codec.DETAILED_MODEL_ID", MODEL_ID)
        wrong = codec._write(coded, 100)
    with pytest.raises(BitstreamError, match="15 layers; this model knows 13"):
        codec.parse(wrong)


def test_long_files_weigh_bits_in_quantisation(codec, face, monkeypatch):
    """Fewer of them at the same quality, which decode to what was coded."""
    latents = codec.latents(*codec.invert(face))
    plain, thrifty = (codec._quantise(replace(latents, multiplier=value), 120) for value in (0, MULTIPLIER))
    assert sum(thrifty.bits[1:]) < 0.97 * sum(plain.bits[1:])
    decoded = codec.parse(codec._write(thrifty, 120))
    assert all(np.array_equal(*pair) for pair in zip(decoded.symbols, thrifty.symbols))
    seen, quantise = [], codec._quantise
    monkeypatch.setitem(
        codec.__dict__, "_quantise", lambda some, *rest: seen.append(some.multiplier) or quantise(some, *rest)
    )
    looked, soft = [], detail.soft.quantise
    monkeypatch.setattr(detail.soft, "quantise", lambda *args, multiplier: looked.append(multiplier) or soft(
        *args, multiplier=multiplier))
    codec.encode(face, max_bytes=DETAIL_BYTES, refine=1)
    assert set(seen) == {MULTIPLIER} and looked == FEW_LOOKS * [MULTIPLIER]


def test_detail_gives_way_to_an_edit(codec, long, monkeypatch):
    semantics, masks = codec.parse(long), []
    monkeypatch.setattr("hsc.codec.edit_mask", lambda *given: masks.append(edit_mask(*given)) or masks[-1])
    moved = codec.edit(semantics, {"eyeglasses": 1.0})
    torch.testing.assert_close(moved.detail, semantics.detail * (1 - enlarge_mask(masks[0], semantics.detail).sqrt()))
    size = [part.detail.square().mean(1)[0] for part in (semantics, moved)]
    kept = size[1].sum() / size[0].sum()
    assert (size[1] <= size[0] + 1e-9).all() and 0.1 < kept < 0.95
    eyes = (slice(24, 36), slice(16, 48))
    assert size[1][eyes].sum() / size[0][eyes].sum() < 0.7 * kept


def test_previews_show_detail(codec, long):
    semantics = codec.parse(long)
    both = semantics, replace(semantics, detail=None)
    pictures = [np.asarray(codec.render_preview(part), np.int16) for part in both]
    assert np.abs(pictures[0] - pictures[1]).mean() > 0.2


@pytest.mark.parametrize("generated", [0, 1])
def test_one_step_of_the_detail_stage_moves_detail_alone(few_faces, generated, codec, tmp_path, monkeypatch):
    """From nothing: what pictures ask for is found, and then learned."""
    torch.manual_seed(0)
    monkeypatch.setattr("hsc.train.trainer.GENERATED", 2)
    monkeypatch.setattr("hsc.train.trainer.cache_dir", lambda: tmp_path)
    settings = Settings(0.02, batch=2, synthetic=generated, detail=True)
    trainer = Trainer(few_faces, settings, codec.generator, PreviewHead.load())
    for name in ("encoder", "codec"):
        shutil.copy(weights.shipped(name), tmp_path)
    trainer.load(tmp_path)
    before = {name: value.clone() for name, value in trainer.networks.state_dict().items()}
    stage.detail(trainer, tmp_path)
    after = trainer.networks.state_dict()
    moved = {name.split(".")[0] for name, value in before.items() if not torch.equal(value, after[name])}
    assert moved == {"detail", "detail_context"}
    assert after["detail.synthesis_correction.3.weight"].any() and after["detail.analysis_correction.4.weight"].any()


@pytest.mark.parametrize(("side", "likeness", "error"), [(1024, 0.95, 0.1), (512, 0.8, 0.2)])
def test_parts_of_pictures_ask_for_what_whole_ones_do(
    side, likeness, error, few_faces, codec, tmp_path, monkeypatch
):
    """Away from the border of a part, its gradient is the picture's, in whose other parts matter little: more at
    512 px, where LPIPS sees farther."""
    generator = codec.generator
    codes = sample_codes(generator, 1, torch.Generator().manual_seed(3), mixing=0)
    photo = codec.render(codec.semantics(codes)).rotate(1).resize((side, side))
    target = images.to_tensor(photo, side)
    trainer = Trainer(few_faces, Settings(0.02, precision=torch.float32, detail=True), generator, PreviewHead.load())
    monkeypatch.setitem(codec.__dict__, "looking_glass", (codec.generator, codec.preview))  # in float32
    feature = generator.prefix(codes, FIRST_LEVEL + 1)
    base = generator.prefix(codes, DETAIL_LEVEL, feature, FIRST_LEVEL + 1)
    whole, _ = detail.DetailEncoder(codec, photo).gradient(codes, base)
    nothing = torch.zeros(1, 1)
    faces = stage.Faces(nothing, nothing, nothing, codes, feature, [((target[0] + 1) * 127.5).round().byte()])
    own = stage.Stage(trainer, faces)
    parts = own.parts(place=(28, 18))
    found, _ = own.gradient(parts, parts.base, own.originals(parts, detail.MARGIN))
    expected = whole[:, :, 28:28 + stage.PART, 18:18 + stage.PART]
    inner = (slice(None), slice(None), slice(7, -7), slice(7, -7))
    similar = F.cosine_similarity(found[inner].flatten(), expected[inner].flatten(), 0)
    ratio = found[inner].norm() / expected[inner].norm()
    assert similar > likeness and abs(ratio - 1) < error


def test_parts_are_judged_up_to_the_border_of_the_picture_alone():
    last = detail.SIDE - stage.PART
    for place, rows, columns in (((0, last), slice(0, 29), slice(3, 32)), ((2, 2), slice(3, 29), slice(3, 29))):
        parts = stage.Parts(torch.arange(1), place, *4 * [torch.zeros(1)])
        assert parts.judged(3) == (rows, columns)
        assert parts.area(3) == (rows.stop - rows.start) * (columns.stop - columns.start)


def test_the_gradient_of_codes_says_what_a_step_changes(codec, face, monkeypatch):
    """Where the features stay: by finite differences."""
    monkeypatch.setitem(codec.__dict__, "looking_glass", (codec.generator, codec.preview))  # in float32
    semantics = codec.semantics(codec.invert(face)[0])
    features, encoder = codec.finest(semantics), detail.DetailEncoder(codec, face)
    original = detail.Original(images.to_tensor(face, 1024), True, codec.lpips, torch.float32)

    def distortion(codes: torch.Tensor) -> float:
        return float(original.distortion(codec.generator.suffix(features, codes, DETAIL_LEVEL)))

    _, gradient = encoder.gradient(semantics.codes, features)
    step = 0.02 * gradient / gradient.norm()
    expected = 2 * float((gradient * step).sum()) / detail.SIDE**2
    # Parts are judged by themselves, so LPIPS does not see across their borders.
    assert distortion(semantics.codes + step) - distortion(semantics.codes - step) == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize("alone", [False, True])
def test_looks_improve_what_is_coded(alone, codec, face, monkeypatch):
    """At the same quality, where more bits would help as well: the rate weighed in. Also where S moves alone,
    in as many looks as the encoder takes at least: in two its steps are too long."""
    if alone:
        monkeypatch.setattr(detail, "improvement", lambda network, context, ask, picture, wanted, base, *rest: (
            ask(base), torch.zeros_like(wanted))[1])
    latents = replace(codec.latents(*codec.invert(face)), multiplier=MULTIPLIER, detail=torch.zeros(1, 32, 32, 32))
    original, losses = detail.Original(images.to_tensor(face, 1024), True, codec.lpips, torch.float32), []
    coarser, finer = (float(byte_weight(torch.tensor(q / 256))) for q in (150, detail_quality(150)))
    for found in (latents, *detail.DetailEncoder(codec, face).looks(latents, 150, FEW_LOOKS if alone else 2)):
        coded = codec._quantise(found, 150)
        features = coded.state.features()
        semantics = replace(codec.semantics(coded.state.codes), features=features, detail=coded.state.detail)
        made = images.to_tensor(codec.render(semantics), 1024)
        rate = coarser * sum(coded.bits[:-2]) + finer * sum(coded.bits[-2:])
        losses.append(float(original.distortion(made)) + rate / 8)
    assert losses[0] > losses[1] and (alone or losses[1] > losses[2])
    assert losses[0] > 1.03 * losses[-1]


@pytest.mark.parametrize("full", [True, False])
def test_a_distortion_is_the_sum_that_the_module_states(codec, face, full):
    photo = images.to_tensor(face, 1024 if full else 512)
    made = images.to_tensor(face.filter(ImageFilter.GaussianBlur(4)), 1024)
    half, expected = F.avg_pool2d(made, 2), F.avg_pool2d(photo, 2) if full else photo
    difference = half - expected
    seen = float(codec.lpips(half, expected))
    if full:
        seen = 0.75 * float(codec.lpips(made, photo)) + 0.25 * seen
    total = (2 * seen + difference.abs().mean() + 0.5 * F.avg_pool2d(difference, 16).abs().mean()
             + 15 * F.avg_pool2d(difference, 2).square().mean())
    original = detail.Original(photo, full, codec.lpips, torch.float32)
    assert float(original.distortion(made)) == pytest.approx(float(total))


def test_small_pictures_are_judged_at_their_own_pixels(codec, face, monkeypatch):
    seen, original = set(), detail.Original
    monkeypatch.setattr(detail, "Original", lambda pictures, full, *rest: (
        seen.add((pictures.shape[-1], full)), original(pictures, full, *rest))[1])
    for side, expected in ((1024, (1024, True)), (512, (512, False)), (300, (512, False))):
        codec.encode(face.resize((side, side)), quality=150, refine=1)
        assert seen == {expected}
        seen.clear()


def test_detail_is_exported_by_itself(codec, tmp_path):
    model = torch.nn.ModuleDict({"networks": codec.networks, "rate": RateModel()})
    checkpoint = tmp_path / "detail.safetensors"
    save_file({name: value.contiguous() for name, value in model.state_dict().items()}, checkpoint)
    assert [path.name for path in export(checkpoint, tmp_path / "own")] == ["detail.safetensors"]
    path = tmp_path / "own" / "detail.safetensors"
    found, shipped = weights.read(path), weights.read(weights.shipped("detail"))
    weights.check_model(path, DETAILED_MODEL_ID)
    assert found.keys() == shipped.keys()
    assert all(torch.allclose(found[name].float(), shipped[name].float(), atol=1e-2) for name in found)
    for name in ("encoder", "codec"):
        shutil.copy(weights.shipped(name), tmp_path / "own")
    assert hsc.Codec.load(tmp_path / "own").networks.detail_layers == 2
