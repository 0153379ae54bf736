"""What callers send as arguments: numerals are numbers, and anything else is refused in our words."""

from __future__ import annotations

import pytest

from app import arguments
from hsc.errors import HSCError


@pytest.mark.parametrize("given, found", [(256, 256), ("256", 256), (" 256 ", 256), (256.0, 256), ("2.56e2", 256)])
def test_numerals_are_numbers(given, found) -> None:
    assert arguments.whole("size", given, 0, 300) == found
    assert arguments.one_of("size", given, (256, 512)) == found
    assert arguments.number("size", given) == found and type(arguments.whole("size", given)) is int


WRONG = [None, True, False, "", "many", [], [1], {}, {"a": 1}, "NaN", float("inf"), "1e999", 10**400, "0x10"]


@pytest.mark.parametrize("given", WRONG, ids=lambda value: str(value)[:12])
def test_what_is_no_number_is_refused(given) -> None:
    for ask in (arguments.number, arguments.whole):
        with pytest.raises(HSCError, match=r"^size must be a (whole )?number, not .*\.$") as refused:
            ask("size", given)
        assert len(str(refused.value)) < 100 and "\n" not in str(refused.value)


@pytest.mark.parametrize("given, words", [(1.5, "whole number"), ("-1", "from 0 to 8000"), (8001, "from 0 to 8000")])
def test_bounds_are_told(given, words) -> None:
    with pytest.raises(HSCError, match=words):
        arguments.whole("max_bytes", given, 0, 8000)
    with pytest.raises(HSCError, match="one of 1024, 512"):
        arguments.one_of("size", 300, (1024, 512))


def test_strengths_are_numbers_by_name() -> None:
    assert arguments.strengths({"smile": "0.5", "age": 1}) == {"smile": 0.5, "age": 1.0}
    for given in (None, [1], "smile", 1, True):
        with pytest.raises(HSCError, match="^strengths must be an object"):
            arguments.strengths(given)
    for given in (None, "much", [], True, {"a": 1}):
        with pytest.raises(HSCError, match="^The strength of 'smile' must be a number"):
            arguments.strengths({"smile": given})
