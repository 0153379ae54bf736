"""Encoder-side refinement brings the restoration closer to the photo, at the same size."""

from __future__ import annotations

import pytest
from PIL import Image

import hsc
from hsc.images import to_tensor


@pytest.mark.slow
def test_refinement_helps_and_keeps_the_size(shared):
    codec = hsc.Codec.load()
    with Image.open(sorted((shared / "data" / "eval512").glob("*.png"))[3]) as picture:
        face = picture.convert("RGB")
    target = to_tensor(face, 256)
    seen = []
    plain, refined = (
        codec.encode(face, max_bytes=1200, refine=steps, progress=lambda done, total: seen.append((done, total)))
        for steps in (0, 6)
    )
    errors = [(to_tensor(codec.render_preview(codec.parse(data))) - target).abs().mean() for data in (plain, refined)]
    assert len(refined) <= 1200
    assert seen == [(i, 6) for i in range(1, 7)]
    assert errors[1] < errors[0]
