"""What a heartbeat makes of a handler's status (extensions.md 9.4)."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from unit.extension.packages import NAME, PLACE
from unit.fakes import FrozenClock, MemoryFiles
from waagent.extension.heartbeat import Heartbeats
from waagent.model.status import HandlerStatus

STATUS = HandlerStatus(NAME, "1.2.3", "Ready", 0, "Plugin enabled")


def beat(status: object = "Ready", **more: Any) -> bytes:
    return json.dumps([{"version": 1.0, "heartbeat": {"status": status, "code": "7", **more}}]).encode()


class Machine:
    def __init__(self, content: bytes | None = None) -> None:
        self.clock = FrozenClock()
        self.files = MemoryFiles(now=lambda: self.clock.now().timestamp())
        self.beats = Heartbeats(self.files, self.clock)
        if content is not None:
            self.put(content)

    def put(self, content: bytes) -> None:
        self.files.put(PLACE.heartbeat, content)

    def merge(self, status: HandlerStatus = STATUS, disallowed: bool = False) -> HandlerStatus:
        return self.beats.merge(PLACE, status, disallowed=disallowed)


def test_word_and_message_are_taken_and_the_code_is_not() -> None:
    machine = Machine(beat("ready", formattedMessage={"lang": "en", "message": "running"}))
    assert machine.merge() == replace(STATUS, status="ready", message="running")


def test_without_a_message_the_agents_own_stays() -> None:
    assert Machine(beat("NotReady", Message="of the Python library")).merge() == replace(STATUS, status="NotReady")


def test_an_old_heartbeat_makes_a_handler_unresponsive_until_it_beats_again() -> None:
    machine = Machine(beat("Ready", formattedMessage={"lang": "en", "message": "running"}))
    machine.clock.advance(600)
    assert machine.merge().status == "Ready"
    machine.clock.advance(1)
    assert machine.merge() == replace(STATUS, status="Unresponsive")
    machine.put(beat())
    assert machine.merge() == STATUS


@pytest.mark.parametrize(
    "content", [None, b"", b"{", b"[]", b"{}", b"[{}]", b'[{"heartbeat": 1}]', beat(None), b'[{"heartbeat": {"code": 0}}]']
)
def test_a_missing_or_bad_heartbeat_is_reported_from_the_second_time_on(content: bytes | None) -> None:
    machine = Machine(content)
    assert machine.merge() == STATUS
    for _ in range(2):
        found = machine.merge()
        assert (found.status, found.code) == ("NotReady", -1)
        assert (found.message or "").startswith("[ExtensionError] Failed to get heart beat file")


def test_a_bad_message_has_a_code_of_its_own() -> None:
    machine = Machine(beat(formattedMessage={"lang": "en"}))
    machine.merge()
    assert (machine.merge().status, machine.merge().code) == ("NotReady", 3)


def test_when_the_heartbeat_comes_nothing_of_the_error_stays() -> None:
    machine = Machine()
    machine.merge()
    assert machine.merge().code == -1
    machine.put(beat())
    assert machine.merge() == STATUS
    machine.files.remove(PLACE.heartbeat)
    assert machine.merge() == STATUS


def test_a_disallowed_handler_stays_not_ready_with_the_message_added() -> None:
    refused = replace(STATUS, status="NotReady", code=1009, message="not on the list")
    machine = Machine()
    assert [machine.merge(refused, disallowed=True) for _ in range(2)] == [refused, refused]
    machine.put(beat(formattedMessage={"lang": "en", "message": "running"}))
    assert machine.merge(refused, disallowed=True) == replace(refused, message="not on the list\nrunning")


def test_a_link_is_not_followed() -> None:
    machine = Machine()
    machine.files.put("/elsewhere", beat()).put_link(PLACE.heartbeat, "/elsewhere")
    machine.merge()
    assert machine.merge().code == -1


def test_a_handler_enabled_again_has_a_first_time_again() -> None:
    machine = Machine()
    machine.merge()
    machine.beats.forget(PLACE)
    assert machine.merge() == STATUS
