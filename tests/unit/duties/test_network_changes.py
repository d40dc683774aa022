"""What changes of the network goes to the log."""

from __future__ import annotations

from unit.fakes import FakeSockets, ListLog, MemoryFiles, ScriptedCommands, system
from waagent.duties.network_changes import NetworkChanges, addresses

HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
DEFAULT = "eth0\t00000000\t0100140A\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"


class Machine:
    def __init__(self) -> None:
        self.files, self.log, self.sockets = MemoryFiles({"/proc/net/route": HEAD}), ListLog(), FakeSockets()
        self.commands = ScriptedCommands(installed=["ip"])
        door = system(files=self.files, log=self.log, sockets=self.sockets, commands=self.commands)
        self.changes = NetworkChanges(door)

    def look(self, address: str = "10.0.0.4/24") -> list[str]:
        self.commands.on(
            "ip", "-o", "address", "show", stdout=f"1: lo    inet 127.0.0.1/8 scope host lo\n2: eth0    inet {address} x\n"
        )
        before = len(self.log.lines)
        self.changes.look()
        return [str(line) for line in self.log.lines[before:]]


def test_the_first_look_tells_what_there_is_and_the_next_one_nothing() -> None:
    machine = Machine()
    machine.files.put("/sys/class/net/eth0/operstate", "up\n")
    machine.files.put("/proc/net/route", HEAD + DEFAULT)
    told = " ".join(machine.look())
    assert "card eth0 (00:0d:3a:12:34:56), up" in told
    assert "address 10.0.0.4/24 on eth0" in told and "127.0.0.1" not in told
    assert "route 0.0.0.0/0.0.0.0 by 10.20.0.1 on eth0, metric 100" in told
    assert machine.look() == []


def test_each_change_is_told_with_what_was_before() -> None:
    machine = Machine()
    machine.look()
    machine.sockets.set_interfaces("eth0", "eth1")
    machine.files.put("/proc/net/route", HEAD + DEFAULT)
    told = " ".join(machine.look("10.0.0.4/24"))
    assert "now card eth1" in told and "now route 0.0.0.0" in told and "no longer" not in told
    machine.sockets.set_interfaces("eth0")
    assert "no longer card eth1" in " ".join(machine.look("10.0.0.4/24"))


def test_a_machine_of_many_containers_does_not_fill_the_log() -> None:
    machine = Machine()
    machine.look()
    machine.sockets.set_interfaces("eth0", *(f"veth{number}" for number in range(500)))
    told = machine.look()
    assert len(told) == 21 and "and 480 more" in told[-1]


def test_lifetimes_that_count_down_are_no_change() -> None:
    line = "2: eth0    inet6 fe80::1/64 scope link \\       valid_lft {}sec preferred_lft {}sec\n"
    assert addresses(line.format(9, 9)) == addresses(line.format(8, 8)) == ("address fe80::1/64 on eth0",)
    assert addresses("2: eth0\n\nnonsense") == ()
