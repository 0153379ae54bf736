"""Directions from elsewhere: every published shape is read, everything else is refused with a reason."""

import io
import pickle
import zipfile

import numpy as np
import pytest
import torch

from directions import load_foreign
from hsc.errors import DirectionError

RANDOM = np.random.default_rng(0)


def npy(array, **options):
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


def pt(value, **options):
    buffer = io.BytesIO()
    torch.save(value, buffer, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("shape", [(1, 512), (512,), (16, 512), (18, 512), (1, 18, 512), (1, 9216), (9216,)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_published_shapes_are_read(shape, dtype):
    given = RANDOM.standard_normal(shape).astype(dtype)
    direction = load_foreign(npy(given), "theirs")
    rows = given.reshape(-1, 512).astype(np.float32)
    expected = np.repeat(rows, 16, 0) if len(rows) == 1 else rows[:16]
    np.testing.assert_array_equal(direction.array, expected)
    assert direction.id is None


@pytest.mark.parametrize("zip_format", [True, False])
def test_e4e_tensors_are_read(zip_format):
    given = torch.randn(1, 18, 512, requires_grad=True)
    direction = load_foreign(pt(given, _use_new_zipfile_serialization=zip_format), "theirs")
    np.testing.assert_array_equal(direction.array, given.detach()[0, :16].numpy())


def test_fortran_order_and_other_byte_orders_are_read_right():
    given = RANDOM.standard_normal((18, 512)).astype(">f8")
    direction = load_foreign(npy(np.asfortranarray(given)), "theirs")
    np.testing.assert_array_equal(direction.array, given[:16].astype(np.float32))


def test_layers_range_and_scale_are_the_users():
    given = np.ones((1, 512))
    direction = load_foreign(npy(given), "theirs", layers=[5, 4], limits=(-3, 3), scale=-2.5)
    assert direction.layers == (4, 5)
    assert direction.range == (-3.0, 3.0)
    assert (direction.array[[4, 5]] == -2.5).all()
    assert not np.delete(direction.array, [4, 5], axis=0).any()


def test_files_are_read_too(tmp_path):
    path = tmp_path / "theirs.npy"
    path.write_bytes(npy(np.ones((1, 512))))
    assert load_foreign(path, "theirs").array.all()


class Malicious:
    def __reduce__(self):
        return (print, ("this must never be printed",))


def bad_zip():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\0" * 50_000_000)
    return buffer.getvalue()


def zip_of_the_future():
    """The central directory asks for version 12.8 of the format."""
    entry = bad_zip().rindex(b"PK\x01\x02")
    payload = bytearray(bad_zip())
    payload[entry + 6] = 128
    return bytes(payload)


def huge_header():
    promised, given = b"(99999, 999999), }", b"(1, 512), }       "
    payload = npy(np.ones((1, 512), np.float32))
    assert given in payload
    return payload.replace(given, promised)


@pytest.mark.parametrize("payload, reason", [
    (npy(np.ones((1, 511))), "shape"),
    (npy(np.ones((14, 512))), "shape"),
    (npy(np.ones((512, 16))), "shape"),
    (npy(np.ones((1, 1, 1, 512))), "shape"),
    (npy(np.float32(1)), "shape"),
    (npy(np.full((1, 512), np.nan)), "not finite"),
    (npy(np.full((1, 512), np.inf)), "not finite"),
    (npy(np.full((1, 512), 1e300)), "not finite"),
    (npy(np.ones((1, 512), int)), "real numbers"),
    (npy(np.ones((1, 512), complex)), "real numbers"),
    (npy(np.zeros((1, 512))), "zero"),
    (npy(np.array([[Malicious()]], object), allow_pickle=True), "Python objects"),
    (npy(np.ones((1, 512)))[:-1], "sound"),
    (npy(np.ones((1, 512)))[:20], "sound"),
    (pickle.dumps(Malicious()), "Python objects|neither"),
    (pt(Malicious()), "Python objects"),
    (pt({"direction": torch.ones(1, 512)}), "one tensor"),
    (pt(torch.ones(2, 2)), "shape"),
    (pt(torch.ones(1, 512, dtype=torch.int64)), "real numbers"),
    (pt(torch.full((1, 512), torch.nan)), "not finite"),
    (pt(torch.ones(1, 512))[:-30], "neither"),
    (bad_zip(), "4 MB"),
    (zip_of_the_future(), "neither"),
    (b"", "neither"),
    (b"hello", "neither"),
    (b"\x89PNG\r\n\x1a\n" + bytes(100), "neither"),
    (b"\x93NUMPY" + b"\x00" * (1 << 20), "1 MB"),
])  # fmt: skip
def test_everything_else_is_refused(payload, reason, capsys):
    with pytest.raises(DirectionError, match=reason) as caught:
        load_foreign(payload, "theirs")
    assert "\n" not in str(caught.value)
    assert "never be printed" not in capsys.readouterr().out


def test_a_header_that_promises_gigabytes_allocates_none():
    with pytest.raises(DirectionError, match="shape|sound"):
        load_foreign(huge_header(), "theirs")


@pytest.mark.parametrize("binding", [
    {"layers": []}, {"layers": [16]}, {"layers": [-1]}, {"layers": [1.5]}, {"limits": (1, 2)},
    {"limits": (-9, 9)},
    {"scale": 0}, {"scale": float("nan")}, {"scale": "2"}, {"name": "../x"},
])  # fmt: skip
def test_wrong_bindings_are_refused(binding):
    with pytest.raises(DirectionError):
        load_foreign(npy(np.ones((1, 512))), **{"name": "theirs", **binding})


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(DirectionError, match="cannot be read"):
        load_foreign(tmp_path / "none.npy", "theirs")


def test_published_directions_are_read(shared):
    files = [
        path for path in (shared / "reference" / "directions").iterdir() if not path.name.startswith("interfacegan_z")
    ]
    assert len(files) >= 10
    for path in files:
        assert load_foreign(path, "theirs").array.any()


@pytest.mark.parametrize("scale", [1.0, 1e-3, -2.0])
def test_a_direction_that_moves_codes_out_of_all_range_is_refused(scale):
    too_long = np.full((1, 512), 3e38 if scale == 1.0 else 1e6)
    with pytest.raises(DirectionError, match="moves a style code by .* give a smaller scale"):
        load_foreign(npy(too_long.astype(np.float32)), "theirs", scale=scale)


def test_the_longest_direction_is_drawn_at_every_strength(codec):
    import directions
    from directions.foreign import MAX_SHIFT

    longest = np.random.default_rng(0).normal(size=(16, 512))
    longest *= 0.99 * MAX_SHIFT / np.linalg.norm(longest, axis=1, keepdims=True)
    direction = load_foreign(npy(longest.astype(np.float32)), "theirs")
    semantics = codec.parse(b"")
    for strength in (-directions.LIMIT, directions.LIMIT - 0.01):
        assert codec.render_preview(codec.edit(semantics, {direction: strength})).size == (256, 256)


def test_numbers_that_overflow_are_refused_and_not_drawn(codec):
    from dataclasses import replace

    from hsc.errors import BitstreamError

    semantics = codec.parse(b"")
    overflowing = replace(semantics, codes=semantics.codes + 1e30)
    for draw in (codec.render, codec.render_preview):
        with pytest.raises(BitstreamError, match="no face that can be drawn"):
            draw(overflowing)


def test_a_slice_of_a_large_tensor_is_told_how_to_be_saved(tmp_path):
    path = tmp_path / "slice.pt"
    torch.save(torch.randn(2000, 512)[:1], path)
    assert path.stat().st_size > 4_000_000
    for source in (path, path.read_bytes()):
        with pytest.raises(DirectionError, match=r"larger than 1 MB.*\.clone\(\)"):
            load_foreign(source, "slice")
    torch.save(torch.randn(2000, 512)[:1].clone(), path)
    assert load_foreign(path, "slice").array.shape == (16, 512)
    (tmp_path / "big.npy").write_bytes(b"\x93NUMPY" + bytes(1_100_000))
    with pytest.raises(DirectionError, match="no direction is.$"):
        load_foreign(tmp_path / "big.npy", "big")
