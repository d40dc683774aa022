"""The routes of the platform's DHCP: which are missing, how they are added, and how they are kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.fakes import MemoryFiles, ScriptedCommands
from unit.fakes import system as fake_system
from waagent.codec import dhcp_routes
from waagent.config.paths import Paths
from waagent.config.sections import Config
from waagent.fabric import routes
from waagent.fabric.routes import EVERYWHERE
from waagent.model.failure import DocumentFailure
from waagent.model.network import DhcpOffer, Route

PATHS = Paths.of(Config())
HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
DEFAULT = "eth0\t00000000\t0100140A\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"
TO_FABRIC = "eth0\t10813FA8\t0100140A\t0007\t0\t0\t100\tFFFFFFFF\t0\t0\t0\n"
VIA_FABRIC = "eth0\t0000140A\t10813FA8\t0003\t0\t0\t100\t00FFFFFF\t0\t0\t0\n"
BSD_TABLE = """Routing tables

Internet:
Destination        Gateway            Flags     Netif Expire
default            10.0.0.1           UGS        hn0
10.0.0.0/24        link#1             U          hn0
168.63.129.16      10.0.0.1           UGHS       hn0
"""

TO_EVERYWHERE = Route(EVERYWHERE, "10.20.0.1")
TO_WIRE_SERVER = Route("168.63.129.16/32", "10.20.0.1")
TO_NETWORK = Route("10.20.0.0/24", "10.20.0.1")
ALL = (TO_EVERYWHERE, TO_WIRE_SERVER, TO_NETWORK)


def test_what_an_answer_names_is_wanted_once_the_gateway_first() -> None:
    offer = DhcpOffer(None, "10.20.0.1", (Route(EVERYWHERE, "10.20.0.9"), TO_WIRE_SERVER, TO_WIRE_SERVER))
    assert routes.wanted(offer) == (TO_EVERYWHERE, TO_WIRE_SERVER)
    assert routes.wanted(DhcpOffer(None, None, (Route(EVERYWHERE, "10.20.0.9"),))) == (Route(EVERYWHERE, "10.20.0.9"),)
    assert routes.wanted(DhcpOffer("168.63.129.16")) == ()


@pytest.mark.parametrize(
    ("table", "lacking"),
    [
        (HEAD, ALL),
        (HEAD + DEFAULT, (TO_WIRE_SERVER, TO_NETWORK)),
        (HEAD + TO_FABRIC, (TO_EVERYWHERE, TO_NETWORK)),
        (HEAD + VIA_FABRIC, (TO_EVERYWHERE, TO_WIRE_SERVER)),
        (BSD_TABLE, (TO_NETWORK,)),
        ("", ()),
    ],
    ids=["nothing there", "a default route", "a host route", "a network", "a BSD", "unreadable"],
)
def test_only_what_a_table_has_no_way_to_is_missing(table: str, lacking: tuple[Route, ...]) -> None:
    assert routes.missing(ALL, table) == lacking


def test_routes_are_added_and_one_that_is_refused_is_no_failure() -> None:
    commands = ScriptedCommands({"ip"})
    commands.on("ip", "route", "add", "default", "via", "10.20.0.1")
    commands.on(
        "ip", "route", "add", "168.63.129.16/32", "via", "10.20.0.1", exit_code=2, stderr="RTNETLINK answers: File exists"
    )
    assert routes.add(fake_system(commands=commands), (TO_EVERYWHERE, TO_WIRE_SERVER)) == (TO_EVERYWHERE,)
    assert routes.add(fake_system(commands=ScriptedCommands(())), ALL) == ()


def test_what_the_last_exchange_named_is_kept_and_written_only_when_it_is_new() -> None:
    files = MemoryFiles().put_directory(PATHS.lib)
    system = fake_system(files=files)
    assert routes.saved(system, PATHS) == ()
    routes.save(system, PATHS, DhcpOffer(None, "10.20.0.1", (TO_WIRE_SERVER,)))
    assert routes.saved(system, PATHS) == (TO_EVERYWHERE, TO_WIRE_SERVER)
    before = list(files.changes)
    routes.save(system, PATHS, DhcpOffer(None, "10.20.0.1", (TO_WIRE_SERVER,)))
    routes.save(system, PATHS, DhcpOffer("168.63.129.16"))
    assert files.changes == before


def test_a_file_that_is_no_list_of_routes_counts_as_none() -> None:
    for content in ("", "{", "[]", '{"routes": 1}', '{"routes": [{"destination": "-x", "gateway": "10.0.0.1"}]}'):
        system = fake_system(files=MemoryFiles({PATHS.dhcp_routes: content}))
        assert routes.saved(system, PATHS) == ()


addresses = st.ip_addresses(v=4).map(str)
networks = st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 32)).map(
    lambda pair: (lambda n, bits: ".".join(str(n >> s & 255) for s in (24, 16, 8, 0)) + f"/{bits}")(
        pair[0] & ~((1 << (32 - pair[1])) - 1), pair[1]
    )
)


@given(st.lists(st.builds(Route, networks, addresses), max_size=5).map(tuple))
def test_what_is_written_reads_back(listed: tuple[Route, ...]) -> None:
    assert dhcp_routes.parse(dhcp_routes.render(listed)) == listed


@given(st.binary(max_size=200))
def test_any_bytes_are_routes_or_a_failure_of_the_document(data: bytes) -> None:
    try:
        found = dhcp_routes.parse(data)
    except DocumentFailure:
        return
    assert all(isinstance(route, Route) for route in found)


def test_a_known_address_as_gateway_is_no_route_to_it() -> None:
    assert not routes.has_route(HEAD + VIA_FABRIC)
    assert routes.has_route(HEAD + TO_FABRIC)


@pytest.mark.parametrize(
    ("line", "route", "default"),
    [
        ("168.63.129.16      10.0.0.1       UGHS       hn0\n", True, False),
        ("default            10.0.0.1       UGS        hn0\n", False, True),
        ("10.0.0.0/24        link#1         U          hn0\n", False, False),
    ],
)
def test_the_routing_table_of_a_bsd_is_read_too(line: str, route: bool, default: bool) -> None:
    assert (routes.has_route(line), routes.has_default_route(line)) == (route, default)


def test_an_unreadable_table_is_taken_to_have_a_default_route() -> None:
    assert routes.has_default_route("")
