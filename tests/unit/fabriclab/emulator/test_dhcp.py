"""DHCP packets, byte by byte, and the responder on a real socket."""

import random
import socket
import struct
from dataclasses import replace

import pytest

from fabriclab.emulator import dhcp
from fabriclab.faults.effects import Drop
from fabriclab.faults.rule import Rule
from fabriclab.world.values import World
from unit.fabriclab.emulator.bench import running

MAC = bytes.fromhex("000d3a112233")


def probe(kind: int = dhcp.DISCOVER, flags: int = 0, options: bytes = b"") -> bytes:
    """The fixed packet of an agent's probe: 244 bytes with no options of its own."""
    packet = bytearray(240)
    packet[0:3] = b"\x01\x01\x06"
    packet[4:8] = b"\xde\xad\xbe\xef"
    packet[10:12] = struct.pack("!H", flags)
    packet[28:34] = MAC
    packet[236:240] = dhcp.COOKIE
    return bytes(packet) + bytes([53, 1, kind]) + options + b"\xff"


def options(packet: bytes) -> dict[int, bytes]:
    found, place = {}, 240
    while packet[place] != 255:
        length = packet[place + 1]
        found[packet[place]] = packet[place + 2 : place + 2 + length]
        place += 2 + length
    return found


def test_a_probe_is_offered_the_wire_server_the_gateway_and_the_routes() -> None:
    assert len(probe()) == 244
    answer = dhcp.reply(dhcp.parse(probe()), World())
    assert answer is not None and len(answer) >= 0xF6
    assert answer[0:3] == b"\x02\x01\x06"
    assert answer[4:8] == b"\xde\xad\xbe\xef" and answer[28:34] == MAC and answer[236:240] == dhcp.COOKIE
    assert answer[16:20] == bytes([10, 77, 0, 4])
    told = options(answer)
    assert told[53] == b"\x02"
    assert told[245] == bytes([168, 63, 129, 16])
    assert told[3] == bytes([10, 77, 0, 1])
    assert told[1] == bytes([255, 255, 255, 0])
    assert (
        told[249]
        == told[121]
        == (
            bytes([0, 10, 77, 0, 1])
            + bytes([32, 168, 63, 129, 16, 10, 77, 0, 1])
            + bytes([32, 169, 254, 169, 254, 10, 77, 0, 1])
        )
    )


def test_a_route_carries_only_the_bytes_its_network_needs() -> None:
    assert dhcp.classless_routes((("10.20.0.0/14", "10.0.0.1"),)) == bytes([14, 10, 20, 10, 0, 0, 1])


@pytest.mark.parametrize(("kind", "answer"), [(1, 2), (3, 5), (8, 5), (7, None), (4, None)])
def test_each_message_has_its_answer(kind: int, answer: int | None) -> None:
    packet = dhcp.reply(dhcp.parse(probe(kind)), World())
    assert (None if packet is None else options(packet)[53][0]) == answer


def test_the_address_comes_from_the_world() -> None:
    world = replace(World(), identity=replace(World().identity, private_address="10.9.8.7", prefix=20))
    packet = dhcp.reply(dhcp.parse(probe()), world)
    assert packet is not None and packet[16:20] == bytes([10, 9, 8, 7])
    assert options(packet)[1] == bytes([255, 255, 240, 0])


@pytest.mark.parametrize(
    ("sender", "flags", "where"),
    [
        (("0.0.0.0", 68), 0, ("255.255.255.255", 68)),
        (("10.77.0.4", 68), 0, ("10.77.0.4", 68)),
        (("10.77.0.4", 68), 0x8000, ("255.255.255.255", 68)),
        (("127.0.0.1", 4000), 0x8000, ("127.0.0.1", 4000)),
    ],
)
def test_who_has_no_address_or_wishes_it_gets_a_broadcast(sender: tuple[str, int], flags: int, where: tuple[str, int]) -> None:
    assert dhcp.destination(dhcp.parse(probe(flags=flags)), sender) == where


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (b"", "too short"),
        (probe()[:239], "too short"),
        (b"\x02" + probe()[1:], "not a request"),
        (probe()[:236] + b"abcd" + probe()[240:], "magic cookie"),
        (probe()[:2] + b"\x08" + probe()[3:], "not Ethernet"),
        (probe()[:240] + b"\xff", "option 53"),
        (probe(options=bytes([12, 200]))[:-1], "option 12 is cut off"),
    ],
)
def test_what_is_no_request_is_refused(packet: bytes, reason: str) -> None:
    with pytest.raises(dhcp.BadPacket, match=reason):
        dhcp.parse(packet)


def test_any_bytes_are_a_query_or_a_bad_packet() -> None:
    dice = random.Random(1)
    for _ in range(3000):
        packet = bytearray(probe(options=dice.randbytes(dice.randrange(40))))
        for _ in range(dice.randrange(4)):
            packet[dice.randrange(len(packet))] = dice.randrange(256)
        try:
            dhcp.reply(dhcp.parse(bytes(packet)), World())
        except dhcp.BadPacket:
            pass


@pytest.mark.parametrize(
    ("said", "name"),
    [(b"web-1", "web-1"), (b"Web-1.example.net\0", "web-1"), (b"", None), (b"-x", None), (b"a b", None), (b"\xff", None)],
)
def test_the_name_a_client_asks_for_is_its_first_label(said: bytes, name: str | None) -> None:
    option = bytes([12, len(said)]) + said if said else b""
    assert dhcp.parse(probe(options=option)).host_name == name


def test_a_name_that_was_asked_for_is_known_to_dns() -> None:
    with running() as bench, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(10)
        client.sendto(probe(dhcp.REQUEST, options=b"\x0c\x05web-1"), ("127.0.0.1", bench.binder.ports[("0.0.0.0", 67)]))
        client.recv(1024)
        assert bench.last.facts["host_name"] == "web-1"
        question = struct.pack("!6H", 5, 0x0100, 1, 0, 0, 0) + b"\x05web-1\x03lab\0" + struct.pack("!2H", 1, 1)
        client.sendto(question, ("127.0.0.1", bench.binder.ports[("168.63.129.16", 53)]))
        assert client.recv(512).endswith(bytes([10, 77, 0, 4]))


def test_the_responder_answers_on_its_socket_and_survives_rubbish_and_faults() -> None:
    with running() as bench, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(10)
        client.connect(("127.0.0.1", bench.binder.ports[("0.0.0.0", 67)]))
        client.send(b"rubbish")
        client.send(probe())
        assert options(client.recv(1024))[245] == bytes([168, 63, 129, 16])
        assert [entry.facts.get("refusal", entry.facts.get("message")) for entry in bench.journal.entries()] == [
            "7 bytes are too short for DHCP",
            "DISCOVER",
        ]
        bench.fabric.inject(Rule(Drop(), service="dhcp", nth=(1,)))
        client.send(probe())
        client.send(probe(dhcp.REQUEST))
        assert options(client.recv(1024))[53] == b"\x05"
