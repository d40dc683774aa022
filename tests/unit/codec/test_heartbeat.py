"""heartbeat.log (extensions.md 9.4)."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waagent.codec import heartbeat
from waagent.codec.heartbeat import MESSAGE_PATH, Heartbeat
from waagent.model.failure import DocumentFailure


def parse(value: Any) -> Heartbeat:
    return heartbeat.parse(json.dumps([{"version": 1.0, "heartbeat": value}]).encode())


def test_status_and_message_are_taken_verbatim() -> None:
    assert parse({"status": "ready", "code": "5", "formattedMessage": {"lang": "en", "message": "up"}}) == Heartbeat(
        "ready", "up"
    )


@pytest.mark.parametrize("more", [{}, {"formattedMessage": None}, {"Message": "x"}])
def test_without_a_formatted_message_there_is_none(more: dict[str, Any]) -> None:
    assert parse({"status": "Ready", **more}) == Heartbeat("Ready")


@pytest.mark.parametrize("message", [1, {}, {"lang": "en"}, {"message": "x"}])
def test_a_bad_message_is_told_by_its_path(message: Any) -> None:
    with pytest.raises(DocumentFailure) as failure:
        parse({"status": "Ready", "formattedMessage": message})
    assert failure.value.path == MESSAGE_PATH


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"[1]", b"[{}]", b'[{"heartbeat": 1}]', b'[{"heartbeat": {}}]'])
def test_another_shape_is_malformed(data: bytes) -> None:
    with pytest.raises(DocumentFailure, match=r"heartbeat\.log") as failure:
        heartbeat.parse(data)
    assert failure.value.path != MESSAGE_PATH


@given(st.binary())
def test_hostile_bytes_give_a_document_failure(data: bytes) -> None:
    with pytest.raises(DocumentFailure):
        heartbeat.parse(data)
