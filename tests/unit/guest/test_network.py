"""The primary interface (guest.md 5.1)."""

from __future__ import annotations

from unit.fakes import FakeSockets, MemoryFiles, ScriptedCommands
from unit.fakes import system as fake_system
from waagent.guest import network
from waagent.guest.families.bsd import FREEBSD, OPENBSD
from waagent.guest.profile import Guest
from waagent.system.port import System

HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"


def row(interface: str, destination: str = "00000000", flags: str = "0003", metric: int = 0) -> str:
    return f"{interface}\t{destination}\t0100000A\t{flags}\t0\t0\t{metric}\t00000000\t0\t0\t0\n"


def test_the_cheapest_default_route_comes_first_and_the_first_one_on_a_tie() -> None:
    assert network.by_cost(HEAD + row("eth1", metric=200) + row("eth0", metric=100)) == ("eth0", "eth1")
    assert network.by_cost(HEAD + row("eth1") + row("eth0")) == ("eth1", "eth0")


def test_a_route_without_a_gateway_or_to_a_network_does_not_count() -> None:
    assert network.by_cost(HEAD + row("eth1", flags="0001") + row("eth2", destination="0000000A")) == ()
    assert network.by_cost("") == ()


def test_the_bsds_are_asked_by_command() -> None:
    commands = ScriptedCommands().on("ifconfig", "-l", "ether", stdout="hn0 hn1\n")
    assert network.primary_interface(fake_system(commands=commands), FREEBSD) == "hn0"
    commands = ScriptedCommands().on("ifconfig", "hvn", stdout="hvn0: flags=8843<UP> mtu 1500\n\tlladdr 00:15\n")
    assert network.primary_interface(fake_system(commands=commands), OPENBSD) == "hvn0"


def test_linux_reads_its_routing_table() -> None:
    files = MemoryFiles({"/proc/net/route": HEAD + row("eth0")})
    assert network.primary_interface(fake_system(files=files), Guest()) == "eth0"
    assert network.primary_interface(fake_system(), Guest()) is None


ETHERNET, OTHER, INFINIBAND = b"\x00\x0d\x3a\x12\x34\x56", b"\x00\x0d\x3a\x65\x43\x21", b"\x80\x00" + b"i" * 18
VF = "enP1s1"


def machine(routes: str, *cards: tuple[str, bytes]) -> System:
    """A machine whose ``enP1s1`` is enslaved to eth0 and whose ib0 is InfiniBand."""
    files = MemoryFiles({network.ROUTES: HEAD + routes, "/sys/class/net/ib0/type": "32\n", "/sys/class/net/eth0/type": "1\n"})
    files.put_link(f"/sys/class/net/{VF}/master", "../eth0")
    return fake_system(files=files, sockets=FakeSockets(interfaces=cards))


def test_the_hardware_function_of_a_card_stands_for_its_synthetic_device() -> None:
    assert network.primary_interface(machine(row(VF, metric=10) + row("eth1", metric=100)), Guest()) == "eth0"


def test_infiniband_is_never_primary_however_cheap_its_route() -> None:
    assert network.primary_interface(machine(row("ib0", metric=1) + row("eth1", metric=100)), Guest()) == "eth1"
    assert network.primary_interface(machine(row("ib0")), Guest()) is None


def test_the_card_to_ask_on_is_the_primary_one() -> None:
    cards = (("docker0", OTHER), ("eth0", ETHERNET), ("eth1", OTHER))
    assert network.card(machine(row("eth0", metric=100) + row("eth1", metric=10), *cards), Guest()) == ("eth1", OTHER)


def test_without_a_route_the_likeliest_card_is_asked_on_and_never_a_function_or_infiniband() -> None:
    assert network.card(machine("", ("ib0", INFINIBAND), ("a-tunnel", b""), (VF, ETHERNET), ("eth0", ETHERNET)), Guest()) == (
        "eth0",
        ETHERNET,
    )
    assert network.card(machine("", ("ib0", INFINIBAND), (VF, ETHERNET)), Guest()) is None


def test_a_synthetic_card_comes_before_what_containers_make() -> None:
    names = ["docker0", "ens3", "eth1", "eth0", "veth12"]
    assert sorted(names, key=network.likelihood) == ["eth0", "eth1", "ens3", "docker0", "veth12"]


def test_a_bsd_asks_on_the_interface_its_command_names() -> None:
    commands = ScriptedCommands().on("ifconfig", "-l", "ether", stdout="hn1 hn0\n")
    system = fake_system(commands=commands, sockets=FakeSockets(interfaces=(("hn0", OTHER), ("hn1", ETHERNET))))
    assert network.card(system, FREEBSD) == ("hn1", ETHERNET)
