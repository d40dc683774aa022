"""Hyper-V key-value pools (fabric.md 12.1)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waagent.codec import kvp_pool
from waagent.model.failure import DocumentFailure

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
KEYS = TEXT.filter(lambda text: 0 < len(text.encode()) <= kvp_pool.KEY_LIMIT)


def test_a_record_is_two_padded_fields() -> None:
    data = kvp_pool.render([("key", "välue")])
    assert data == b"key".ljust(512, b"\0") + "välue".encode().ljust(2048, b"\0")
    assert len(data) == kvp_pool.RECORD_SIZE == 2560


@given(st.lists(st.tuples(KEYS, TEXT.filter(lambda text: len(text.encode()) <= kvp_pool.VALUE_LIMIT))))
def test_records_read_back_as_they_were(records: list[tuple[str, str]]) -> None:
    data = kvp_pool.render(records)
    assert kvp_pool.parse(data) == tuple(records)
    assert kvp_pool.latest(data) == dict(records)


def test_a_short_record_at_the_end_is_left_out() -> None:
    data = kvp_pool.render([("a", "1"), ("b", "2")])
    assert kvp_pool.parse(data[:-1]) == (("a", "1"),)
    assert kvp_pool.parse(b"") == ()


def test_the_last_record_of_a_key_wins() -> None:
    assert kvp_pool.latest(kvp_pool.render([("a", "1"), ("a", "2")])) == {"a": "2"}


def test_a_value_is_cut_on_a_character_boundary() -> None:
    ((_, value),) = kvp_pool.parse(kvp_pool.render([("a", "x" + "€" * 1000)]))
    assert value == "x" + "€" * 340
    assert len(value.encode()) <= 1022


@given(KEYS, TEXT)
def test_a_split_value_is_whole_again_when_joined(key: str, value: str) -> None:
    parts = kvp_pool.parse(kvp_pool.render(kvp_pool.split(key, value)))
    assert "".join(part for _, part in parts) == value
    assert {name for name, _ in parts} == {key}


@pytest.mark.parametrize("key", ["", "a\0b", "k" * 255, "€" * 85])
def test_a_key_that_readers_would_lose_is_refused(key: str) -> None:
    with pytest.raises(DocumentFailure, match="KVP pool"):
        kvp_pool.render([(key, "v")])


def test_a_pool_from_before_the_boot_is_stale() -> None:
    assert kvp_pool.is_stale(99.0, 100.0)
    assert not kvp_pool.is_stale(100.0, 100.0)


@given(st.binary(max_size=6000))
def test_any_bytes_give_records(data: bytes) -> None:
    assert len(kvp_pool.parse(data)) == len(data) // kvp_pool.RECORD_SIZE
