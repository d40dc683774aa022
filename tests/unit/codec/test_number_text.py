"""Numbers and flags as text (codec.number_text)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waagent.codec.number_text import LAST_TICK, flag, integer, level, ticks


@given(st.integers(-(10**39), 10**39))
def test_every_integer_is_read_exactly(number: int) -> None:
    assert integer(f" {number}\n") == number


@pytest.mark.parametrize("text", [None, "", " ", "x", "1.0", "6.4e17", "1_000", "٣", "0x10", "1 2", "9" * 5000])
def test_what_is_no_plain_integer_is_none(text: str | None) -> None:
    assert integer(text) is None


def test_two_times_one_tick_apart_stay_apart() -> None:
    assert ticks(integer("638900000000000001")) - ticks(integer("638900000000000000")) == 1


@pytest.mark.parametrize(("number", "expected"), [(None, 0), (-1, 0), (0, 0), (LAST_TICK, LAST_TICK), (LAST_TICK + 1, 0)])
def test_what_is_no_time_is_the_minimum_date(number: int | None, expected: int) -> None:
    assert ticks(number) == expected


@pytest.mark.parametrize(("number", "expected"), [(None, 0), (-3, 0), (0, 0), (7, 7)])
def test_a_level_that_cannot_be_read_is_zero(number: int | None, expected: int) -> None:
    assert level(number) == expected


@pytest.mark.parametrize(
    ("text", "expected"), [(None, None), ("true", True), (" TRUE ", True), ("false", False), ("", False), ("1", False)]
)
def test_a_flag_has_three_states(text: str | None, expected: bool | None) -> None:
    assert flag(text) is expected
