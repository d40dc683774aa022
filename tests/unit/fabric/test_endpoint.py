from collections.abc import Callable
from dataclasses import replace

import pytest

from unit.fabric.doubles import FakeCommands, FakeFiles, FakeSockets, World
from waagent.config.paths import Paths
from waagent.config.sections import Config
from waagent.fabric.dhcp import Surroundings
from waagent.fabric.endpoint import Discovery, Endpoint, forget, save, saved
from waagent.fabric.routes import KNOWN_ADDRESS
from waagent.model.failure import ExchangeFailure, SystemFailure
from waagent.model.network import DhcpOffer

HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
DEFAULT = "eth0\t00000000\t0100140A\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"
TO_FABRIC = "eth0\t10813FA8\t0100140A\t0007\t0\t0\t100\tFFFFFFFF\t0\t0\t0\n"
VIA_FABRIC = "eth0\t0000140A\t10813FA8\t0003\t0\t0\t100\t00FFFFFF\t0\t0\t0\n"
MAC = b"\x00\x15\x5d\x0a\x1b\x2c"
XID = b"\x01\x02\x03\x04"
LEASE = b"lease {\n  option unknown-245 a8:3f:81:a;\n  expire never;\n}\n"
SOURCES = (("dhclient", ("/var/lib/dhcp/dhclient.*.leases",)),)
PATHS = Paths.of(Config())


def reply(options: str, xid: bytes = XID) -> bytes:
    packet = bytearray(240)
    packet[0:3] = b"\x02\x01\x06"
    packet[4:8] = xid
    packet[28:34] = MAC
    packet[236:240] = bytes.fromhex("63825363")
    return bytes(packet) + bytes.fromhex("350102" + options + "ff")


OFFER = reply("f5040a4d0010" + "03040a4d0001")


class Bench:
    """A discovery in a world of one's making; ``bad`` are addresses that do not answer as a wire server."""

    def __init__(
        self,
        *,
        routes: str = HEAD + DEFAULT,
        lease: bytes | None = None,
        offers: tuple[bytes, ...] = (),
        bad: tuple[str, ...] = (),
        available: bool = True,
        config: Config | None = None,
        known: str | None = None,
    ) -> None:
        files = {"/proc/net/route": routes.encode()}
        if lease is not None:
            files["/var/lib/dhcp/dhclient.eth0.leases"] = lease
        self.sockets = FakeSockets(lambda packet: offers)
        self.commands = FakeCommands(lambda argv, stdin: b"", known=("ip", "iptables"))
        self.world = World(files=FakeFiles(files), sockets=self.sockets, commands=self.commands)
        self.believed: list[str] = []
        self.learned: list[DhcpOffer] = []
        self.card: tuple[str, bytes] | None = ("eth0", MAC)
        self.bad = bad
        self.discovery = Discovery(
            self.world.system,
            config or Config(),
            SOURCES,
            self.believe,
            card=lambda: self.card,
            dhcp_available=available,
            learned=self.learned.append,
            known=known,
            identifier=lambda: XID,
        )

    def believe(self, address: str) -> None:
        self.believed.append(address)
        if address in self.bad:
            raise ExchangeFailure(f"{address} does not speak protocol 2012-11-30")


def test_another_way_of_discovery_means_the_known_address() -> None:
    config = Config()
    config = replace(config, protocol=replace(config.protocol, endpoint_discovery="static"))
    bench = Bench(config=config, lease=LEASE, offers=(OFFER,))
    assert bench.discovery.discover() == Endpoint(KNOWN_ADDRESS, "known")
    assert bench.sockets.sent == []


def test_a_family_without_dhcp_means_the_known_address() -> None:
    assert Bench(available=False, lease=LEASE).discovery.discover() == Endpoint(KNOWN_ADDRESS, "known")


def test_a_route_to_the_known_address_spares_everything_else() -> None:
    bench = Bench(routes=HEAD + DEFAULT + TO_FABRIC, lease=LEASE, offers=(OFFER,))
    assert bench.discovery.discover() == Endpoint(KNOWN_ADDRESS, "route")
    assert bench.sockets.sent == []


def test_a_route_to_a_known_address_that_is_silent_hides_no_lease_that_names_another_one() -> None:
    bench = Bench(routes=HEAD + DEFAULT + TO_FABRIC, lease=LEASE, offers=(OFFER,), bad=(KNOWN_ADDRESS,))
    for _ in range(2):  # also in a later round of the search
        assert bench.discovery.discover() == Endpoint("168.63.129.10", "lease")
        bench.discovery.distrust()
    assert bench.believed == [KNOWN_ADDRESS, "168.63.129.10"] * 2
    assert bench.sockets.sent == []


def test_a_lease_that_names_the_known_address_gives_it_no_second_try() -> None:
    bench = Bench(routes=HEAD + TO_FABRIC, lease=LEASE.replace(b":a;", b":10;"), bad=(KNOWN_ADDRESS,))
    with pytest.raises(ExchangeFailure):
        bench.discovery.discover()
    assert bench.believed == [KNOWN_ADDRESS]


def test_a_lease_comes_before_an_exchange_of_our_own() -> None:
    bench = Bench(lease=LEASE, offers=(OFFER,))
    assert bench.discovery.discover() == Endpoint("168.63.129.10", "lease")
    assert bench.sockets.sent == []


def test_what_a_lease_names_is_not_believed_when_it_is_no_wire_server() -> None:
    bench = Bench(lease=LEASE, offers=(OFFER,), bad=("168.63.129.10",))
    assert bench.discovery.discover().address == "10.77.0.16"
    assert bench.believed == ["168.63.129.10", "10.77.0.16"]


def test_after_a_wire_server_error_the_leases_are_ignored() -> None:
    bench = Bench(lease=LEASE, offers=(OFFER,))
    bench.discovery.discover()
    bench.discovery.distrust()
    assert bench.discovery.discover().source == "dhcp"


def test_an_endpoint_found_before_is_used_again_after_proving_itself() -> None:
    bench = Bench(offers=(OFFER,))
    first = bench.discovery.discover()
    assert bench.discovery.discover() is first
    assert len(bench.sockets.sent) == 1
    assert bench.believed == ["10.77.0.16"] * 2


def test_what_an_earlier_detection_found_is_tried_first_and_once() -> None:
    bench = Bench(known="10.77.0.3", lease=LEASE)
    assert bench.discovery.discover() == Endpoint("10.77.0.3", "saved")
    bench = Bench(known="10.77.0.3", lease=LEASE, bad=("10.77.0.3",))
    assert bench.discovery.discover() == Endpoint("168.63.129.10", "lease")
    bench.discovery.distrust()
    bench.discovery.discover()
    assert bench.believed.count("10.77.0.3") == 1


def test_our_own_exchange_gives_endpoint_gateway_and_the_packet_of_the_protocol() -> None:
    bench = Bench(offers=(OFFER,))
    found = bench.discovery.discover()
    assert found == Endpoint("10.77.0.16", "dhcp", "10.77.0.1")
    packet, interface = bench.sockets.sent[0]
    assert interface == "eth0"
    assert len(packet) == 244
    assert (packet[4:8], packet[10], packet[28:34]) == (XID, 0, MAC)


def test_only_the_first_exchange_of_a_process_asks_for_a_unicast_reply() -> None:
    bench = Bench(offers=(OFFER,))
    bench.discovery.discover()
    bench.discovery.distrust()
    bench.discovery.discover()
    assert [packet[10] for packet, _ in bench.sockets.sent] == [0, 0x80]


def test_an_answer_for_another_machine_is_passed_over() -> None:
    bench = Bench(offers=(reply("f50401020304", xid=b"zzzz"), OFFER))
    assert bench.discovery.discover().address == "10.77.0.16"


def test_an_exchange_is_sent_five_times_and_then_the_known_address_is_tried_once() -> None:
    bench = Bench()
    assert bench.discovery.discover() == Endpoint(KNOWN_ADDRESS, "last resort")
    assert len(bench.sockets.sent) == 5
    assert len({packet for packet, _ in bench.sockets.sent}) == 1
    assert bench.world.clock.pauses == [10, 30, 60, 60]


def test_an_answer_without_the_option_leads_to_the_known_address_with_its_gateway() -> None:
    bench = Bench(offers=(reply("03040a4d0001"),))
    assert bench.discovery.discover() == Endpoint(KNOWN_ADDRESS, "last resort", "10.77.0.1")


def test_when_nothing_is_a_wire_server_every_cause_is_told() -> None:
    bench = Bench(lease=LEASE, offers=(OFFER,), bad=("168.63.129.10", "10.77.0.16", KNOWN_ADDRESS))
    with pytest.raises(ExchangeFailure) as caught:
        bench.discovery.discover()
    assert len(caught.value.causes) == 3


def test_a_machine_without_interfaces_still_tries_the_known_address() -> None:
    bench = Bench()
    bench.card = None
    assert bench.discovery.discover().source == "last resort"


def test_without_a_default_route_the_broadcast_gets_one_and_loses_it_again() -> None:
    bench = Bench(routes=HEAD, offers=(OFFER,))
    bench.discovery.discover()
    assert bench.commands.argvs == [
        ("iptables", "-D", "INPUT", "-p", "udp", "--dport", "68", "-j", "ACCEPT"),
        ("iptables", "-I", "INPUT", "-p", "udp", "--dport", "68", "-j", "ACCEPT"),
        ("ip", "route", "add", "255.255.255.255", "dev", "eth0"),
        ("ip", "route", "del", "255.255.255.255", "dev", "eth0"),
        ("ip", "route", "add", "default", "via", "10.77.0.1"),
    ]


def test_where_a_default_route_is_missing_what_the_answer_names_is_added() -> None:
    offer = reply("f5040a4d0010" + "03040a4d0001" + "f915" + "000a4d0001" + "20a83f81100a4d0001" + "0c0a100a4d0001")
    bench = Bench(routes=HEAD, offers=(offer,))
    bench.discovery.discover()
    added = [argv[3:] for argv in bench.commands.argvs if argv[:3] == ("ip", "route", "add") and argv[4] == "via"]
    assert added == [
        ("default", "via", "10.77.0.1"), ("168.63.129.16/32", "via", "10.77.0.1"), ("10.16.0.0/12", "via", "10.77.0.1"),
    ]  # fmt: skip


def test_a_machine_with_a_default_route_keeps_it_and_gets_only_the_routes_that_it_lacks() -> None:
    bench = Bench(offers=(OFFER,))
    bench.discovery.discover()
    assert not [argv for argv in bench.commands.argvs if argv[0] == "ip"]
    named = "f917" + "000a4d0001" + "20a83f81100a4d0001" + "20a9fea9fe0a4d0001"
    bench = Bench(routes=HEAD + DEFAULT + TO_FABRIC.replace("10813FA8", "FEA9FEA9"), offers=(reply("f5040a4d0010" + named),))
    bench.discovery.discover()
    assert [argv[3:] for argv in bench.commands.argvs if argv[0] == "ip"] == [("168.63.129.16/32", "via", "10.77.0.1")]


def test_what_an_answer_says_is_told_so_that_it_can_be_kept() -> None:
    bench = Bench(offers=(OFFER,))
    bench.discovery.discover()
    assert bench.learned == [DhcpOffer("10.77.0.16", "10.77.0.1")]


def test_a_wire_server_that_moved_is_found_by_its_lease() -> None:
    bench = Bench(lease=LEASE)
    found = bench.discovery.moved(KNOWN_ADDRESS)
    assert found == Endpoint("168.63.129.10", "lease")
    assert bench.sockets.sent == []


def test_a_wire_server_that_moved_is_found_by_one_question_in_spite_of_a_route_to_the_old_one() -> None:
    bench = Bench(routes=HEAD + DEFAULT + TO_FABRIC, offers=(OFFER,))
    found = bench.discovery.moved(KNOWN_ADDRESS)
    assert found is not None
    assert (found.address, found.source, len(bench.sockets.sent)) == ("10.77.0.16", "dhcp", 1)


def test_a_later_look_asks_for_an_answer_to_everybody_because_the_clients_own_would_get_one_to_its_address() -> None:
    bench = Bench(offers=(OFFER,))
    bench.discovery.moved(KNOWN_ADDRESS)
    assert [packet[10] for packet, _ in bench.sockets.sent] == [0x80]


@pytest.mark.parametrize(
    ("look", "verbs"),
    [(lambda found: found.discover(), ["stop", "start"]), (lambda found: found.moved(KNOWN_ADDRESS), [])],
    ids=["at the start", "later"],
)
def test_only_at_the_start_the_dhcp_client_is_stopped_where_that_is_needed(
    look: Callable[[Discovery], object], verbs: list[str]
) -> None:
    stopping = Surroundings(stop_client=("systemctl", "stop", "x"), start_client=("systemctl", "start", "x"))
    commands = FakeCommands(lambda argv, stdin: b"", known=("systemctl",))
    world = World(files=FakeFiles({}), sockets=FakeSockets(lambda packet: (OFFER,)), commands=commands)
    discovery = Discovery(
        world.system, Config(), (), lambda address: None,
        card=lambda: ("eth0", MAC), surroundings=stopping, identifier=lambda: XID,
    )  # fmt: skip
    look(discovery)
    assert [argv[1] for argv in commands.argvs if argv[0] == "systemctl"] == verbs


def test_a_silent_wire_server_that_did_not_move_gets_no_request_from_the_look() -> None:
    bench = Bench(lease=LEASE, bad=("168.63.129.10",))
    assert bench.discovery.moved("168.63.129.10") == Endpoint(KNOWN_ADDRESS, "known")
    bench = Bench(bad=(KNOWN_ADDRESS,))
    assert bench.discovery.moved(KNOWN_ADDRESS) is None
    assert bench.believed == []


def test_the_endpoint_is_saved_and_forgotten_in_the_files_of_the_protocol() -> None:
    world = World()
    assert saved(world.system, PATHS) is None
    save(world.system, PATHS, Endpoint("10.77.0.16"))
    assert world.files.content[PATHS.protocol] == b"WireProtocol"
    assert world.files.content[PATHS.wire_server_endpoint] == b"10.77.0.16"
    assert saved(world.system, PATHS) == "10.77.0.16"
    forget(world.system, PATHS)
    assert saved(world.system, PATHS) is None


@pytest.mark.parametrize(
    ("protocol", "endpoint", "expected"),
    [
        (b"WireProtocol", b"10.0.0.16\n", "10.0.0.16"),
        (b"WireProtocol", b"", KNOWN_ADDRESS),
        (b"WireProtocol", None, KNOWN_ADDRESS),
        (b"WireProtocol\n", b"10.0.0.16", None),
        (b"MetadataProtocol", b"10.0.0.16", None),
    ],
)
def test_what_was_saved_counts_only_with_the_exact_mark(protocol: bytes, endpoint: bytes | None, expected: str | None) -> None:
    world = World(files=FakeFiles({PATHS.protocol: protocol}))
    if endpoint is not None:
        world.files.content[PATHS.wire_server_endpoint] = endpoint
    assert saved(world.system, PATHS) == expected


def test_a_port_that_cannot_be_used_is_a_cause_not_a_crash() -> None:
    bench = Bench(bad=(KNOWN_ADDRESS,))

    class Busy(FakeSockets):
        def broadcast(self, packet: bytes, **options: object) -> bytes | None:
            raise SystemFailure("UDP port 68 is in use")

    busy = World(files=bench.world.files, commands=bench.commands, sockets=Busy(), clock=bench.world.clock)
    discovery = Discovery(busy.system, Config(), (), bench.believe, card=lambda: ("eth0", MAC))
    with pytest.raises(ExchangeFailure) as caught:
        discovery.discover()
    assert "port 68" in str(caught.value)
