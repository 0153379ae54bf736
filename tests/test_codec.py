"""The codec as a whole: golden files, prefixes, rate control, damage, pictures."""

from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import hsc
from hsc import bitstream
from hsc.coding import differentiable
from hsc.encoder.latents import analyse
from hsc.encoder.quantisation import quantise, to_symbols
from hsc.encoder.rate_control import highest_quality
from hsc.errors import BitstreamError, HSCError
from hsc.generator import sample_codes
from hsc.imaging import alignment, images
from hsc.model_ids import DETAILED_MODEL_ID
from hsc.networks import entropy_tables
from hsc.networks.hsc_networks import FIRST_LEVEL

GOLDEN = Path(__file__).parent / "golden"
EXAMPLES = Path(__file__).parents[1] / "assets" / "examples"
NAMES = ("short", "middle", "long", "detailed")


@pytest.fixture(scope="module")
def face(codec) -> Image.Image:
    """A synthetic face, so that these tests run everywhere."""
    codes = sample_codes(codec.generator, 1, torch.Generator().manual_seed(5), mixing=0)
    return codec.render(codec.semantics(codes))


@pytest.fixture(scope="module")
def data(codec, face) -> bytes:
    return codec.encode(face, max_bytes=800)


def golden(name: str) -> tuple[bytes, list[np.ndarray]]:
    with np.load(GOLDEN / f"{name}.npz", allow_pickle=False) as symbols:
        return (GOLDEN / f"{name}.hsc").read_bytes(), [symbols[layer] for layer in symbols.files]


def check_golden(codec: hsc.Codec, name: str) -> None:
    data, expected = golden(name)
    found = codec.parse(data).symbols
    assert len(found) == len(expected)
    assert all(np.array_equal(a, b) for a, b in zip(found, expected))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("mkldnn", [True, False])
def test_golden_files_decode_to_their_symbols(codec, name, threads, mkldnn):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        with torch.backends.mkldnn.flags(enabled=mkldnn):
            check_golden(codec, name)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("name", NAMES)
def test_entropy_parameters_do_not_depend_on_the_batch(codec, name):
    """Context networks on 8 copies of the golden symbols give what they give on one."""
    data, symbols = golden(name)
    networks = codec.networks
    quality = entropy_tables.quality_value(bitstream.BitstreamReader(data).quality)
    step = networks.scn.step(quality)
    results = []
    for batch in (1, 8):
        semantics = entropy_grid(torch.from_numpy(symbols[0].astype(np.float64))[None] * step)
        context = networks.sce[0].start(semantics.expand(batch, -1), quality.expand(batch, -1))
        results.append(networks.sce[0](0, context))
    for one, eight in zip(*results):
        assert torch.equal(one.expand_as(eight), eight)


def entropy_grid(values: torch.Tensor) -> torch.Tensor:
    from hsc.networks.exact import to_grid

    return to_grid(values)


def test_decoder_finds_the_symbols_of_the_encoder(codec, face):
    semantics = codec.parse(codec.encode(face, quality=160, refine=0))
    coded = quantise(codec.encoder_context, analyse(codec.networks, *codec.invert(face)), semantics.quality)
    assert len(semantics.symbols) == len(coded.symbols) == 13
    for found, expected in zip(semantics.symbols, coded.symbols):
        assert np.array_equal(found, expected)
    assert any(symbols.any() for symbols in semantics.symbols[1:])


@pytest.mark.parametrize("size", [200, 400, 800, 1500, 3000])
def test_rate_control_hits_the_size(codec, face, size):
    data = codec.encode(face, max_bytes=size)
    full = len(codec.encode(face, quality=255))
    assert len(data) <= size
    assert len(data) >= 0.9 * min(size, full)


@pytest.mark.parametrize("size", [bitstream.EMPTY_BYTES, 60, 120])
def test_few_bytes_hold_what_fits(codec, face, size):
    """Down to no layer at all, which is the mean face: as many layers as the lowest quality has room for."""
    data = codec.encode(face, max_bytes=size, refine=0)
    assert len(data) <= size
    assert codec.parse(data).complete
    bits = quantise(codec.encoder_context, analyse(codec.networks, *codec.invert(face)), 0).bits
    most = max(layers for layers in range(len(bits) + 1) if bitstream.file_bytes(bits[:layers]) <= size or not layers)
    assert len(codec.parse(data).layers) == most


@pytest.mark.parametrize("quality", [160, 175])
def test_training_sees_what_the_decoder_has(codec, face, quality):
    """The differentiable path gives the features of the real one, and about its bytes.

    At 175 too, the last quality whose S is quantised as at 160.
    """
    latents = analyse(codec.networks, *codec.invert(face))
    real = codec.parse(codec.encode(face, quality=quality, refine=0))
    q = torch.tensor([[quality / entropy_tables.QUALITIES]])
    coded = differentiable.simulate_coding(
        codec.networks, codec.generator.synthesize_features, latents.semantics, latents.feature_encoders, q
    )
    torch.testing.assert_close(coded.codes, real.codes, atol=0.02, rtol=0)
    distance = (coded.features[0] - real.features[0]).square().mean()
    assert distance < 0.03 * real.features[0].square().mean()
    assert float(coded.bits.sum()) / 8 == pytest.approx(sum(layer.bytes for layer in real.layers[1:]), rel=0.05)


def test_an_edit_keeps_nothing_of_a_face_that_is_gone(codec, data):
    semantics = codec.parse(data)
    codec.edit(semantics, {"smile": 0.5})
    assert codec._editor._last_bases[1]
    del semantics
    gc.collect()
    assert not codec._editor._last_bases[1]


def test_more_bytes_restore_the_face_better(codec):
    """LPIPS to a photo falls with quality, after a single learned step: the networks were trained for one at least."""
    photo, _ = alignment.align(images.open_image(EXAMPLES / "astronaut.png"))
    original = images.to_tensor(photo, 256)
    errors = [
        float(codec.lpips(images.to_tensor(codec.render_preview(codec.parse(data))), original))
        for data in (codec.encode(photo, quality=quality, refine=1) for quality in (0, 50, 99))
    ]
    assert errors[0] > errors[1] > errors[2]


def test_tiny_budgets(codec, face):
    with pytest.raises(HSCError, match="too few"):
        codec.encode(face, max_bytes=5)
    smallest = codec.encode(face, max_bytes=20)
    assert len(smallest) <= 20
    assert codec.parse(smallest).layers == ()


def test_any_prefix_decodes_to_its_complete_layers(codec, data):
    whole = codec.parse(data)
    ends = [layer.end for layer in whole.layers]
    for cut in (0, 1, 9, 10, ends[0] - 1, ends[0], ends[3], ends[3] + 1, len(data) - 1, len(data)):
        part = codec.parse(data[:cut])
        assert [layer.end for layer in part.layers] == [end for end in ends if end <= cut]
        assert part.complete == (cut == len(data))
        for found, expected in zip(part.symbols, whole.symbols):
            assert np.array_equal(found, expected)


def test_no_bytes_give_the_mean_face(codec):
    semantics = codec.parse(b"")
    mean = codec.networks.scn.mean.expand(1, 16, -1)
    assert torch.equal(semantics.codes, mean)
    same(semantics.features[0], codec.generator.synthesize_features(mean, FIRST_LEVEL))


def test_semantics_alone_give_the_generators_own_features(codec, data):
    end = codec.parse(data).layers[0].end
    semantics = codec.parse(data[:end])
    same(semantics.features[0], codec.generator.synthesize_features(semantics.codes, FIRST_LEVEL))


def test_a_second_level_decodes_from_any_prefix(codec, face):
    data = codec.encode(face, quality=200, refine=0)
    whole = codec.parse(data)
    assert [layer.name for layer in whole.layers] == ["S", *(f"F{i}" for i in range(1, 13))]
    assert [feature.shape[-1] for feature in whole.features] == [16, 32]
    sent = quantise(codec.encoder_context, analyse(codec.networks, *codec.invert(face)), whole.quality)
    assert all(np.array_equal(found, expected) for found, expected in zip(whole.symbols, sent.symbols))
    part = codec.parse(data[: whole.layers[8].end])
    assert len(part.layers) == 9
    assert torch.equal(part.features[0], whole.features[0])
    after = codec.generator.synthesize_features(part.codes, FIRST_LEVEL + 1, part.features[0], FIRST_LEVEL)
    same(part.features[1], after)
    assert codec.render(whole, 256).size == (256, 256)
    more = codec.parse(data[: whole.layers[9].end])
    assert float((more.features[1] - after).abs().max()) > 0.1


def same(found: torch.Tensor, expected: torch.Tensor) -> None:
    """Two engines agree, as rounding lets them."""
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-4)


def test_every_flipped_byte_is_an_error(codec, data):
    for index in range(0, len(data), 37):
        broken = bytearray(data)
        broken[index] ^= 1 << index % 8
        with pytest.raises(BitstreamError):
            codec.parse(bytes(broken))


def test_foreign_files_are_refused(codec, data):
    other = bitstream.BitstreamWriter(DETAILED_MODEL_ID + 1, 0).finish()
    for bad, words in (
        (b"GIF89a" + bytes(20), "not an HSC file"),
        (other, f"needs model {DETAILED_MODEL_ID + 1}, which is not known"),
        ((GOLDEN / "older.hsc").read_bytes(), "needs model 3, which release 0.3 has"),
        (data + b"x", "longer|says"),
    ):
        with pytest.raises(BitstreamError, match=words):
            codec.parse(bad)


@pytest.mark.parametrize(
    "sizes,max_bytes,expected",
    [
        (lambda q: 400 * 2 ** (q / 64), 800, 63),
        (lambda q: 400 * 2 ** (q / 20), 800, 19),
        (lambda q: 400 * 2 ** (q / 300), 600, 174),
        (lambda q: 500 if q < 96 else 900, 800, 95),
        (lambda q: 500, 800, 255),
        (lambda q: 500, 499, None),
        (lambda q: 400 * 2 ** (q / 64), 399, None),
    ],
)
@pytest.mark.parametrize("guess", [0, 64, 255])
def test_search_finds_the_highest_quality_that_fits(sizes, max_bytes, expected, guess):
    tried = []
    found = highest_quality(lambda q: tried.append(q) or sizes(q), max_bytes, 0.98, 64, guess)
    assert found == expected or sizes(found) >= 0.98 * max_bytes and sizes(found) <= max_bytes
    assert len(set(tried)) <= 12 and all(0 <= q < 256 for q in tried)


def test_huge_and_infinite_latents_never_reach_the_coder():
    with pytest.raises(HSCError, match="not finite"):
        to_symbols(torch.tensor([float("nan")]))
    assert to_symbols(torch.tensor([1e12, -1e12])).tolist() == [2**15, -(2**15)]


def test_pictures_have_the_size_that_was_asked_for(codec, data):
    semantics = codec.parse(data)
    full = codec.render(semantics)
    assert full.size == (1024, 1024) and full.mode == "RGB"
    half = np.asarray(codec.render(semantics, 512), np.int16)
    reduced = np.asarray(full.reduce(2), np.int16)
    assert np.abs(half - reduced).mean() < 1.0
    assert codec.render_preview(semantics).size == (256, 256)
    with pytest.raises(ValueError, match="size"):
        codec.render(semantics, 300)


def test_the_engine_has_the_threads_that_torch_has(codec, monkeypatch):
    """A benchmark's processes have one each; a renderer that takes all cores would slow the others down."""
    monkeypatch.delenv("HSC_THREADS", raising=False)  # which both would follow
    before = torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            assert hsc.Codec.load().engine.threads == threads
    finally:
        torch.set_num_threads(before)


def test_semantics_are_compared_as_objects(codec, data):
    """Their arrays have no truth value; an equality by fields would raise."""
    first, second = codec.parse(data), codec.parse(data)
    assert first == first and first != second and len({first, second}) == 2


def test_decoding_twice_gives_the_same_pixels(codec, data):
    assert codec.decode(data).tobytes() == codec.decode(data).tobytes()


def test_moving_by_nothing_changes_nothing(codec, data):
    semantics = codec.parse(data)
    assert codec.move(semantics, torch.zeros(16, 512)) is semantics


def test_moving_there_and_back_restores_the_codes(codec, data):
    semantics = codec.parse(data)
    offset = 0.05 * torch.randn(16, 512, generator=torch.Generator().manual_seed(0))
    moved = codec.move(semantics, offset)
    back = codec.move(moved, -offset)
    assert not torch.allclose(moved.features[0], semantics.features[0])
    torch.testing.assert_close(back.codes, semantics.codes, atol=1e-5, rtol=0)


def test_the_order_of_edits_does_not_matter(codec, data):
    semantics = codec.parse(data)
    one = codec.edit(semantics, {"smile": 0.5, "makeup": 0.8})
    other = codec.edit(semantics, {"makeup": 0.8, "smile": 0.5})
    torch.testing.assert_close(one.codes, other.codes, atol=1e-6, rtol=0)
    torch.testing.assert_close(one.features[0], other.features[0], atol=1e-4, rtol=1e-4)
    assert codec.edit(semantics, {"smile": 0.0}) is semantics


def test_stored_edits_are_applied_and_can_be_removed(codec, data):
    import directions

    stored = bitstream.append_edits(data, [(directions.load("smile").id, 0.75)])
    assert len(stored) == len(data) + 5
    semantics = codec.parse(stored)
    assert codec.stored_edits(semantics) == {"smile": 0.75}
    edited = codec.render(codec.edit(codec.parse(data), {"smile": 0.75}), 256)
    assert codec.decode(stored, 256).tobytes() == edited.tobytes()
    assert bitstream.strip_edits(stored) == data


@pytest.mark.slow
def test_faces_come_back(codec, face_paths):
    """A restoration resembles its own original more than it resembles other people."""
    check_faces_come_back(codec, face_paths[:3])


@pytest.mark.slow
def test_real_faces_come_back(codec, shared):
    check_faces_come_back(codec, sorted((shared / "data" / "eval512").glob("*.png"))[:3])


def check_faces_come_back(codec, paths):
    originals = [Image.open(path).convert("RGB") for path in paths]
    small = torch.cat([images.to_tensor(picture, 64) for picture in originals])
    for index, picture in enumerate(originals):
        restored = images.to_tensor(codec.decode(codec.encode(picture, max_bytes=1500), 256), 64)
        errors = (restored - small).square().mean((1, 2, 3))
        assert errors.argmin() == index
        assert errors[index] < 0.1
