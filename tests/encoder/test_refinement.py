"""Encoder-side refinement brings the restoration closer to the photo by LPIPS at 1024, at the same size."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from PIL import Image

from hsc.bitstream import file_bytes
from hsc.coding.differentiable import simulate_coding
from hsc.encoder import encoder, refinement
from hsc.encoder.context import EncoderContext, computes_in_bfloat16
from hsc.encoder.latents import Latents, analyse
from hsc.encoder.objective import DistortionModel, colour_distance, grid_pattern
from hsc.encoder.presets import DEFAULT
from hsc.encoder.quantisation import quantise, write
from hsc.encoder.refinement import refine
from hsc.generator import SIZE, crops, sample_codes
from hsc.generator.preview_head import PREVIEW_LEVEL, PREVIEW_SIZE
from hsc.imaging.images import to_tensor

WEIGHTS = DEFAULT.preview_distortion
LEARNED = DEFAULT.refinement.max_learned


def last(steps):
    """What refinement ends with."""
    *_, latents = steps
    return latents


@pytest.fixture(scope="module")
def face(codec):
    """One that the generator made: no photo is needed."""
    return codec.render(codec.semantics(sample_codes(codec.generator, 1, torch.Generator().manual_seed(3))))


@pytest.mark.slow
def test_refinement_helps_and_keeps_the_size(codec, face_paths):
    check_refinement_helps(codec, face_paths[1:3])


@pytest.mark.slow
def test_refinement_helps_with_real_faces(codec, shared):
    check_refinement_helps(codec, sorted((shared / "data" / "eval512").glob("*.png"))[:3])


def check_refinement_helps(codec, paths):
    """Six steps lower LPIPS on average, and the size is as asked."""
    errors, seen = {0: 0.0, 6: 0.0}, []
    for path in paths:
        with Image.open(path) as picture:
            face = picture.convert("RGB")
        for steps in errors:
            data = codec.encode(face, max_bytes=800, refine=steps, progress=lambda *done: seen.append(done))
            assert 700 < len(data) <= 800
            errors[steps] += codec.lpips(to_tensor(codec.decode(data)), to_tensor(face, SIZE)).item()
    assert seen == len(paths) * [(i, 6) for i in range(1, 7)]
    assert errors[6] < errors[0]


@pytest.mark.parametrize(("quality", "layers", "moves"), [(0, 13, (0, 0)), (128, 13, (1, 1)), (128, 3, (1, 0))])
def test_features_descend_in_proportion_to_the_quality_and_only_where_they_are_sent(quality, layers, moves, codec):
    face = codec.decode(b"")
    latents = analyse(codec.networks, *codec.invert(face))
    bases = codec.semantics(codec.invert(face)[0]).features
    descent = dataclasses.replace(DEFAULT.refinement, steps=1, max_learned=0)
    preset = dataclasses.replace(DEFAULT, refinement=descent)
    distortion = DistortionModel(codec.encoder_context, face, WEIGHTS, 0)
    refined = last(refine(codec.encoder_context, distortion, latents, quality, layers, preset))
    assert not refined.semantics.requires_grad and not refined.semantics.equal(latents.semantics)
    for old, new, base, moved in zip(latents.feature_encoders, refined.feature_encoders, bases, moves):
        assert old(base).equal(new(base)) != bool(moved) and not new(base).requires_grad


@pytest.mark.parametrize("bfloat16", [True, False])
def test_steps_lower_the_distortion_they_look_at(bfloat16, codec, face, monkeypatch):
    """By the preview, from which most of the gradient is taken."""
    monkeypatch.setattr("hsc.encoder.context.computes_in_bfloat16", lambda device: bfloat16)
    context = EncoderContext(codec.generator, codec.networks, codec.tables, codec.preview)
    assert context.surrogate[0].precision == (torch.bfloat16 if bfloat16 else torch.float32)
    assert codec.generator.input.dtype == torch.float32
    latents = analyse(codec.networks, *codec.invert(face))
    preview = to_tensor(face, PREVIEW_SIZE)
    errors = []
    for steps in (0, 1, 2 * LEARNED):
        distortion = DistortionModel(context, face, WEIGHTS, 0)
        found = list(refine(context, distortion, latents, 160, 13, DEFAULT.with_steps(steps)))
        assert len(found) == steps
        moved = [latents, *found][-1]
        semantics = codec.parse(write(context, quantise(context, moved, 160)))
        errors.append(codec.lpips(to_tensor(codec.render_preview(semantics)), preview).item())
    assert errors[1] < errors[0] and errors[2] < errors[0]


def test_a_look_gives_the_gradient_of_preview_and_windows_together(codec, face, monkeypatch):
    context = EncoderContext(codec.generator, codec.networks, codec.tables, codec.preview)
    monkeypatch.setitem(context.__dict__, "surrogate", (context.frozen, codec.preview))  # in float32
    latents, networks = analyse(codec.networks, *codec.invert(face)), codec.networks
    count = torch.tensor([networks.layers - 1])
    with torch.no_grad():
        coded = simulate_coding(
            networks,
            codec.generator.synthesize_features,
            latents.semantics,
            latents.feature_encoders,
            torch.tensor([[0.3]]),
            count,
        )
    seen = DistortionModel(context, face, WEIGHTS, 3.0)(coded)
    feature, codes = (x.detach().requires_grad_(True) for x in (coded.features[-1], coded.codes))
    trunk = codec.generator.synthesize_features(codes, PREVIEW_LEVEL, feature, networks.levels[-1])
    picture, target, large = codec.preview(trunk, codes), to_tensor(face, PREVIEW_SIZE), to_tensor(face, SIZE)
    loss = (picture - target).abs().mean() + 3 * (picture - target).square().mean()
    loss = loss + WEIGHTS.colour * colour_distance(picture, target).sum() + codec.lpips(picture, target).sum()
    for index in range(WEIGHTS.windows):
        place = crops.corner(index, WEIGHTS.window)
        made = crops.render(codec.generator, crops.surroundings(trunk, place, WEIGHTS.window), codes, place)
        loss = (
            loss + WEIGHTS.texture / WEIGHTS.windows * codec.lpips(made, crops.cut(large, place, WEIGHTS.window)).sum()
        )
        repeated = grid_pattern(made) - grid_pattern(crops.cut(large, place, WEIGHTS.window))
        loss = loss + WEIGHTS.grid / WEIGHTS.windows * repeated.square().mean()
    whole = torch.autograd.grad(loss, (feature, codes))
    for found, expected in zip((seen.features, seen.codes), whole):
        torch.testing.assert_close(found, expected, atol=1e-3 * expected.abs().max().item(), rtol=0)


@pytest.mark.parametrize(("steps", "learned"), [(1, 1), (2, 1), (3, 2), (2 * LEARNED, LEARNED), (20, LEARNED)])
def test_half_of_the_steps_are_learned_ones_but_four_at_most(steps, learned, codec, face, monkeypatch):
    taken = []

    def descend(context, distortion, latents, q, slices, preset):
        count = preset.steps - preset.refinement.learned
        taken.extend(count * ["descent"])
        yield from count * [latents]

    monkeypatch.setattr(refinement, "_learned_step", lambda *given: taken.append("learned") or given[2])
    monkeypatch.setattr(refinement, "_descend", descend)
    context, latents = codec.encoder_context, analyse(codec.networks, *codec.invert(face))
    distortion = DistortionModel(context, face, WEIGHTS, 0)
    last(refine(context, distortion, latents, 50, 13, DEFAULT.with_steps(steps)))
    assert taken == learned * ["learned"] + (steps - learned) * ["descent"]


def test_files_with_detail_are_refined_towards_a_likeness(codec, face):
    context = codec.encoder_context
    latents = analyse(codec.networks, *codec.invert(face))
    preview = to_tensor(face, PREVIEW_SIZE)
    errors = {}
    for detailed in (False, True):
        distortion = DistortionModel(context, face, WEIGHTS, WEIGHTS.mse if detailed else 0)
        moved = last(refine(context, distortion, latents, 160, 13, DEFAULT.with_steps(LEARNED + 3)))
        semantics = codec.parse(write(context, quantise(context, moved, 160)))
        errors[detailed] = (to_tensor(codec.render_preview(semantics), PREVIEW_SIZE) - preview).square().mean()
    assert errors[True] < errors[False]


def test_refinement_is_told_which_files_have_detail(codec, face, monkeypatch):
    seen, model = [], DistortionModel
    monkeypatch.setattr(encoder, "DistortionModel", lambda *args: seen.append(args[-1]) or model(*args))
    quick = dataclasses.replace(DEFAULT, detail=dataclasses.replace(DEFAULT.detail, few_iterations=1))
    for size in (800, DEFAULT.detail.min_bytes):
        codec.encode(face, max_bytes=size, refine=1, preset=quick)
    assert seen == [0, WEIGHTS.mse]


def test_bfloat16_is_used_where_a_processor_is_known_to_have_it(monkeypatch):
    cpu = torch.device("cpu")
    for capabilities, has in (({}, False), ({"avx512_bf16": True}, True), ({"amx_bf16": True}, True)):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda found=capabilities: found, raising=False)
        assert computes_in_bfloat16(cpu) == has
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert not computes_in_bfloat16(cpu) and not computes_in_bfloat16(torch.device("meta"))


def test_as_much_of_a_refinement_is_kept_as_costs_no_layer(codec, monkeypatch):
    face = codec.render(codec.semantics(sample_codes(codec.generator, 1, torch.Generator().manual_seed(3))))
    plain = analyse(codec.networks, *codec.invert(face))
    room = file_bytes(quantise(codec.encoder_context, plain, 0).bits)

    def greedy(context, image, latents, *_):
        yield dataclasses.replace(latents, semantics=3 * latents.semantics)

    monkeypatch.setattr("hsc.encoder.encoder.refine", greedy)
    monkeypatch.setattr(DistortionModel, "measure", lambda *_: 0)  # it is no improvement
    without = dataclasses.replace(DEFAULT, detail=dataclasses.replace(DEFAULT.detail, min_bytes=10**9)).with_steps(1)
    for more, kept in ((0, 0.0), (30000, 1.0)):
        data = codec.encode(face, max_bytes=room + more, preset=without)
        semantics = codec.parse(data)
        assert len(semantics.layers) == codec.networks.layers
        quality = torch.tensor([[semantics.quality / 256]])
        expected = (1 + 2 * kept) * plain.semantics / codec.networks.scn.step(quality)
        assert abs(torch.from_numpy(semantics.symbols[0]) - expected).max() <= 0.51


def test_latents_on_the_way_between_two():
    first, second = (
        Latents(torch.full((1, 768), value), (lambda base: 2 * base,), (torch.full((1, 2, 4, 4), value),))
        for value in (1.0, 3.0)
    )
    base = torch.ones(1, 2, 4, 4)
    for share, value in ((0, 1.0), (0.25, 1.5), (1, 3.0)):
        found = first.towards(second, share)
        assert (found.semantics == value).all() and (found.feature_encoders[0](base) == 2 + value).all()
