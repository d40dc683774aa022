"""Events that extensions drop into their folder (fabric.md 11.5; extensions.md 9.3)."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waagent.codec import extension_event
from waagent.codec.extension_event import ExtensionEvent
from waagent.model.failure import DocumentFailure

GOOD: dict[str, Any] = {
    "Version": " 1.2 ",
    "Timestamp": "2026-01-02T03:04:05Z",
    "TaskName": "install",
    "EventLevel": "Error",
    "Message": " went wrong ",
    "EventPid": "12",
    "EventTid": 7,
    "OperationId": "op",
    "Extra": {"ignored": True},
}
EVENT = ExtensionEvent("1.2", "2026-01-02T03:04:05Z", "install", "Error", "went wrong", 12, 7, "op")


def parse(value: Any) -> tuple[tuple[ExtensionEvent, ...], tuple[str, ...]]:
    return extension_event.parse(json.dumps(value).encode())


def test_a_file_holds_one_event_or_several() -> None:
    assert parse(GOOD) == ((EVENT,), ())
    assert parse([GOOD, GOOD]) == ((EVENT, EVENT), ())


def test_keys_may_have_any_case() -> None:
    assert parse({key.upper(): value for key, value in GOOD.items()}) == ((EVENT,), ())


@pytest.mark.parametrize("key", [key for key in GOOD if key != "Extra"])
def test_every_key_is_required(key: str) -> None:
    assert parse([{name: value for name, value in GOOD.items() if name != key}, GOOD]) == ((EVENT,), ("MissingKeyError",))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"Message": "  "}, "EmptyMessageError"),
        ({"TaskName": "x" * 6144}, "OversizeEventError"),
        ({"OperationId": "x" * 6144}, "OversizeEventError"),
        ({"Version": 1}, "MissingKeyError"),
        ({"EventPid": True}, "MissingKeyError"),
        ({"Timestamp": None}, "MissingKeyError"),
    ],
)
def test_a_bad_event_is_dropped_with_its_reason(change: dict[str, Any], reason: str) -> None:
    assert parse([{**GOOD, **change}]) == ((), (reason,))


def test_a_long_message_is_cut_and_signatures_are_hidden() -> None:
    events, _ = parse([{**GOOD, "Message": "m" * 4000}, {**GOOD, "Message": "https://b/x?a=1&sig=SECRET"}])
    assert events[0].message == "m" * 3072
    assert "SECRET" not in events[1].message


@pytest.mark.parametrize("value", [1, None, "x", [1], [[]]])
def test_what_is_no_event_misses_its_keys(value: Any) -> None:
    assert parse(value) == ((), ("MissingKeyError",))


def test_an_empty_array_holds_nothing() -> None:
    assert parse([]) == ((), ())


@pytest.mark.parametrize(
    ("name", "expected"),
    [("1.json", True), ("0042.JSON", True), ("a.json", False), ("1.json.tmp", False), ("1.json\n", False), (".json", False)],
)
def test_only_digits_json_is_read(name: str, expected: bool) -> None:
    assert extension_event.is_event_file(name) is expected


@given(st.binary())
def test_hostile_bytes_give_a_value_or_a_document_failure(data: bytes) -> None:
    try:
        extension_event.parse(data)
    except DocumentFailure:
        return
