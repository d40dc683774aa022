"""The primary interface (guest.md 5.1)."""

from __future__ import annotations

from unit.fakes import MemoryFiles, ScriptedCommands
from unit.fakes import system as fake_system
from waagent.guest import network
from waagent.guest.families.bsd import FREEBSD, OPENBSD
from waagent.guest.profile import Guest

HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"


def row(interface: str, destination: str = "00000000", flags: str = "0003", metric: int = 0) -> str:
    return f"{interface}\t{destination}\t0100000A\t{flags}\t0\t0\t{metric}\t00000000\t0\t0\t0\n"


def test_the_cheapest_default_route_wins_and_the_first_on_a_tie() -> None:
    assert network.cheapest_default(HEAD + row("eth1", metric=200) + row("eth0", metric=100)) == "eth0"
    assert network.cheapest_default(HEAD + row("eth1") + row("eth0")) == "eth1"


def test_a_route_without_a_gateway_or_to_a_network_does_not_count() -> None:
    assert network.cheapest_default(HEAD + row("eth1", flags="0001") + row("eth2", destination="0000000A")) is None
    assert network.cheapest_default("") is None


def test_the_bsds_are_asked_by_command() -> None:
    commands = ScriptedCommands().on("ifconfig", "-l", "ether", stdout="hn0 hn1\n")
    assert network.primary_interface(fake_system(commands=commands), FREEBSD) == "hn0"
    commands = ScriptedCommands().on("ifconfig", "hvn", stdout="hvn0: flags=8843<UP> mtu 1500\n\tlladdr 00:15\n")
    assert network.primary_interface(fake_system(commands=commands), OPENBSD) == "hvn0"


def test_linux_reads_its_routing_table() -> None:
    files = MemoryFiles({"/proc/net/route": HEAD + row("eth0")})
    assert network.primary_interface(fake_system(files=files), Guest()) == "eth0"
    assert network.primary_interface(fake_system(), Guest()) is None
