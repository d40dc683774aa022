"""Azure's DNS server, as far as a lab needs one: the VM's own names (the VM's, and the one its DHCP client registered last);
everything else does not exist, and at once.

Without an answer sshd and sudo wait seconds for one. Names are matched by their first label, so that any domain will do.

    0 id (2)   2 flags (2)   4 counts of questions, answers, authorities, additions (2 each)   12 question: labels, type, class
"""

import ipaddress
import struct
from dataclasses import dataclass

from fabriclab.world.values import World

A, PTR, AAAA, ANY = 1, 12, 28, 255
NO_ERROR, FORMAT_ERROR, NO_SUCH_NAME, NOT_IMPLEMENTED = 0, 1, 3, 4
TTL = 30
_HEADER = struct.Struct("!6H")


class BadQuery(ValueError):
    """No question that could be answered at all; one sentence."""


@dataclass(frozen=True)
class Question:
    number: int
    flags: int
    name: str
    kind: int
    raw: bytes  # the question section as it came


def parse(packet: bytes) -> Question:
    if len(packet) < _HEADER.size:
        raise BadQuery(f"{len(packet)} bytes are too short for DNS")
    number, flags, questions, *_ = _HEADER.unpack_from(packet)
    if flags & 0x8000:
        raise BadQuery("an answer, not a question")
    if questions != 1:
        raise BadQuery(f"{questions} questions instead of one")
    labels = []
    place = _HEADER.size
    while True:
        if place >= len(packet):
            raise BadQuery("the name is cut off")
        length = packet[place]
        if length > 63:
            raise BadQuery("a pointer in a question")
        if length == 0:
            break
        labels.append(packet[place + 1 : place + 1 + length].decode("latin-1").lower())
        place += 1 + length
    if place + 5 > len(packet):
        raise BadQuery("the question is cut off")
    (kind,) = struct.unpack_from("!H", packet, place + 1)
    return Question(number, flags, ".".join(labels), kind, packet[_HEADER.size : place + 5])


def answer(question: Question, world: World, registered: str | None = None) -> tuple[bytes, str]:
    """The packet, and what it says for the journal. `registered`: the name the guest's DHCP client asked for."""
    if question.flags & 0x7800:
        return _packet(question, NOT_IMPLEMENTED), "an operation that is not a query"
    data = _lookup(question, world, registered or world.identity.vm_name.lower())
    if data is None:
        return _packet(question, NO_SUCH_NAME), f"{question.name}: no such name"
    if not data:
        return _packet(question, NO_ERROR), f"{question.name}: nothing of that type"
    kind = PTR if question.name.endswith(".in-addr.arpa") else A
    record = b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, TTL, len(data)) + data
    return _packet(question, NO_ERROR, record), f"{question.name}: answered"


def _lookup(question: Question, world: World, registered: str) -> bytes | None:
    """The record's data; empty for a name without records of that type, None for no such name."""
    own, name = world.identity, question.name
    address = ipaddress.IPv4Address(own.private_address)
    if name == address.reverse_pointer:
        return _encode(f"{registered}.{_domain(world)}") if question.kind in (PTR, ANY) else b""
    first = name.partition(".")[0]
    if first == "localhost":
        return ipaddress.IPv4Address("127.0.0.1").packed if question.kind in (A, ANY) else b""
    if first in (own.vm_name.lower(), registered):
        return address.packed if question.kind in (A, ANY) else b""
    return None


def _domain(world: World) -> str:
    return f"{world.identity.location}.internal.example.net"


def _encode(name: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode("ascii") for label in name.split(".")) + b"\0"


def _packet(question: Question, code: int, record: bytes = b"") -> bytes:
    flags = 0x8400 | (question.flags & 0x7900) | 0x0080 | code  # answer, authoritative, recursion offered
    return _HEADER.pack(question.number, flags, 1, 1 if record else 0, 0, 0) + question.raw + record
