"""QEMU's monitor, with a small one of our own at the other end."""

import json
import socket
import threading
from typing import Any

import pytest

from fabriclab.guests.control import ControlError
from fabriclab.guests.machine import Seat
from fabriclab.guests.qmp import Monitor
from fabriclab.guests.vm_drives import Drive, Drives


class Emulator:
    """Answers each command with {} or what `answers` says, and tells of each device that it was asked to take out."""

    def __init__(self, answers: dict[str, dict[str, Any]] | None = None) -> None:
        self.ours, self._end = socket.socketpair()
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self._answers = answers or {}
        threading.Thread(target=self._serve, daemon=True).start()

    def commands(self) -> list[str]:
        return [name for name, _ in self.asked]

    def _serve(self) -> None:
        self._end.sendall(b'{"QMP": {"version": {}}}\n')
        with self._end.makefile("rb") as lines:
            for line in lines:
                message = json.loads(line)
                name, arguments = message["execute"], message.get("arguments", {})
                self.asked.append((name, arguments))
                answer = self._answers.get(name, {"return": {}})
                self._end.sendall(json.dumps(answer).encode() + b"\n")
                if name == "device_del":
                    self._end.sendall(b'{"event": "DEVICE_DELETED", "data": {"device": "%s"}}\n' % arguments["id"].encode())

    def die(self) -> None:
        self._end.shutdown(socket.SHUT_RDWR)


def test_a_command_has_hyphens_and_gets_its_answer() -> None:
    emulator = Emulator({"query-status": {"return": {"status": "running"}}})
    monitor = Monitor(emulator.ours)
    assert monitor.ask("query-status", max_bandwidth=7) == {"status": "running"}
    assert emulator.asked == [("qmp_capabilities", {}), ("query-status", {"max-bandwidth": 7})]


def test_a_refusal_says_what_qemu_said() -> None:
    monitor = Monitor(Emulator({"cont": {"error": {"class": "GenericError", "desc": "not now"}}}).ours)
    with pytest.raises(ControlError, match="cont: not now"):
        monitor.ask("cont")


def test_a_machine_that_ends_is_no_answer() -> None:
    emulator = Emulator()
    monitor = Monitor(emulator.ours)
    emulator.die()
    with pytest.raises(ControlError, match="gone"):
        monitor.ask("cont")


def drives() -> tuple[Emulator, Drives]:
    emulator = Emulator()
    held: list[Drives] = []
    monitor = Monitor(emulator.ours, lambda name, data: held[0].hear(name, data))
    held.append(Drives(monitor))
    return emulator, held[0]


def test_disks_get_the_place_of_their_seat() -> None:
    emulator, made = drives()
    made.bring(
        {
            "sr0": Drive("sr0", "/w/p.iso", Seat()),
            "sdb": Drive("sdb", "/w/r.img", Seat()),
            "sdc": Drive("sdc", "/w/d.img", Seat("data", 3)),
            "nvme0n1": Drive("nvme0n1", "/w/n.img", Seat("nvme", serial="n1")),
        }
    )
    assert emulator.asked[1][1]["filename"] == "/w/p.iso"
    added = [arguments for name, arguments in emulator.asked if name == "device_add"]
    assert [(one["driver"], one.get("bus"), one.get("lun")) for one in added] == [
        ("scsi-hd", "temporary.0", 0),
        ("scsi-hd", "data.0", 3),
        ("nvme", None, None),
    ]


def test_only_what_is_another_one_is_changed() -> None:
    emulator, made = drives()
    first, second = Drive("sdb", "/w/1", Seat()), Drive("sdb", "/w/2", Seat())
    made.bring({"sdb": first})
    seen = len(emulator.asked)
    made.bring({"sdb": first})
    assert len(emulator.asked) == seen
    made.bring({"sdb": second})
    assert emulator.commands()[seen:] == ["device_del", "blockdev-del", "blockdev-add", "device_add"]
    made.bring({})
    assert made.there == {}
