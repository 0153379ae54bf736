"""The .hsc container: prefixes, damage, edits, overhead, and a second decoder from FORMAT.md alone."""

import re
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hsc.bitstream
from hsc.bitstream import (
    HEADER_BYTES,
    BitstreamReader,
    BitstreamWriter,
    append_edits,
    check_bits,
    container,
    file_bytes,
    strip_edits,
    transport,
    truncate,
)
from hsc.bitstream.range_coder import FrequencyTables
from hsc.errors import BitstreamError

MODEL = 10

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


def make_tables() -> FrequencyTables:
    """Four tables over -1 ... 1 from nearly certain zeros to a wide tail."""
    cdf = [
        [0, 1, 65534, 65535, 65536],
        [0, 2000, 63000, 65500, 65536],
        [0, 16384, 49152, 65000, 65536],
        [0, 10000, 20000, 30000, 65536],
    ]
    return FrequencyTables(np.array(cdf, np.int32), np.full(4, 5), np.full(4, -1))


def make_layers(seed: int, layers: int = 9, size: int = 60) -> list[tuple[np.ndarray, np.ndarray]]:
    """[(symbols, table indexes), ...], about one symbol in fifty an escape."""
    generator = np.random.default_rng(seed)
    parts = []
    for _ in range(layers):
        indexes = generator.integers(0, 4, size)
        scales = np.array([0.05, 0.2, 0.4, 1.0])[indexes]
        symbols = np.rint(generator.laplace(size=size) * scales).astype(np.int32)
        parts.append((symbols, indexes))
    return parts


def write(parts, tables, quality: int = 200) -> tuple[bytes, list[int]]:
    writer = BitstreamWriter(MODEL, quality)
    for symbols, indexes in parts:
        writer.write_layer(symbols, indexes, tables)
    return writer.finish(), writer.ends


def read(data: bytes, parts, tables, **options) -> list[np.ndarray]:
    """All layers that ``data`` holds."""
    reader = BitstreamReader(data, **options)
    layers = []
    for _, indexes in parts:
        layer = reader.read_layer(indexes, tables)
        if layer is None:
            break
        layers.append(layer)
    assert reader.read_layer(parts[0][1], tables) is None
    return layers


@st.composite
def files(draw):
    """(parts, tables): one to six layers of any shape, with any escapes."""
    tables = make_tables()
    parts = []
    symbol = st.integers(-2, 2) | st.integers(-40, 40) | st.integers(-(2**15), 2**15)
    for _ in range(draw(st.integers(1, 6))):
        size = draw(st.integers(0, 20))
        symbols = draw(st.lists(symbol, min_size=size, max_size=size))
        indexes = draw(st.lists(st.integers(0, 3), min_size=size, max_size=size))
        parts.append((np.array(symbols, np.int32), np.array(indexes, np.int64)))
    return parts, tables


@given(files(), st.integers(0, 255))
def test_round_trip(file, quality):
    parts, tables = file
    data, ends = write(parts, tables, quality)
    reader = BitstreamReader(data, allow_truncated=False)
    header = (reader.version, reader.model_id, reader.quality, reader.layers, reader.length)
    assert header == (1, MODEL, quality, len(parts), len(data))
    assert reader.complete and reader.edits == []
    for symbols, indexes in parts:
        np.testing.assert_array_equal(reader.read_layer(indexes, tables), symbols)
    assert reader.read_layer(parts[0][1], tables) is None
    assert reader.layer_ends == ends == sorted(ends) and ends[-1] <= len(data) - 2


@given(files())
def test_every_prefix_holds_the_layers_that_end_within_it(file):
    parts, tables = file
    data, ends = write(parts, tables)
    for size in range(len(data) + 1):
        layers = read(data[:size], parts, tables)
        assert len(layers) == sum(size >= max(end, HEADER_BYTES) for end in ends)
        for layer, (symbols, _) in zip(layers, parts):
            np.testing.assert_array_equal(layer, symbols)


def test_layers_keep_their_shape():
    tables = make_tables()
    symbols = np.arange(24).reshape(2, 3, 4) % 3 - 1
    indexes = np.full((2, 3, 4), 2)
    data, _ = write([(symbols, indexes)], tables)
    (layer,) = read(data, [(symbols, indexes)], tables)
    assert layer.dtype == np.int32
    np.testing.assert_array_equal(layer, symbols)


def test_a_writer_may_go_on_after_finish():
    tables, parts = make_tables(), make_layers(5)
    writer = BitstreamWriter(MODEL, 200)
    for n, (symbols, indexes) in enumerate(parts, 1):
        writer.write_layer(symbols, indexes, tables)
        assert writer.finish() == write(parts[:n], tables)[0]


@pytest.mark.parametrize("layers", [0, 1, 9])
def test_every_flipped_bit_of_a_complete_file_is_an_error(layers):
    parts, tables = make_layers(1, layers or 1), make_tables()
    data, _ = write(parts[:layers], tables)
    for whole in (data, append_edits(data, [(3, 0.5), (250, -8)])):
        for bit in range(8 * len(whole)):
            flipped = bytearray(whole)
            flipped[bit // 8] ^= 1 << bit % 8
            with pytest.raises(BitstreamError):
                BitstreamReader(flipped)


def test_one_or_two_flipped_bits_in_the_header_of_a_prefix_are_an_error():
    parts, tables = make_layers(1), make_tables()
    start = write(parts, tables)[0][: HEADER_BYTES + 20]
    for first in range(8 * HEADER_BYTES):
        for second in range(first, 8 * HEADER_BYTES):
            flipped = bytearray(start)
            flipped[first // 8] ^= 1 << first % 8
            if second != first:
                flipped[second // 8] ^= 1 << second % 8
            with pytest.raises(BitstreamError):
                BitstreamReader(flipped)


def test_damaged_prefixes_seldom_decode_wrongly():
    """Flip each bit of a prefix: wrong symbols come back about as seldom as the checks' widths say."""
    tables, wrong, flips = make_tables(), 0, 0
    for seed in range(6):
        parts = make_layers(seed)
        data, ends = write(parts, tables)
        start = data[: ends[5]]
        for bit in range(8 * HEADER_BYTES, 8 * len(start)):
            flipped = bytearray(start)
            flipped[bit // 8] ^= 1 << bit % 8
            flips += 1
            try:
                layers = read(flipped, parts, tables)
            except BitstreamError:
                continue
            wrong += any((layer != symbols).any() for layer, (symbols, _) in zip(layers, parts))
    assert flips > 2500 and wrong < 0.01 * flips


def reseal(data: bytes) -> bytes:
    """A file with its header check and its checksum made good, as a forger would."""
    head = data[: HEADER_BYTES - 1]
    body = head + bytes([container._crc8(head)]) + data[HEADER_BYTES:-2]
    return body + container._crc16(body).to_bytes(2, "big")


@settings(max_examples=300)
@given(st.binary(max_size=120), st.integers(0, 15), st.integers(0, 5))
def test_forged_streams_neither_hang_nor_crash(stream, layers, cut):
    parts, tables = make_layers(2, 16), make_tables()
    length = HEADER_BYTES + len(stream) + 2
    head = b"HSC" + bytes([16 + layers, 0, MODEL, 9]) + length.to_bytes(2, "big")
    data = reseal(head + b"\0" + stream + b"\0\0")
    try:
        for layer in read(data[: len(data) - cut], parts, tables):
            assert np.abs(layer).max() <= 2**15
    except BitstreamError as error:
        assert str(error).endswith(".")


@settings(max_examples=500)
@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda tail: b"HSC" + tail))
def test_garbage_is_refused_or_an_empty_prefix(data):
    try:
        reader = BitstreamReader(data)
    except BitstreamError:
        return
    assert len(data) < HEADER_BYTES and reader.layers == 0 and not reader.complete


def test_prefixes_shorter_than_the_header_hold_nothing():
    parts, tables = make_layers(3), make_tables()
    data, _ = write(parts, tables)
    for size in range(HEADER_BYTES):
        reader = BitstreamReader(data[:size])
        assert (reader.layers, reader.model_id, reader.complete) == (0, None, False)
        assert reader.read_layer(parts[0][1], tables) is None
        with pytest.raises(BitstreamError, match=f"ends early, after {size} bytes"):
            BitstreamReader(data[:size], allow_truncated=False)
    for foreign in (b"h", b"HSK", b"\x89PNG\r\n\x1a\n", b"HSC\x20"):
        with pytest.raises(BitstreamError):
            BitstreamReader(foreign)


def test_errors_name_what_is_wrong():
    parts, tables = make_layers(4), make_tables()
    data, ends = write(parts, tables)
    with pytest.raises(BitstreamError, match="not an HSC file"):
        BitstreamReader(b"GIF89a" + data)
    with pytest.raises(BitstreamError, match="version 2"):
        BitstreamReader(reseal(data[:3] + b"\x29" + data[4:]))
    with pytest.raises(BitstreamError, match="ends early, after 50 bytes"):
        BitstreamReader(data[:50], allow_truncated=False)
    with pytest.raises(BitstreamError, match="checksum"):
        BitstreamReader(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(BitstreamError, match="header"):
        BitstreamReader(data[:5] + bytes([data[5] ^ 1]) + data[6:])
    with pytest.raises(BitstreamError, match="header"):
        BitstreamReader(reseal(data[:7] + b"\0\x05" + data[9:]))
    other = FrequencyTables(np.array([[0, 30000, 60000, 65000, 65536]]), np.array([5]), np.array([-1]))
    with pytest.raises(BitstreamError, match="Layer 0 .* other weights"):
        BitstreamReader(data).read_layer(np.zeros_like(parts[0][1]), other)
    damaged = bytearray(data[: ends[4]])
    damaged[ends[1] + 2] ^= 0x55
    with pytest.raises(BitstreamError, match="Layer [23] of this HSC file is damaged"):
        read(damaged, parts, tables)


@given(st.binary(min_size=1, max_size=30))
def test_trailing_bytes_are_refused(tail):
    data, _ = write(make_layers(6, 2), make_tables())
    for whole in (data, append_edits(data, [(1, 1.0)])):
        with pytest.raises(BitstreamError):
            BitstreamReader(whole + tail)
    with pytest.raises(BitstreamError, match="longer than it says, by 2 bytes"):
        BitstreamReader(data + b"\0\0")


def test_bytes_left_over_inside_the_stream_are_refused():
    parts, tables = make_layers(8, 2), make_tables()
    data, _ = write(parts, tables)
    longer = data[:-2] + b"\0\0"
    longer = longer[:7] + (len(longer) + 2).to_bytes(2, "big") + longer[9:] + b"\0\0"
    with pytest.raises(BitstreamError, match="Layer 1"):
        read(reseal(longer), parts, tables)


strengths = st.integers(-(2**15), 2**15 - 1).map(lambda steps: steps / 4096)
edit_lists = st.lists(st.tuples(st.integers(0, 255), strengths))


@given(edit_lists)
def test_edits_round_trip_and_come_off(edits):
    parts, tables = make_layers(9, 3), make_tables()
    data, _ = write(parts, tables)
    edited = append_edits(data, edits)
    assert edited[: len(data)] == data and strip_edits(edited) == data
    assert len(edited) - len(data) == (2 + 3 * len(edits) if edits else 0)
    assert BitstreamReader(edited).edits == edits
    assert len(read(edited, parts, tables)) == 3
    assert append_edits(edited, [(5, 1.0)]) == append_edits(data, [(5, 1.0)])
    for size in range(len(edited) + 1):
        played = truncate(edited, size)
        reader = BitstreamReader(played)
        assert len(played) <= size and edited.startswith(played)
        assert reader.edits == (edits if size == len(edited) else [])


@pytest.mark.parametrize("edit", [(0, 8.0), (0, -8.001), (0, float("nan")), (0, float("inf")), (-1, 0.0), (256, 0.0)])
def test_edits_out_of_range_are_refused(edit):
    data, _ = write(make_layers(9, 1), make_tables())
    with pytest.raises(BitstreamError):
        append_edits(data, [edit])


def test_edits_need_a_complete_file():
    data, _ = write(make_layers(9, 1), make_tables())
    with pytest.raises(BitstreamError, match="ends early"):
        append_edits(data[:-1], [(0, 1.0)])
    with pytest.raises(BitstreamError, match="at most 255 edits"):
        append_edits(data, [(0, 1.0)] * 256)
    assert BitstreamReader(append_edits(data, [(1, 0.5)] * 255)).edits == [(1, 0.5)] * 255


@pytest.mark.parametrize("stray", [b"\x01\x02", bytes(2), bytes(range(40))])
def test_a_file_without_layers_has_no_bytes_of_any(stray):
    """Sound checksums do not help: no encoder writes a stream for nothing."""
    empty = BitstreamWriter(MODEL, 3).finish()
    assert BitstreamReader(empty).complete
    header = empty[:7] + (len(empty) + len(stray)).to_bytes(2, "big")
    body = header + bytes([container._crc8(header)]) + stray
    data = body + container._crc16(body).to_bytes(2, "big")
    for whole in (data, data[:-1], data[:-2]):
        with pytest.raises(BitstreamError, match="no layer"):
            BitstreamReader(whole)
    assert BitstreamReader(data[:-3]).layers == 0  # what is cut cannot be judged


@pytest.mark.parametrize("layers, size", [(13, 100), (13, 3077), (9, 1536), (1, 768), (13, 0)])
@pytest.mark.parametrize("table", [0, 1, 3])
def test_overhead_stays_within_24_bytes(layers, size, table):
    tables, generator = make_tables(), np.random.default_rng(layers + size)
    parts, bits = [], []
    for _ in range(layers):
        symbols = np.clip(np.rint(generator.laplace(size=size) * 0.3 * table), -1, 1).astype(np.int32)
        parts.append((symbols, np.full(size, table)))
        bits.append(tables.code_length(symbols, parts[-1][1]))
    data, _ = write(parts, tables)
    assert len(data) - sum(bits) / 8 <= 24
    assert file_bytes(bits) - 2 <= len(data) <= file_bytes(bits)


def test_limits_of_a_file():
    tables = make_tables()
    for model, quality in ((-1, 0), (65536, 0), (0, -1), (0, 256)):
        with pytest.raises(ValueError):
            BitstreamWriter(model, quality)
    writer = BitstreamWriter(65535, 255)
    for _ in range(15):
        writer.write_layer(np.zeros(2, np.int32), np.zeros(2, int), tables)
    with pytest.raises(ValueError):
        writer.write_layer(np.zeros(2, np.int32), np.zeros(2, int), tables)
    assert BitstreamReader(writer.finish()).layers == 15
    writer = BitstreamWriter(0, 0)
    writer.write_layer(np.full(20_000, 2**15), np.zeros(20_000, int), tables)
    with pytest.raises(BitstreamError, match="at most 65535 bytes"):
        writer.finish()


# A second decoder, written from FORMAT.md alone and as plainly as it can be.


def decode_as_specified(stream: bytes, complete: bool, tables: list, layers: list) -> list[list[int]]:
    """The layers that ``stream`` holds; ``tables`` are (offset, c), ``layers`` one index a symbol."""
    width, code, used = 2**48, int.from_bytes(stream[:6].ljust(6, b"\0"), "big"), 6

    def symbol(c):
        nonlocal width, code, used
        unit = width // 65536
        e = max(i for i in range(len(c)) if c[i] <= code // unit)
        code -= unit * c[e]
        width = unit * (c[e + 1] - c[e])
        while width < 2**40:
            code = code * 256 + (stream[used] if used < len(stream) else 0)
            width, used = width * 256, used + 1
        return e

    def number(bits):
        return symbol([i * 2 ** (16 - bits) for i in range(2**bits + 1)])

    def value(offset, c):
        n = len(c) - 1
        e = symbol(c)
        if e < n - 1:
            return offset + e
        zeros = 0
        while not number(1):
            zeros += 1
        r = int("1" + "".join(str(number(1)) for _ in range(zeros)), 2) - 1
        return offset - (r + 1) // 2 if r % 2 else offset + n - 1 + r // 2

    found, everything = [], b""
    for i, names in enumerate(layers):
        values = [value(*tables[name]) for name in names]
        check = number(6 if i else 8)
        missing = 0 if complete else max(0, used - len(stream))
        if code + 256**missing > width:
            break
        everything += b"".join(v.to_bytes(4, "big", signed=True) for v in values)
        assert check == zlib.crc32(everything) % (64 if i else 256)
        found.append(values)
    return found


def test_the_specification_suffices():
    tables = make_tables()
    plain = [(-1, row[:5]) for row, _ in tables._rows]
    parts = make_layers(11, 4, 40)
    data, ends = write(parts, tables)
    stream = data[10:-2]
    names = [indexes.tolist() for _, indexes in parts]
    for end in [*ends[:-1], len(data) - 2]:
        layers = decode_as_specified(stream[: end - 10], end == len(data) - 2, plain, names)
        assert layers == [p[0].tolist() for p, e in zip(parts, ends) if e <= end]


def test_the_worked_example_of_the_specification():
    text = Path(hsc.bitstream.__file__).with_name("FORMAT.md").read_text()
    example = text[text.index("## A worked example") :]
    stream, edits = (bytes.fromhex(line) for line in re.findall(r"^    ([0-9a-f ]+)$", example, re.M))
    cdf = np.array([[0, 8192, 57344, 64512, 65536], [0, 64000, 65536, 0, 0]])
    tables = FrequencyTables(cdf, np.array([5, 3]), np.array([-1, 0]))
    layers = [([0, 1, -1, 0], [0, 0, 0, 0]), ([0, 0, -3, 0, 0, 2], [1, 1, 1, 0, 1, 0])]
    parts = [(np.array(symbols), np.array(indexes)) for symbols, indexes in layers]

    writer = BitstreamWriter(10, 128)
    for symbols, indexes in parts:
        writer.write_layer(symbols, indexes, tables)
    assert writer.finish() == stream and writer.ends == [13, 15]
    assert append_edits(stream, [(3, 0.8), (1, -1.5)]) == stream + edits
    assert [layer.tolist() for layer in read(stream + edits, parts, tables)] == [s for s, _ in layers]
    plain = [(-1, [0, 8192, 57344, 64512, 65536]), (0, [0, 64000, 65536])]
    assert decode_as_specified(stream[10:-2], True, plain, [i for _, i in layers]) == [s for s, _ in layers]


def test_check_widths_are_the_specified_ones():
    assert [check_bits(layer) for layer in range(3)] == [8, 6, 6]


def test_white_space_after_the_end_is_told_from_what_belongs_to_the_file() -> None:
    data = (Path(__file__).parents[1] / "golden" / "middle.hsc").read_bytes()
    like_white_space = 0
    for steps in range(1, 600):
        edited = append_edits(data, [(1, steps / 4096)])
        like_white_space += edited[-1:].isspace()
        for whole in (data, edited):
            assert transport.without_white_space(whole) == whole
            assert transport.without_white_space(whole + b"\r\n") == whole
            assert transport.without_white_space(whole + b"\n.\n") == whole + b"\n.\n"
    assert like_white_space > 3
    assert transport.without_white_space(data + b"\n" * 1_000_000) == data
    for other in (b"", b"\n", b"HSC\n", data[:500] + b"\n", b"\x89PNG\r\n", data + b"\0"):
        assert transport.without_white_space(other) == other
