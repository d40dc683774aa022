"""Which duties of the network there are on which machine, how often they come, and what wakes them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from unit.fakes import FakeSockets, MemoryFiles, ScriptedCommands, system
from unit.fakes.watch import SpokenWatch
from waagent.config.parse import parse
from waagent.config.paths import Paths
from waagent.daemon import network
from waagent.daemon.schedule import Duty
from waagent.guest.families.debian import DEBIAN
from waagent.guest.families.redhat import RHEL86
from waagent.guest.profile import Guest
from waagent.system.port import Watch


class Schedule:
    """Stands for the scheduler: what was added, and which watch wakes what."""

    def __init__(self) -> None:
        self.duties: dict[str, Duty] = {}
        self.heard: list[tuple[Watch, tuple[str, ...]]] = []

    def add(self, duty: Duty) -> None:
        self.duties[duty.name] = duty

    def listen(self, watch: Watch, *names: str) -> bool:
        self.heard.append((watch, names))
        return True


class Machine:
    def __init__(self, configuration: str = "", guest: Guest = RHEL86) -> None:
        self.config, _ = parse(configuration)
        self.sockets = FakeSockets()
        self.sockets.routes, self.sockets.names = SpokenWatch(), SpokenWatch()
        self.files = MemoryFiles({"/proc/net/route": ""}).put_directory("/var/lib/waagent")
        agent: Any = SimpleNamespace(
            system=system(files=self.files, sockets=self.sockets, commands=ScriptedCommands(())),
            config=self.config,
            paths=Paths.of(self.config),
            guest=guest,
        )
        self.schedule: Any = Schedule()
        network.begin(agent, self.schedule)
        self.before_provisioning = set(self.schedule.duties)
        network.serve(agent, self.schedule, lambda event: None)


def test_each_duty_is_woken_by_its_own_news() -> None:
    machine = Machine("Monitor.NetworkConfigurationChanges=y\n")
    woken = {names: watch for watch, names in machine.schedule.heard}
    assert set(woken) == {("net rules",), ("dhcp client",), ("network changes",), ("host name",)}
    assert woken["dhcp client",] is machine.sockets.routes
    assert woken["network changes",] is machine.sockets.routes
    assert woken["host name",] is machine.sockets.names


def test_the_configured_periods_are_the_safety_net() -> None:
    machine = Machine(
        "OS.RemovePersistentNetRulesPeriod=41\nOS.MonitorDhcpClientRestartPeriod=42\nProvisioning.MonitorHostNamePeriod=43\n"
    )
    assert {name: duty.period() for name, duty in machine.schedule.duties.items()} == {
        "net rules": 41.0,
        "dhcp client": 42.0,
        "host name": 43.0,
    }


def test_the_name_is_watched_only_after_provisioning_and_where_it_is_wanted() -> None:
    machine = Machine()
    assert "host name" not in machine.before_provisioning and "host name" in machine.schedule.duties
    assert "host name" not in Machine("Provisioning.MonitorHostName=n\n").schedule.duties


def test_rules_of_names_are_left_alone_where_the_distribution_counts_on_them() -> None:
    assert "net rules" in Machine().schedule.duties
    assert "net rules" not in Machine(guest=DEBIAN).schedule.duties


@pytest.mark.parametrize("name", ["net rules", "dhcp client", "host name"])
def test_what_makes_the_fabric_reachable_shares_no_lane_with_what_waits_for_it(name: str) -> None:
    assert Machine().schedule.duties[name].lane == "machine"


def test_every_duty_can_look_on_a_machine_that_has_nothing() -> None:
    machine = Machine("Monitor.NetworkConfigurationChanges=y\n")
    for duty in machine.schedule.duties.values():
        duty.work()
