"""A restart of the DHCP client: how it is noticed, what it costs to look, and the routes that come back."""

from __future__ import annotations

import pytest

from unit.fakes import FrozenClock, ListLog, MemoryFiles, ScriptedCommands
from unit.fakes import system as fake_system
from unit.guest.test_dhcp_client import process
from waagent.codec import dhcp_routes
from waagent.config.paths import Paths
from waagent.config.sections import Config
from waagent.duties.dhcp_client import GRACE, RARE, WATCHED, DhcpClient
from waagent.duties.routes import MEMORY
from waagent.fabric import routes
from waagent.guest.profile import NETWORKD_LEASES, Guest
from waagent.model.failure import SystemFailure
from waagent.model.network import Route

PATHS = Paths.of(Config())
HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
DEFAULT = "eth0\t00000000\t0100140A\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"
TO_FABRIC = "eth0\t10813FA8\t0100140A\t0007\t0\t0\t100\tFFFFFFFF\t0\t0\t0\n"
SAVED = dhcp_routes.render((Route(routes.EVERYWHERE, "10.20.0.1"), Route("168.63.129.16/32", "10.20.0.1")))
PERIOD = 30.0


class Machine:
    def __init__(self, *clients: dict[str, str]) -> None:
        self.files, self.log, self.clock = (
            MemoryFiles({"/proc/net/route": HEAD + DEFAULT + TO_FABRIC}),
            ListLog(),
            FrozenClock(),
        )
        self.commands = ScriptedCommands(installed=["ip"]).on("ip", ...)
        self.files.put(PATHS.dhcp_routes, SAVED)
        for client in clients:
            self.begin(client)
        system = fake_system(files=self.files, commands=self.commands, clock=self.clock, log=self.log)
        self.duty = DhcpClient(system, Guest(lease_sources=NETWORKD_LEASES), PATHS, routes.LINUX, PERIOD)

    def begin(self, client: dict[str, str]) -> None:
        for path, text in client.items():
            self.files.put(path, text)

    def end(self, pid: int) -> None:
        self.files.remove(f"/proc/{pid}")

    def look(self, after: float = 0.0) -> list[tuple[str, ...]]:
        """The commands of one look."""
        self.clock.advance(after)
        self.commands.calls.clear()
        self.duty.look()
        return self.commands.lines


OLD, NEW = process(700, ["dhclient", "eth0"]), process(900, ["dhclient", "eth0"], started=9000)


def test_routes_that_a_restart_has_lost_come_back_after_a_moment() -> None:
    machine = Machine(OLD)
    machine.look()
    machine.files.put("/proc/net/route", HEAD)
    machine.end(700)
    assert machine.look() == [], "nobody has taken its place yet"
    machine.begin(NEW)
    assert machine.look() == [], "the new client gets time for routes of its own"
    assert machine.duty.period() == GRACE
    assert machine.look(after=GRACE) == [
        ("ip", "route", "add", "default", "via", "10.20.0.1"),
        ("ip", "route", "add", "168.63.129.16/32", "via", "10.20.0.1"),
    ]
    assert machine.log.text.count("the DHCP client has been restarted: dhclient (process 900)") == 1


def test_what_the_new_client_has_set_itself_is_left_alone() -> None:
    machine = Machine(OLD)
    machine.look()
    machine.end(700)
    machine.begin(NEW)
    machine.files.put("/proc/net/route", HEAD + DEFAULT)
    machine.look()
    assert machine.look(after=GRACE) == [("ip", "route", "add", "168.63.129.16/32", "via", "10.20.0.1")]


def test_a_route_that_the_machine_did_not_have_is_not_made_by_a_restart() -> None:
    machine = Machine(OLD)
    machine.files.put("/proc/net/route", HEAD + TO_FABRIC)
    machine.look()
    machine.end(700)
    machine.begin(NEW)
    machine.files.put("/proc/net/route", HEAD)
    machine.look()
    assert machine.look(after=GRACE) == [("ip", "route", "add", "168.63.129.16/32", "via", "10.20.0.1")]


def test_a_route_that_has_been_missing_for_long_is_forgotten_and_one_that_stays_is_not() -> None:
    machine = Machine(OLD)
    machine.look()
    machine.files.put("/proc/net/route", HEAD + TO_FABRIC)
    for _ in range(2):
        machine.look(after=MEMORY)
    machine.look(after=10 * MEMORY)
    machine.files.put("/proc/net/route", HEAD)
    machine.end(700)
    machine.begin(NEW)
    machine.look()
    assert machine.look(after=GRACE) == [("ip", "route", "add", "168.63.129.16/32", "via", "10.20.0.1")]


def test_a_client_that_takes_its_routes_away_before_it_ends_has_lost_them_all_the_same() -> None:
    machine = Machine(OLD)
    machine.look()
    machine.files.put("/proc/net/route", HEAD)
    machine.look(after=1.0)
    machine.end(700)
    machine.begin(NEW)
    machine.look(after=1.0)
    assert len(machine.look(after=GRACE)) == 2


def test_the_lease_as_it_is_now_counts_before_what_was_said_once() -> None:
    machine = Machine(OLD)
    machine.files.put("/run/systemd/netif/leases/2", "ROUTER=10.30.0.1\n")
    machine.look()
    machine.files.put("/proc/net/route", HEAD)
    machine.end(700)
    machine.begin(NEW)
    machine.look()
    assert machine.look(after=GRACE) == [("ip", "route", "add", "default", "via", "10.30.0.1")]


def test_routes_that_vanish_without_a_restart_or_long_after_one_are_somebodys_own_doing() -> None:
    machine = Machine(OLD)
    machine.look()
    machine.files.put("/proc/net/route", HEAD)
    assert machine.look(after=PERIOD) == []
    machine.end(700)
    machine.begin(NEW)
    machine.look()
    machine.look(after=GRACE)
    assert machine.duty.period() == min(PERIOD, WATCHED - GRACE)
    assert machine.look(after=WATCHED) != [], "the last look of the watched time"
    assert machine.look(after=PERIOD) == []
    assert machine.duty.period() == PERIOD


def test_a_look_at_a_client_that_is_known_lists_no_processes() -> None:
    machine = Machine(OLD, process(1, ["init"]))
    machine.look()
    machine.files.break_at("/proc", "must not be listed")
    assert machine.look(after=PERIOD) == []


def test_a_machine_without_a_client_is_told_so_once() -> None:
    machine = Machine()
    for _ in range(12):
        machine.look(after=PERIOD)
    assert machine.log.text.count("no DHCP client runs") == 1
    machine.begin(OLD)
    machine.files.put("/proc/net/route", HEAD)
    machine.look()
    machine.end(700)
    machine.begin(NEW)
    machine.look()
    assert machine.look(after=GRACE) != [], "the client that came was found by the change of the routes"


def test_without_a_client_all_processes_are_searched_only_now_and_then() -> None:
    machine = Machine(process(700, ["sshd"]))
    machine.look()
    machine.files.break_at("/proc", "must not be listed")
    for _ in range(RARE - 1):
        machine.look(after=PERIOD)
    with pytest.raises(SystemFailure, match="must not be listed"):
        machine.look(after=PERIOD)
