"""Encoder-side refinement brings the restoration closer to the photo by LPIPS at 1024, at the same size."""

from __future__ import annotations

import pytest
from PIL import Image

import hsc
from hsc.generator import SIZE
from hsc.images import to_tensor
from hsc.refine import refine


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
def test_features_move_in_proportion_to_the_quality_and_only_where_they_are_sent(quality, layers, moves):
    codec = hsc.Codec.load()
    face = codec.decode(b"")
    codes, features = codec.invert(face)
    latents, bases = codec.latents(codes, features), codec.semantics(codes).features
    refined = refine(codec, face, latents, quality, layers, steps=1)
    assert not refined.semantics.requires_grad and not refined.semantics.equal(latents.semantics)
    for old, new, base, moved in zip(latents.features, refined.features, bases, moves):
        assert old(base).equal(new(base)) != bool(moved) and not new(base).requires_grad
