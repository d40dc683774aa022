"""Events that extensions leave (fabric.md 11.4, 11.5), in directories that nobody should trust."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from unit.fakes import FrozenClock, ListLog, MemoryFiles, system
from waagent.codec import event_file
from waagent.extension import events
from waagent.extension.events import Collected
from waagent.system.port import System

LOGS = "/var/log/azure"
EVENTS = f"{LOGS}/Contoso.Lab.Script/events"
LIB_EVENTS = "/var/lib/waagent/events"
PAYLOAD = Path(__file__).resolve().parents[3] / "../shared/payloads/extension/custom_script_1.tld"


def event(message: str = "hello", **changes: Any) -> dict[str, Any]:
    keys = ("Version", "Timestamp", "TaskName", "EventLevel", "Message", "EventPid", "EventTid", "OperationId")
    return {**dict.fromkeys(keys, "1"), "Message": message, **changes}


class Machine:
    def __init__(self) -> None:
        self.clock = FrozenClock()
        self.files = MemoryFiles(now=lambda: self.clock.now().timestamp())
        self.log = ListLog()
        self.system: System = system(files=self.files, clock=self.clock, log=self.log)

    def put(self, name: str, *content: Any, directory: str = EVENTS) -> None:
        self.files.put(f"{directory}/{name}", json.dumps(content if len(content) != 1 else content[0]))

    def collect(self) -> Collected:
        self.clock.advance(60)
        return events.collect(self.system, LOGS)


def messages(found: Collected) -> list[str]:
    return [each.event.message for each in found.events]


def test_events_are_taken_newest_first_and_the_directory_is_emptied() -> None:
    machine = Machine()
    machine.put("100.json", event("old"))
    machine.put("200.json", [event("a"), event("b")])
    machine.files.put(f"{EVENTS}/notes.txt", "mine").put(f"{EVENTS}/deep/er", "mine").put_other(f"{EVENTS}/300.json")
    found = machine.collect()
    assert messages(found) == ["a", "b", "old"]
    assert {each.handler for each in found.events} == {"Contoso.Lab.Script"}
    assert found.events[0].modified == machine.clock.now().timestamp() - 60
    assert machine.files.tree(EVENTS) == {EVENTS: "directory 0755 0:0"}


def test_reasons_are_counted_for_each_handler() -> None:
    machine = Machine()
    machine.put("1.json", [{}, {}, event(" "), event("x" * 4000, TaskName="y" * 4000), event("good")])
    machine.put("1.json", {}, directory=f"{LOGS}/Other.One/events")
    found = machine.collect()
    assert messages(found) == ["good"]
    assert found.dropped == (
        ("Contoso.Lab.Script", "EmptyMessageError", 1),
        ("Contoso.Lab.Script", "MissingKeyError", 2),
        ("Contoso.Lab.Script", "OversizeEventError", 1),
        ("Other.One", "MissingKeyError", 1),
    )


def test_a_handler_has_360_events_and_the_last_file_is_taken_whole() -> None:
    machine = Machine()
    machine.put("3.json", [event("c")] * 359)
    machine.put("2.json", [event("b")] * 10)
    machine.put("1.json", [event("a")])
    assert len(machine.collect().events) == 369
    assert machine.files.names(EVENTS) == ()


def test_a_file_that_is_too_large_is_removed_unread() -> None:
    machine = Machine()
    machine.files.put(f"{EVENTS}/1.json", b" " * (4 * 1024 * 1024 + 1))
    assert machine.collect() == Collected(())
    assert machine.files.names(EVENTS) == ()


def test_a_young_file_that_is_half_written_gets_another_chance() -> None:
    machine = Machine()
    machine.put("1.json", event("whole"))
    machine.files.put(f"{EVENTS}/2.json", b'{"Version"')
    assert messages(events.collect(machine.system, LOGS)) == ["whole"]
    assert machine.files.names(EVENTS) == ("2.json",)
    machine.put("2.json", event("now"))
    assert messages(machine.collect()) == ["now"]


def test_an_old_file_that_is_no_json_is_removed() -> None:
    machine = Machine()
    machine.files.put(f"{EVENTS}/2.json", b"\xff{")
    assert machine.collect() == Collected(())
    assert machine.files.names(EVENTS) == ()


def test_links_are_never_followed() -> None:
    machine = Machine()
    machine.put("1.json", event("elsewhere"), directory="/home/user/events")
    machine.put("2.json", event("elsewhere"), directory="/srv")
    machine.files.put_link(f"{LOGS}/Linked.Handler", "/home/user")
    machine.files.put_directory(f"{LOGS}/Linked.Events").put_link(f"{LOGS}/Linked.Events/events", "/home/user/events")
    machine.files.put_directory(EVENTS).put_link(f"{EVENTS}/2.json", "/srv/2.json").put_link(f"{EVENTS}/all", "/srv")
    assert machine.collect() == Collected(())
    assert machine.files.exists("/home/user/events/1.json") and machine.files.exists("/srv/2.json")
    assert machine.files.names(EVENTS) == ()


def test_a_directory_that_cannot_be_read_does_not_stop_the_others() -> None:
    machine = Machine()
    machine.put("1.json", event("good"))
    machine.put("1.json", event("lost"), directory=f"{LOGS}/A.Broken/events")
    machine.put("2.json", event("bad"))
    machine.files.break_at(f"{LOGS}/A.Broken/events").break_at(f"{EVENTS}/2.json")
    assert messages(machine.collect()) == ["good"]
    machine.files.break_at(LOGS)
    assert machine.collect() == Collected(())


def test_when_nobody_sends_any_more_what_is_left_stays() -> None:
    machine = Machine()
    machine.put("1.json", event())
    machine.files.put(f"{EVENTS}/notes.txt", "mine")
    assert events.collect(machine.system, LOGS, lambda: True) == Collected(())
    assert machine.files.names(EVENTS) == ("1.json", "notes.txt")


# -- old extensions


def test_files_of_old_extensions_are_taken_and_our_own_are_not() -> None:
    machine = Machine()
    own = {"eventId": 1, "providerId": "p", "parameters": [{"name": "Name", "value": "x"}], "file_type": ""}
    machine.put("1.waagent.tld", own, directory=LIB_EVENTS)
    machine.put("3.tld", own, directory=LIB_EVENTS)
    machine.files.put(f"{LIB_EVENTS}/2.tld", '<Data><Provider id="q"/><Event id="1"/></Data>')
    machine.files.put(f"{LIB_EVENTS}/4.tmp", "")
    found = events.collect_legacy(machine.system, LIB_EVENTS)
    assert [(each.file.event.provider, each.file.file_type) for each in found] == [("q", "xml"), ("p", "json")]
    assert found[0].modified == machine.clock.now().timestamp()
    assert machine.files.names(LIB_EVENTS) == ("1.waagent.tld", "4.tmp")


def test_a_recorded_file_of_an_old_extension_is_understood() -> None:
    if not PAYLOAD.exists():
        pytest.skip("the recorded payloads are not beside this checkout")
    machine = Machine()
    machine.files.put(f"{LIB_EVENTS}/1.tld", PAYLOAD.read_bytes())
    (found,) = events.collect_legacy(machine.system, LIB_EVENTS)
    assert dict(event_file.complete(found.file, ()).parameters)["Name"] != "WALinuxAgent"


def test_bad_files_of_old_extensions_go_when_they_are_old_enough() -> None:
    machine = Machine()
    machine.files.put(f"{LIB_EVENTS}/1.tld", "<Data>").put(f"{LIB_EVENTS}/2.tld", b" " * (events.LEGACY_LIMIT + 1))
    machine.files.put("/etc/shadow", "{}").put_link(f"{LIB_EVENTS}/3.tld", "/etc/shadow")
    assert events.collect_legacy(machine.system, LIB_EVENTS) == ()
    assert machine.files.names(LIB_EVENTS) == ("1.tld",)
    machine.clock.advance(11)
    assert events.collect_legacy(machine.system, LIB_EVENTS) == ()
    assert machine.files.names(LIB_EVENTS) == ()
    assert machine.files.exists("/etc/shadow")


def test_a_flood_of_old_files_is_cut_to_the_newest() -> None:
    machine = Machine()
    for number in range(events.LEGACY_FILES + 5):
        machine.files.put(f"{LIB_EVENTS}/{number:05}.tld", f'<Data><Provider id="{number}"/><Event id="1"/></Data>')
    found = events.collect_legacy(machine.system, LIB_EVENTS)
    assert [found[0].file.event.provider, len(found)] == ["5", events.LEGACY_FILES]
    assert machine.files.names(LIB_EVENTS) == ()
