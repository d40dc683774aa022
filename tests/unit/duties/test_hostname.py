"""The watched host name: what is kept, what is told, and what is left alone."""

from __future__ import annotations

import pytest

from unit.fakes import FakeSockets, FrozenClock, ListLog, MemoryFiles, ScriptedCommands, system
from waagent.config.paths import Paths
from waagent.config.sections import Config
from waagent.duties import hostname
from waagent.guest.profile import Guest
from waagent.model.event import Operation

PATHS = Paths.of(Config())
ROUTE = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\neth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\n"


class Machine:
    def __init__(self, name: str = "web-1", told: str | None = "web-1") -> None:
        self.files, self.log = MemoryFiles(), ListLog()
        self.commands = ScriptedCommands(installed=["hostname"])
        self.sockets = FakeSockets(host_name=name)
        self.files.make_directory(PATHS.lib)
        self.files.make_directory("/etc")
        self.files.put("/proc/net/route", ROUTE)
        if told is not None:
            self.files.put(PATHS.published_hostname, told)
        self.events: list[Operation] = []
        self.clock = FrozenClock()
        door = system(files=self.files, commands=self.commands, sockets=self.sockets, log=self.log, clock=self.clock)
        self.duty = hostname.HostName(door, Guest(), PATHS, self.events.append, 30.0)

    def look(self) -> None:
        self.duty.look()

    @property
    def told(self) -> str:
        return self.files.read(PATHS.published_hostname).decode()


def test_an_unchanged_name_changes_nothing() -> None:
    machine = Machine()
    machine.look()
    assert (machine.commands.lines, machine.log.lines) == ([], [])


def test_a_changed_name_is_kept_for_the_next_boot_told_to_dhcp_and_remembered() -> None:
    machine = Machine(name="db-7")
    machine.files.put("/etc/dhcp/dhclient.conf", 'send host-name "web-1";\n')
    machine.commands.on("hostname", "db-7")
    machine.look()
    assert machine.files.read("/etc/hostname") == b"db-7\n"
    assert machine.files.read("/etc/dhcp/dhclient.conf") == b'send host-name "db-7";\n'
    assert machine.told == "db-7"
    assert not [line for line in machine.commands.lines if line[0] in ("ifdown", "ip")]
    machine.commands.calls.clear()
    machine.look()
    assert machine.commands.lines == []


@pytest.mark.parametrize(
    ("note", "told"),
    [('{"hostname": "ci-name", "fqdn": "ci-name.example"}', "ci-name"), ("not json", "web-1"), (None, "web-1")],
)
def test_without_a_memory_the_name_cloud_init_set_or_the_present_one_counts_as_told(note: str | None, told: str) -> None:
    machine = Machine(name="web-1", told=None)
    machine.commands.on("hostname", "web-1")
    if note is not None:
        machine.files.put(hostname.CLOUD_INIT_NAME, note)
    machine.look()
    assert machine.told == "web-1"
    assert (("hostname", "web-1") in machine.commands.lines) is (told != "web-1")


def test_a_publishing_that_fails_is_told_once_and_not_tried_for_ever() -> None:
    machine = Machine(name="-bad name-")
    machine.look()
    machine.look()
    assert [event.operation for event in machine.events] == ["HostnamePublishing"]
    assert machine.told == "-bad name-"


def test_names_that_follow_each_other_quickly_are_told_with_a_rest_between_and_the_last_one_soon() -> None:
    machine = Machine(name="one")
    machine.commands.on("hostname", ...)
    machine.look()
    for name in ("two", "three"):
        machine.sockets.set_host_name(name)
        machine.look()
    assert machine.told == "one"
    assert machine.duty.period() == hostname.REST
    machine.clock.advance(hostname.REST)
    machine.look()
    assert machine.told == "three"
    machine.clock.advance(hostname.REST)
    machine.look()
    assert machine.duty.period() == 30.0
