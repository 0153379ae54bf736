import pytest

from hsc.baselines.protocol import BaselineError
from hsc.baselines.rate_search import SteppedRateSearch


def search(sizes, **hints):
    calls = []

    def encode(setting):
        calls.append(setting)
        return bytes(sizes[setting])

    return SteppedRateSearch(encode, len(sizes), **{"smallest": sizes[0], "growth": 1.15, **hints}), calls


EXPONENTIAL = [round(400 * 1.15**setting) for setting in range(56)]


@pytest.mark.parametrize("target", [400, 401, 799, 1500, 6000, EXPONENTIAL[-1], 10**9])
def test_finds_the_largest_that_fits(target):
    steps, _ = search(EXPONENTIAL)
    assert len(steps.fit(target)) == max(size for size in EXPONENTIAL if size <= target)


def test_gives_the_smallest_where_nothing_fits():
    steps, calls = search(EXPONENTIAL)
    assert len(steps.fit(399)) == 400
    assert calls == [0]


@pytest.mark.parametrize("hints", [{}, {"smallest": 4.0}, {"smallest": 40000.0}, {"growth": 1.01}, {"growth": 3.0}])
@pytest.mark.parametrize("target", [500, 3000, 200000])
def test_bad_hints_cost_little(hints, target):
    steps, calls = search(EXPONENTIAL, **hints)
    assert len(steps.fit(target)) == max(size for size in EXPONENTIAL if size <= target)
    assert len(calls) <= 12


def test_nothing_is_encoded_twice():
    steps, calls = search(EXPONENTIAL)
    for target in (400, 800, 1500, 3000, 6000, 800):
        steps.fit(target)
    assert len(calls) == len(set(calls))
    assert len(calls) <= 16


@pytest.mark.parametrize("sizes, best", [
    ([500, 500, 500, 900], {100: 500, 480: 500, 500: 500, 695: 500, 10000: 900}),
    ([500, 480, 700, 690, 900], {100: 500, 500: 480, 690: 690, 695: 690, 750: 690, 10000: 900}),
    ([500, 600, 710, 705, 690, 900], {599: 500, 600: 600, 695: 690, 707: 690, 720: 690, 900: 900}),
    ([500], {100: 500, 500: 500, 10000: 500}),
])  # fmt: skip
def test_sizes_that_are_not_monotone(sizes, best):
    """The highest setting that fits, however the search goes; each target by itself, and one after another."""
    together, _ = search(sizes)
    for target, size in best.items():
        alone, _ = search(sizes)
        assert len(alone.fit(target)) == len(together.fit(target)) == size


def test_a_setting_that_need_not_be_tried_may_fail():
    """VVenC gives up at the finest quantisers of some tiny pictures."""

    def encode(setting):
        if setting > 1:
            raise BaselineError("no more")
        return bytes([100, 205][setting])

    assert len(SteppedRateSearch(encode, 4, 100, 2.0).fit(200)) == 100


def test_empty_files_do_not_break_the_search():
    steps, _ = search([0, 0, 10, 20], smallest=1.0)
    assert len(steps.fit(15)) == 10
