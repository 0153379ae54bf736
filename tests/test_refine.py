"""Encoder-side refinement brings the restoration closer to the photo by LPIPS at 1024, at the same size."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from PIL import Image

import hsc
from hsc import window
from hsc.bitstream import file_bytes
from hsc.codec import DETAIL_BYTES, Latents, _computes_in_bfloat16
from hsc.generator import SIZE, sample_codes
from hsc.images import to_tensor
from hsc.preview import PREVIEW_LEVEL, PREVIEW_SIZE
from hsc.refine import COLOUR_WEIGHT, LEARNED, LIKENESS_WEIGHT, TEXTURE_WEIGHT, WINDOW, WINDOWS, colour, refine
from hsc.soft import quantise


@pytest.fixture(scope="module")
def face(codec):
    """One that the generator made: no photo is needed."""
    return codec.render(codec.semantics(sample_codes(codec.generator, 1, torch.Generator().manual_seed(3))))


@pytest.mark.slow
def test_refinement_helps_and_keeps_the_size(shared):
    codec = hsc.Codec.load()
    errors, seen = {0: 0.0, 6: 0.0}, []
    for path in sorted((shared / "data" / "eval512").glob("*.png"))[:3]:
        with Image.open(path) as picture:
            face = picture.convert("RGB")
        for steps in errors:
            data = codec.encode(face, max_bytes=800, refine=steps, progress=lambda *done: seen.append(done))
            assert 700 < len(data) <= 800
            errors[steps] += codec.lpips(to_tensor(codec.decode(data)), to_tensor(face, SIZE)).item()
    assert seen == 3 * [(i, 6) for i in range(1, 7)]
    assert errors[6] < errors[0]


@pytest.mark.parametrize(("quality", "layers", "moves"), [(0, 13, (0, 0)), (128, 13, (1, 1)), (128, 3, (1, 0))])
def test_features_descend_in_proportion_to_the_quality_and_only_where_they_are_sent(
    quality, layers, moves, monkeypatch
):
    monkeypatch.setattr("hsc.refine.LEARNED", 0)
    codec = hsc.Codec.load()
    face = codec.decode(b"")
    latents, bases = codec.latents(*codec.invert(face)), codec.semantics(codec.invert(face)[0]).features
    refined = refine(codec, face, latents, quality, layers, steps=1)
    assert not refined.semantics.requires_grad and not refined.semantics.equal(latents.semantics)
    for old, new, base, moved in zip(latents.features, refined.features, bases, moves):
        assert old(base).equal(new(base)) != bool(moved) and not new(base).requires_grad


@pytest.mark.parametrize("bfloat16", [True, False])
def test_steps_lower_the_distortion_they_look_at(bfloat16, face, monkeypatch):
    """By the preview, from which most of the gradient is taken."""
    monkeypatch.setattr("hsc.codec._computes_in_bfloat16", lambda device: bfloat16)
    codec = hsc.Codec.load()
    assert codec.looking_glass[0].input.dtype == (torch.bfloat16 if bfloat16 else torch.float32)
    assert codec.generator.input.dtype == torch.float32
    latents = codec.latents(*codec.invert(face))
    preview = to_tensor(face, PREVIEW_SIZE)
    errors = []
    for steps in (0, 1, 2 * LEARNED):
        done = []
        moved = refine(codec, face, latents, 160, 13, steps, done.append)
        assert done == list(range(1, steps + 1))
        semantics = codec.parse(codec._write(codec._quantise(moved, 160), 160))
        errors.append(codec.lpips(to_tensor(codec.render_preview(semantics)), preview).item())
    assert errors[1] < errors[0] and errors[2] < errors[0]


def test_a_look_gives_the_gradient_of_preview_and_windows_together(codec, face, monkeypatch):
    monkeypatch.setitem(codec.__dict__, "looking_glass", (codec.generator, codec.preview))  # in float32
    latents, networks = codec.latents(*codec.invert(face)), codec.networks
    count = torch.tensor([networks.layers - 1])
    with torch.no_grad():
        coded = quantise(networks, codec.generator.prefix, latents.semantics, latents.features,
                         torch.tensor([[0.3]]), count)
    seen = hsc.refine._Judge(codec, face, 3.0)(coded)
    feature, codes = (x.detach().requires_grad_(True) for x in (coded.features[-1], coded.codes))
    trunk = codec.generator.prefix(codes, PREVIEW_LEVEL, feature, networks.levels[-1])
    picture, target, large = codec.preview(trunk, codes), to_tensor(face, PREVIEW_SIZE), to_tensor(face, SIZE)
    loss = (picture - target).abs().mean() + 3 * (picture - target).square().mean()
    loss = loss + COLOUR_WEIGHT * colour(picture, target).sum() + codec.lpips(picture, target).sum()
    for index in range(WINDOWS):
        place = window.corner(index, WINDOW)
        made = window.render(codec.generator, window.surroundings(trunk, place, WINDOW), codes, place)
        loss = loss + TEXTURE_WEIGHT / WINDOWS * codec.lpips(made, window.cut(large, place, WINDOW)).sum()
    whole = torch.autograd.grad(loss, (feature, codes))
    for found, expected in zip((seen.feature_gradient, seen.code_gradient), whole):
        torch.testing.assert_close(found, expected, atol=1e-3 * expected.abs().max().item(), rtol=0)


@pytest.mark.parametrize(("steps", "learned"), [(1, 1), (2, 1), (3, 2), (2 * LEARNED, LEARNED), (20, LEARNED)])
def test_half_of_the_steps_are_learned_ones_but_four_at_most(steps, learned, codec, face, monkeypatch):
    taken = []

    def descend(codec, judge, latents, q, slices, count):
        taken.extend(count * ["descent"])
        yield from count * [latents]

    monkeypatch.setattr("hsc.refine._learned_step", lambda *given: taken.append("learned") or given[2])
    monkeypatch.setattr("hsc.refine._descend", descend)
    refine(codec, face, codec.latents(*codec.invert(face)), 50, 13, steps)
    assert taken == learned * ["learned"] + (steps - learned) * ["descent"]


def test_files_with_detail_are_refined_towards_a_likeness(codec, face):
    latents = codec.latents(*codec.invert(face))
    preview = to_tensor(face, PREVIEW_SIZE)
    errors = {}
    for detailed in (False, True):
        moved = refine(codec, face, latents, 160, 13, LEARNED + 3, detailed=detailed)
        semantics = codec.parse(codec._write(codec._quantise(moved, 160), 160))
        errors[detailed] = (to_tensor(codec.render_preview(semantics), PREVIEW_SIZE) - preview).square().mean()
    assert errors[True] < errors[False]


def test_refinement_is_told_which_files_have_detail(codec, face, monkeypatch):
    seen, judge = [], hsc.refine._Judge
    monkeypatch.setattr(hsc.refine, "_Judge", lambda *args: seen.append(args[-1]) or judge(*args))
    for size in (800, DETAIL_BYTES):
        codec.encode(face, max_bytes=size, refine=1)
    assert seen == [0, LIKENESS_WEIGHT]


def test_bfloat16_is_used_where_a_processor_is_known_to_have_it(monkeypatch):
    cpu = torch.device("cpu")
    for capabilities, has in (({}, False), ({"avx512_bf16": True}, True), ({"amx_bf16": True}, True)):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
        assert _computes_in_bfloat16(cpu) == has
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert not _computes_in_bfloat16(cpu) and not _computes_in_bfloat16(torch.device("meta"))


def test_as_much_of_a_refinement_is_kept_as_costs_no_layer(monkeypatch):
    codec = hsc.Codec.load()
    face = codec.render(codec.semantics(sample_codes(codec.generator, 1, torch.Generator().manual_seed(3))))
    plain = codec.latents(*codec.invert(face))
    room = file_bytes(codec._quantise(plain, 0).bits)

    def greedy(codec, image, latents, *_):
        return dataclasses.replace(latents, semantics=3 * latents.semantics)

    monkeypatch.setattr("hsc.refine.refine", greedy)
    monkeypatch.setattr("hsc.codec.DETAIL_BYTES", 10**9)
    for more, kept in ((0, 0.0), (30000, 1.0)):
        data = codec.encode(face, max_bytes=room + more, refine=4)
        semantics = codec.parse(data)
        assert len(semantics.layers) == codec.networks.layers
        quality = torch.tensor([[semantics.quality / 256]])
        expected = (1 + 2 * kept) * plain.semantics / codec.networks.scn.step(quality)
        assert abs(torch.from_numpy(semantics.symbols[0]) - expected).max() <= 0.51


def test_latents_on_the_way_between_two():
    first, second = (Latents(torch.full((1, 768), value), (lambda base: 2 * base,), (torch.full((1, 2, 4, 4), value),))
                     for value in (1.0, 3.0))
    base = torch.ones(1, 2, 4, 4)
    for share, value in ((0, 1.0), (0.25, 1.5), (1, 3.0)):
        found = first.towards(second, share)
        assert (found.semantics == value).all() and (found.features[0](base) == 2 + value).all()
