"""What is reported for an extension, from its file or without one (extensions.md 1.5, 4.4)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from unit.extension.packages import NAME, PLACE
from unit.fakes import FrozenClock, ListLog, MemoryFiles, system
from waagent.extension import status
from waagent.extension.status import StatusReader
from waagent.model.status import ExtensionStatus
from waagent.system.apply import apply

FILE = f"{PLACE.status}/3.status"
PAYLOAD = Path(__file__).resolve().parents[3] / "../shared/payloads/extension/sample-status.json"


def document(word: str = "success", message: str = "done") -> bytes:
    body = {"status": word, "operation": "Enable", "code": "0", "formattedMessage": {"lang": "en-US", "message": message}}
    return json.dumps([{"version": 1.0, "status": body}]).encode()


class Machine:
    """A reader, the files it reads, and the time."""

    def __init__(self) -> None:
        self.clock = FrozenClock()
        self.files = MemoryFiles(now=lambda: self.clock.now().timestamp())
        self.log = ListLog()
        self.reader = StatusReader(self.files, self.clock, self.log)

    def read(self, name: str = NAME, sequence_number: int = 3, multi_config: bool = False) -> ExtensionStatus:
        return self.reader.read(PLACE, name, sequence_number, multi_config=multi_config)


def test_a_good_file_is_reported() -> None:
    machine = Machine()
    machine.files.put(FILE, document())
    found = machine.read()
    assert (found.name, found.sequence_number, found.status, found.code, found.message) == (NAME, 3, "success", "0", "done")


def test_a_recorded_file_is_reported() -> None:
    if not PAYLOAD.exists():
        pytest.skip("the recorded payloads are not beside this checkout")
    machine = Machine()
    machine.files.put(FILE, PAYLOAD.read_bytes())
    assert machine.read().status in ("transitioning", "warning", "error", "success")


def test_an_instance_of_several_has_a_file_of_its_own() -> None:
    machine = Machine()
    machine.files.put(f"{PLACE.status}/jobA.3.status", document("warning"))
    assert machine.read("jobA", multi_config=True).status == "warning"
    assert machine.read().status == "transitioning"


def test_without_a_file_the_agent_speaks_for_the_extension() -> None:
    machine = Machine()
    found = machine.read()
    assert (found.status, found.code) == ("transitioning", 0)
    assert FILE in (found.message or "")
    assert machine.clock.pauses == []


def test_a_file_that_is_being_written_is_not_an_error() -> None:
    machine = Machine()
    machine.files.put(FILE, document()[:40])
    assert machine.read().status == "transitioning"
    machine.clock.advance(6)
    machine.files.put(FILE, document())
    assert machine.read().status == "success"


def test_what_was_good_stays_while_its_file_is_written_over() -> None:
    machine = Machine()
    machine.files.put(FILE, document("transitioning", "halfway"))
    machine.read()
    machine.clock.advance(60)
    machine.files.put(FILE, b"")
    assert machine.read().message == "halfway"
    assert machine.log.lines == []


@pytest.mark.parametrize("content", [b"{not json", b'{"status": {}}', b'[{"status": 5}]', b"[null]", b"\xff\xfe[]", b""])
def test_a_file_that_stays_bad_is_an_error_and_is_said_once(content: bytes) -> None:
    machine = Machine()
    machine.files.put(FILE, content)
    machine.read()
    for _ in range(3):
        machine.clock.advance(9)
        found = machine.read()
        assert (found.status, found.code) == ("error", 1012)
    assert len(machine.log.of("warning")) == 1
    machine.files.put(FILE, document())
    assert machine.read().status == "success"


def test_a_file_from_the_future_is_not_waited_for() -> None:
    machine = Machine()
    machine.files.put(FILE, b"{")
    machine.files.set_modified(FILE, machine.clock.now().timestamp() + 3600)
    assert machine.read().code == 1012


def test_a_new_sequence_number_knows_nothing_of_the_old_one() -> None:
    machine = Machine()
    machine.files.put(FILE, document())
    machine.read()
    machine.files.put(f"{PLACE.status}/4.status", b"{")
    assert machine.read(sequence_number=4).status == "transitioning"
    machine.files.put(FILE, b"{")
    assert machine.read().status == "transitioning"


def test_an_unchanged_file_is_read_only_once() -> None:
    machine = Machine()
    machine.files.put(FILE, document(message="1"))
    facts = machine.files.facts(FILE)
    machine.clock.advance(10)
    found = machine.read()
    machine.files.put(FILE, document(message="2"))
    machine.files.set_modified(FILE, facts.modified if facts else None)
    assert machine.read() is found


def test_a_young_file_is_read_again_because_times_are_coarse() -> None:
    machine = Machine()
    machine.files.put(FILE, document(message="1"))
    assert machine.read().message == "1"
    machine.files.put(FILE, document(message="2"))
    assert machine.read().message == "2"


def test_what_cannot_be_read_is_an_error_of_that_extension_only() -> None:
    machine = Machine()
    machine.files.put(FILE, document()).break_at(FILE, "Permission denied")
    found = machine.read()
    assert (found.status, found.code) == ("error", -1)
    assert "Permission denied" in (found.message or "")


def test_a_link_is_not_followed_because_its_target_would_be_shown() -> None:
    machine = Machine()
    machine.files.put("/etc/shadow", "root:$6$secret").put_link(FILE, "/etc/shadow")
    found = machine.read()
    assert (found.status, found.code) == ("error", -1)
    assert "secret" not in (found.message or "")


def test_a_gigantic_file_is_an_error() -> None:
    machine = Machine()
    machine.files.put(FILE, b" " * (status.READ_LIMIT + 1))
    assert machine.read().code == -1


def test_a_large_file_is_cut() -> None:
    machine = Machine()
    machine.files.put(FILE, document(message="m" * 140_000))
    assert machine.read().message == "m" * 1024 + " ... [TRUNCATED]"


def test_credentials_in_a_bad_file_are_not_shown() -> None:
    machine = Machine()
    machine.files.put(FILE, b"{ https://x.blob.example/c/b?sv=1&sig=abc%3D")
    machine.clock.advance(60)
    assert "abc" not in (machine.read().message or "abc")


def test_a_handler_that_is_gone_is_forgotten() -> None:
    machine = Machine()
    machine.files.put(FILE, document())
    machine.read()
    machine.files.put(FILE, b"{")
    machine.reader.forget(PLACE)
    assert machine.read().status == "transitioning"


def test_a_placeholder_is_a_status_file() -> None:
    machine = Machine()
    said = ExtensionStatus(f"{NAME}.jobA", 3, "error", code=-1, message="no ?sig=abc", operation="Enable")
    door = system(files=machine.files, clock=machine.clock)
    apply(door, status.placeholder(PLACE, said, machine.clock.now(), extension="jobA"))
    assert json.loads(machine.files.read(f"{PLACE.status}/jobA.3.status")) == [
        {
            "version": 1.0,
            "timestampUTC": "2026-03-01T08:15:30Z",
            "status": {
                "name": f"{NAME}.jobA",
                "operation": "Enable",
                "status": "error",
                "code": -1,
                "formattedMessage": {"lang": "en-US", "message": "no ?sig=<redacted>"},
            },
        }
    ]
    assert machine.read("jobA", multi_config=True).status == "error"
