"""DNS: own names are answered, others do not exist, at once."""

import random
import socket
import struct

import pytest

from fabriclab.emulator import dns
from fabriclab.world.values import World
from unit.fabriclab.emulator.bench import running


def query(name: str, kind: int = dns.A, flags: int = 0x0100, questions: int = 1) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".") if label)
    return struct.pack("!6H", 77, flags, questions, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", kind, 1)


def ask(name: str, kind: int = dns.A) -> tuple[int, bytes]:
    """Response code and the data of the first record."""
    packet, _ = dns.answer(dns.parse(query(name, kind)), World())
    number, flags, _, answers, *_ = struct.unpack_from("!6H", packet)
    assert number == 77 and flags & 0x8000
    if not answers:
        return flags & 15, b""
    place = len(query(name, kind))
    kind_, _, _, length = struct.unpack_from("!HHIH", packet, place + 2)
    assert kind_ in (dns.A, dns.PTR)
    return flags & 15, packet[place + 12 : place + 12 + length]


def test_the_vms_own_name_is_answered_in_any_domain_and_case() -> None:
    assert ask("labvm01") == (0, bytes([10, 77, 0, 4]))
    assert ask("LABVM01.internal.example.net") == (0, bytes([10, 77, 0, 4]))
    assert ask("labvm01", dns.AAAA) == (0, b"")


def test_the_way_back_from_the_address_leads_to_the_name() -> None:
    code, name = ask("4.0.77.10.in-addr.arpa", dns.PTR)
    assert code == 0 and name.startswith(b"\x07labvm01\x09labregion")


def test_everything_else_does_not_exist() -> None:
    assert ask("www.example.net") == (dns.NO_SUCH_NAME, b"")
    assert ask("5.0.77.10.in-addr.arpa", dns.PTR) == (dns.NO_SUCH_NAME, b"")


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (b"", "too short"),
        (query("a", flags=0x8000), "an answer"),
        (query("a", questions=2), "2 questions"),
        (query("a")[:-5], "cut off"),
        (query("a")[:12] + b"\xc0\x0c\0\1\0\1", "pointer"),
    ],
)
def test_what_is_no_question_is_refused(packet: bytes, reason: str) -> None:
    with pytest.raises(dns.BadQuery, match=reason):
        dns.parse(packet)


def test_another_operation_is_not_implemented() -> None:
    packet, _ = dns.answer(dns.parse(query("a", flags=0x2800)), World())
    assert packet[3] & 15 == dns.NOT_IMPLEMENTED


def test_any_bytes_are_a_question_or_a_bad_query() -> None:
    dice = random.Random(2)
    for _ in range(3000):
        packet = bytearray(query("labvm01.example.net"))
        for _ in range(dice.randrange(5)):
            packet[dice.randrange(2, len(packet))] = dice.randrange(256)
        try:
            dns.answer(dns.parse(bytes(packet[: dice.randrange(len(packet) + 1)])), World())
        except dns.BadQuery:
            pass


def test_the_responder_answers_on_its_socket_and_survives_rubbish() -> None:
    with running() as bench, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(10)
        client.connect(("127.0.0.1", bench.binder.ports[("168.63.129.16", 53)]))
        client.send(b"rubbish")
        client.send(query("labvm01"))
        assert client.recv(512).endswith(bytes([10, 77, 0, 4]))
        assert [entry.who for entry in bench.journal.entries()] == ["guest", "guest"]


def test_it_answers_over_tcp_too_one_after_the_other() -> None:
    with running() as bench:
        place = ("127.0.0.1", bench.binder.streams[("168.63.129.16", 53)])
        for rubbish in (b"", b"\x00\x03bad"):
            with socket.create_connection(place, 10) as client:
                client.sendall(rubbish)
        with socket.create_connection(place, 10) as client:
            for _ in range(2):
                question = query("labvm01")
                client.sendall(len(question).to_bytes(2, "big") + question)
                length = int.from_bytes(client.recv(2, socket.MSG_WAITALL), "big")
                assert client.recv(length, socket.MSG_WAITALL).endswith(bytes([10, 77, 0, 4]))
