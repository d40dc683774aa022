"""What of a command's output reaches a message."""

from __future__ import annotations

import pytest

from waagent.extension.capture import condensed, formatted


def parts(text: str) -> tuple[str, str]:
    out, _, err = text.removeprefix("[stdout]\n").partition("\n\n[stderr]\n")
    return out, err


def test_short_output_is_kept_whole() -> None:
    assert formatted(b"out\n", b"err\n") == "[stdout]\nout\n\n\n[stderr]\nerr\n"
    assert formatted(b"", b"") == "[stdout]\n\n\n[stderr]\n"


@pytest.mark.parametrize(
    ("out", "err", "kept"),
    [(5000, 5000, (1590, 1590)), (5000, 100, (3080, 100)), (0, 5000, (0, 3180)), (1600, 1599, (1600, 1599))],
)
def test_long_output_shares_the_room(out: int, err: int, kept: tuple[int, int]) -> None:
    first, second = parts(formatted(b"o" * out, b"e" * err))
    assert (len(first), len(second)) == kept


def test_the_end_of_the_captured_head_is_what_stays() -> None:
    out, _ = parts(formatted(b"a" * 3000 + b"b" * 200 + b"c" * 200, b"e" * 3000))
    assert out == "a" * 1390 + "b" * 200


def test_bad_bytes_are_shown_escaped() -> None:
    assert "\\xff" in formatted(b"\xff", b"")


def test_a_log_gets_it_without_empty_lines() -> None:
    assert condensed("[stdout]\n\na\n \nb\n") == "[stdout]\na\nb"
