"""The range coder: exact round trips, sizes against theory, and no stream that hangs it."""

import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hsc.bitstream.range_coder import (
    MAX_SYMBOL,
    EndOfData,
    FrequencyTables,
    RangeDecoder,
    RangeEncoder,
    bytes_needed,
)
from hsc.errors import BitstreamError

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


def tables_from_weights(weights: list[list[float]], offsets: list[int]) -> FrequencyTables:
    """Tables of 16-bit frequencies proportional to ``weights``, the last of each row being the tail's."""
    width = max(map(len, weights)) + 1
    cdf = np.zeros((len(weights), width), np.int32)
    for row, weight in zip(cdf, weights):
        share = np.asarray(weight, float) / sum(weight)
        sizes = 1 + np.floor(share * (65536 - len(weight))).astype(int)
        sizes[sizes.argmax()] += 65536 - sizes.sum()
        row[1 : len(weight) + 1] = np.cumsum(sizes)
    return FrequencyTables(cdf, np.array([len(w) + 1 for w in weights]), np.array(offsets))


def laplace_tables(scales, reach: int = 12) -> FrequencyTables:
    """One zero-centred table for each scale, values -reach ... reach."""
    values = np.arange(-reach, reach + 1)
    weights = [[*np.exp(-np.abs(values) / scale), 1e-9] for scale in scales]
    return tables_from_weights(weights, [-reach] * len(weights))


@st.composite
def coded_arrays(draw, largest: int = MAX_SYMBOL, most: int = 120):
    """(symbols, table_indexes, tables), a good part of the symbols outside their tables."""
    weight = st.floats(1e-6, 1.0)
    weights = draw(st.lists(st.lists(weight, min_size=1, max_size=9), min_size=1, max_size=4))
    offsets = [draw(st.integers(-MAX_SYMBOL, MAX_SYMBOL - 8) | st.integers(-5, 2)) for _ in weights]
    count = draw(st.integers(0, most))
    symbol = st.integers(-largest, largest) | st.integers(-8, 8)
    symbols = draw(st.lists(symbol, min_size=count, max_size=count))
    indexes = draw(st.lists(st.integers(0, len(weights) - 1), min_size=count, max_size=count))
    return np.array(symbols, np.int32), np.array(indexes, np.int64), tables_from_weights(weights, offsets)


def test_masses_are_those_of_the_symbols_without_the_escape():
    tables = tables_from_weights([[1, 2, 1, 0.01], [3, 0.01]], [-1, 7])
    masses, symbols = tables.masses(np.array([1, 0]))
    assert symbols[0, 0] == 7 and symbols[1].tolist() == [-1, 0, 1]
    for row, table in ((0, 1), (1, 0)):
        for mass, symbol in zip(masses[row], symbols[row]):
            if mass:
                length = tables.code_length(np.array([int(symbol)]), np.array([table]))
                assert length == pytest.approx(-math.log2(mass))
    assert masses[0, 1:].tolist() == [0, 0] and masses.sum(1) == pytest.approx(1, abs=0.005)


def encode(symbols, indexes, tables) -> bytes:
    encoder = RangeEncoder()
    encoder.encode(*tables.intervals(symbols, indexes))
    return encoder.finish()


@given(coded_arrays())
def test_round_trip_and_length(coded):
    symbols, indexes, tables = coded
    stream = encode(symbols, indexes, tables)
    decoder = RangeDecoder(stream, whole=True)
    np.testing.assert_array_equal(decoder.decode(indexes, tables), symbols)
    assert decoder.determined and decoder.exhausted
    bits = tables.code_length(symbols, indexes)
    assert bits / 8 - 1e-3 <= len(stream) + 1 and len(stream) <= bits / 8 + 1 + 1e-3


@given(coded_arrays(most=40), coded_arrays(most=40))
def test_bytes_needed_is_exact(first, second):
    """At that many bytes every continuation decodes to the symbols; with one fewer, some does not."""
    encoder = RangeEncoder()
    encoder.encode(*first[2].intervals(*first[:2]))
    mark = encoder.mark()
    encoder.encode(*second[2].intervals(*second[:2]))
    stream = encoder.finish()
    needed = bytes_needed(mark, stream)

    def decodes(start: bytes, whole: bool) -> bool:
        decoder = RangeDecoder(start, whole)
        try:
            symbols = decoder.decode(first[1], first[2])
        except (BitstreamError, EndOfData):
            return False
        return np.array_equal(symbols, first[0]) and decoder.determined

    assert decodes(stream[:needed], whole=needed == len(stream))
    if needed < len(stream):
        assert all(decodes(stream[:needed] + fill * 20, whole=True) for fill in (b"\0", b"\xff", b"\x5a"))
    if needed:
        assert not decodes(stream[: needed - 1], whole=False)
        assert not all(decodes(stream[: needed - 1] + fill * 20, whole=True) for fill in (b"\0", b"\xff"))


def test_decoder_agrees_on_the_bytes_needed():
    tables = laplace_tables([0.3, 2.0])
    generator = np.random.default_rng(0)
    encoder, parts, marks = RangeEncoder(), [], []
    for _ in range(8):
        indexes = generator.integers(0, 2, 50)
        symbols = np.rint(generator.laplace(size=50)).astype(np.int32)
        encoder.encode(*tables.intervals(symbols, indexes))
        marks.append(encoder.mark())
        parts.append(indexes)
    stream = encoder.finish()
    for data, whole in ((stream, True), (stream[:-4], False)):
        decoder = RangeDecoder(data, whole)
        for mark, indexes in zip(marks, parts):
            needed = bytes_needed(mark, stream)
            if needed > len(data):
                break
            decoder.decode(indexes, tables)
            assert decoder.determined and decoder.bytes_needed == needed


@pytest.mark.parametrize("last, start", [(32767, b"\x7f\xff\xff"), (32768, b"\x80\x00\x00")])
def test_carry_turns_over_a_run_of_255(last, start):
    """Intervals around one half put out 7F FF FF ... until the last symbol; the upper half must carry."""
    starts, sizes = [32767] * 50 + [last], [2] * 50 + [1]
    encoder = RangeEncoder()
    encoder.encode(starts, sizes)
    stream = encoder.finish()
    assert stream[:3] == start and len(stream) > 90
    middle = FrequencyTables(np.array([[0, 32767, 32769, 65536]]), np.array([4]), np.array([0]))
    decoder = RangeDecoder(stream, whole=True)
    assert decoder.decode(np.zeros(50, int), middle).tolist() == [1] * 50
    assert decoder.uniform(16) == last


def test_nearly_certain_symbols_cost_nearly_nothing():
    """40,000 symbols that carry 2^-16 each of doubt: rounding may not add a byte."""
    tables = FrequencyTables(np.array([[0, 65535, 65536]]), np.array([3]), np.array([0]))
    symbols = np.zeros(40_000, np.int32)
    bits = tables.code_length(symbols, symbols)
    assert bits == pytest.approx(40_000 * -math.log2(65535 / 65536))
    assert len(encode(symbols, symbols, tables)) <= 1


def test_tables_are_told_apart_by_their_bytes():
    def tables(middle=32768, offset=0):
        return FrequencyTables(np.array([[0, middle, 65536]]), np.array([3]), np.array([offset])).tobytes()

    assert tables() == tables()
    assert len({tables(), tables(middle=32767), tables(offset=1)}) == 3


def test_code_length_counts_escapes():
    tables = FrequencyTables(np.array([[0, 32768, 65536]]), np.array([3]), np.array([0]))
    # The tail costs 1 bit; the escapes are 0, 1, 2 and 3 as Exp-Golomb: 1, 3, 3 and 5 bits.
    for symbol, bits in ((0, 1), (1, 2), (-1, 4), (2, 4), (-2, 6)):
        assert tables.code_length(np.array([symbol]), np.array([0])) == bits


@pytest.mark.parametrize("symbol", [MAX_SYMBOL, -MAX_SYMBOL])
@pytest.mark.parametrize("offset", [-MAX_SYMBOL, 0, MAX_SYMBOL])
def test_extremes_round_trip(symbol, offset):
    tables = FrequencyTables(np.array([[0, 60000, 65536]]), np.array([3]), np.array([offset]))
    symbols, indexes = np.array([[symbol, symbol]], np.int32), np.zeros((1, 2), int)
    decoded = RangeDecoder(encode(symbols, indexes, tables), whole=True).decode(indexes, tables)
    assert decoded.dtype == np.int32 and decoded.tolist() == symbols.tolist()


@settings(max_examples=300)
@given(st.binary(max_size=200), st.booleans(), st.integers(0, 3))
def test_garbage_ends_quickly(data, whole, seed):
    tables = tables_from_weights([[1, 1], [1e-6, 1.0], [1.0, 1e-6], [1, 2, 3, 1]], [0, 0, 0, -1])
    indexes = np.random.default_rng(seed).integers(0, 4, 500)
    decoder = RangeDecoder(data, whole)
    start = time.process_time()
    try:
        symbols = decoder.decode(indexes, tables)
        assert np.abs(symbols).max() <= MAX_SYMBOL
    except EndOfData:
        assert not whole
    except BitstreamError:
        pass
    assert time.process_time() - start < 1.0


def test_escape_without_end_is_refused():
    tables = FrequencyTables(np.array([[0, 1, 65536]]), np.array([3]), np.array([0]))
    encoder = RangeEncoder()
    encoder.encode([1] + [0] * 40, [65535] + [32768] * 40)  # the tail, then zero bits only
    encoder.encode([32768], [32768])
    with pytest.raises(BitstreamError):
        RangeDecoder(encoder.finish(), whole=True).decode(np.array([0]), tables)


def test_symbol_beyond_the_limit_is_refused():
    tables = FrequencyTables(np.array([[0, 1, 65536]]), np.array([3]), np.array([0]))
    number = 2 * MAX_SYMBOL + 1  # the escape of MAX_SYMBOL + 1 above offset 0, plus one
    bits = [0] * (number.bit_length() - 1) + [int(b) for b in f"{number:b}"]
    encoder = RangeEncoder()
    encoder.encode([1] + [b << 15 for b in bits], [65535] + [32768] * len(bits))
    with pytest.raises(BitstreamError):
        RangeDecoder(encoder.finish(), whole=True).decode(np.array([0]), tables)


@pytest.mark.parametrize(
    "cdf, lengths, offsets",
    [
        ([[0, 65536, 0]], [1], [0]),  # too short
        ([[0, 1, 65536]], [4], [0]),  # longer than the array
        ([[0, 65535, 65535]], [3], [0]),  # a frequency of zero, and no end at 65536
        ([[0, 0, 65536]], [3], [0]),  # a frequency of zero
        ([[1, 2, 65536]], [3], [0]),  # does not start at zero
        ([[0, 1, 65536]], [3], [-MAX_SYMBOL - 1]),  # out of range
        ([[0, 1, 65536]], [3, 3], [0]),  # shapes differ
        ([[0.0, 1.0, 65536.0]], [3], [0]),  # not integers
        (np.zeros((0, 3), int), [], []),  # no table
    ],
)
def test_bad_tables_are_refused(cdf, lengths, offsets):
    with pytest.raises(ValueError):
        FrequencyTables(np.array(cdf), np.array(lengths), np.array(offsets))


@pytest.mark.parametrize(
    "symbols, indexes",
    [
        (np.array([0]), np.array([1])),
        (np.array([0]), np.array([-1])),
        (np.array([0]), np.array([0, 0])),
        (np.array([MAX_SYMBOL + 1]), np.array([0])),
        (np.array([-MAX_SYMBOL - 1]), np.array([0])),
        (np.array([0.5]), np.array([0])),
        (np.array([0]), np.array([0.0])),
    ],
)
def test_bad_symbols_never_reach_the_coder(symbols, indexes):
    tables = laplace_tables([1.0])
    with pytest.raises(ValueError):
        tables.intervals(symbols, indexes)
    with pytest.raises(ValueError):
        tables.code_length(symbols, indexes)


def test_compressai_tables_are_taken_as_they_are():
    pytest.importorskip("torch")
    entropy_models = pytest.importorskip("compressai.entropy_models")
    model = entropy_models.GaussianConditional([0.11, 0.5, 2.0, 16.0])
    model.update()
    tables = FrequencyTables(*(a.numpy() for a in (model._quantized_cdf, model._cdf_length, model._offset)))
    generator = np.random.default_rng(1)
    indexes = generator.integers(0, 4, (3, 8, 8))
    symbols = np.rint(generator.normal(size=indexes.shape) * np.array([0.11, 0.5, 2.0, 16.0])[indexes] * 1.5)
    symbols = symbols.astype(np.int32)
    symbols[0, 0, :4] = 300, -300, 7, -7  # outside the narrow tables
    decoded = RangeDecoder(encode(symbols, indexes, tables), whole=True).decode(indexes, tables)
    np.testing.assert_array_equal(decoded, symbols)
