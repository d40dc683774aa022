"""The two packets of our own DHCP exchange (fabric.md 1.3, guest.md 5.3).

Layout of both: 236 bytes of BOOTP (0 op, 1 htype, 2 hlen, 4 transaction id, 10 flags, 28 MAC), at 236 the cookie
``63825363``, from 240 options as (code, length, data) up to 255. Odd: an answer may be for another machine (trap 60);
249 is Microsoft's number for the classless routes of 121.
"""

from __future__ import annotations

from collections.abc import Iterator

from waagent.model.failure import DocumentFailure
from waagent.model.network import DhcpOffer, Route

DOCUMENT = "DHCP answer"
LENGTH = 244
SHORTEST_ANSWER = 246
COOKIE = bytes((99, 130, 83, 99))
_TRANSACTION, _MAC, _COOKIE = slice(4, 8), slice(28, 34), slice(236, 240)
_OPTIONS = 240
_FLAGS = 10
_PAD, _GATEWAY, _ROUTES, _MICROSOFT_ROUTES, _ENDPOINT, _END = 0, 3, 121, 249, 245, 255


def discover(identifier: bytes, mac: bytes, broadcast: bool) -> bytes:
    """A DISCOVER; ``identifier`` are 4 bytes. ``broadcast`` asks for an answer to everybody."""
    packet = bytearray(LENGTH)
    packet[0:3] = (1, 1, 6)
    packet[_TRANSACTION] = identifier.ljust(4, b"\0")[:4]
    packet[_FLAGS] = 0x80 if broadcast else 0
    packet[_MAC] = mac.ljust(6, b"\0")[:6]
    packet[_COOKIE] = COOKIE
    packet[_OPTIONS:] = (53, 1, 1, _END)
    return bytes(packet)


def parse_offer(reply: bytes, identifier: bytes, mac: bytes) -> DhcpOffer:
    """What an answer to that DISCOVER says. Errors: ``DocumentFailure`` when it is too short or for somebody else."""
    if len(reply) < SHORTEST_ANSWER:
        raise DocumentFailure(DOCUMENT, "", f"has {len(reply)} bytes, fewer than {SHORTEST_ANSWER}")
    checks = (("cookie", _COOKIE, COOKIE), ("transaction id", _TRANSACTION, identifier), ("hardware address", _MAC, mac))
    for what, place, expected in checks:
        if reply[place] != expected:
            raise DocumentFailure(DOCUMENT, what, "is not that of the question")
    return offered(reply)


def offered(packet: bytes) -> DhcpOffer:
    """What the options of a packet say whose sender need not be checked."""
    endpoint: str | None = None
    gateway: str | None = None
    routes: dict[Route, None] = {}
    for code, data in options(packet):
        if code == _ENDPOINT and len(data) == 4:
            endpoint = dotted(data)
        elif code == _GATEWAY and len(data) >= 4:
            gateway = dotted(data[:4])
        elif code in (_ROUTES, _MICROSOFT_ROUTES):
            routes.update(dict.fromkeys(classless(data)))
    return DhcpOffer(endpoint, gateway, tuple(routes))


def options(packet: bytes) -> Iterator[tuple[int, bytes]]:
    """The options of a packet, up to its end mark or to one that is cut off."""
    place = _OPTIONS
    while place < len(packet) and packet[place] != _END:
        if packet[place] == _PAD:
            place += 1
            continue
        if place + 1 >= len(packet):
            return
        end = place + 2 + packet[place + 1]
        if end > len(packet):
            return
        yield packet[place], packet[place + 2 : end]
        place = end


def kept(packet: bytes) -> DhcpOffer | None:
    """What a packet says that a client keeps as its lease; None when it is none."""
    return offered(packet) if packet[_COOKIE] == COOKIE else None


def dotted(data: bytes) -> str:
    return ".".join(str(part) for part in data)


def classless(data: bytes) -> Iterator[Route]:
    """(mask bits, as many bytes of the network as they need, gateway) again and again; ends where that makes no sense."""
    place = 0
    while place < len(data):
        bits = data[place]
        size = (bits + 7) // 8
        gateway = place + 1 + size
        if bits > 32 or gateway + 4 > len(data):
            return
        network = data[place + 1 : gateway].ljust(4, b"\0")
        yield Route(f"{dotted(network)}/{bits}", dotted(data[gateway : gateway + 4]))
        place = gateway + 4
