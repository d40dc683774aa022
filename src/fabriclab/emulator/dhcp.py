"""Azure's DHCP server, as far as an agent asks it (fabric.md 1.3): one VM, one address, the wire server in option 245.

    0 op   1 htype   2 hlen   4 xid (4)   10 flags   12 ciaddr   16 yiaddr   20 siaddr   28 chaddr (16)
    236 magic cookie   240 options: code, length, data … 255

A probe from an agent is a DISCOVER without a following REQUEST. Real clients send REQUEST and INFORM too; they get an ACK.
"""

import ipaddress
import re
import struct
from dataclasses import dataclass

from fabriclab.world.addresses import WIRE_SERVER
from fabriclab.world.values import World

SERVER_PORT = 67
CLIENT_PORT = 68
COOKIE = b"\x63\x82\x53\x63"
OPTIONS = 240
DISCOVER, OFFER, REQUEST, ACK, INFORM = 1, 2, 3, 5, 8
KINDS = {1: "DISCOVER", 3: "REQUEST", 4: "DECLINE", 7: "RELEASE", 8: "INFORM"}
BROADCAST = 0x8000

METADATA = "169.254.169.254"
GATEWAY = "10.77.0.1"


_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")


class BadPacket(ValueError):
    """What came is no request of a DHCP client; one sentence."""


@dataclass(frozen=True)
class Query:
    kind: int
    transaction: bytes
    flags: int
    client_address: bytes
    hardware: bytes
    hardware_length: int
    options: dict[int, bytes]

    @property
    def mac(self) -> str:
        return ":".join(f"{byte:02x}" for byte in self.hardware[: self.hardware_length])

    @property
    def host_name(self) -> str | None:
        """The name the client wants to be known by (option 12); None when it says none, or nothing that is a name."""
        name = self.options.get(12, b"").rstrip(b"\0").decode("latin-1").partition(".")[0]
        return name.lower() if _LABEL.fullmatch(name) else None


def parse(packet: bytes) -> Query:
    if len(packet) < OPTIONS:
        raise BadPacket(f"{len(packet)} bytes are too short for DHCP")
    if packet[0] != 1:
        raise BadPacket(f"op is {packet[0]}, not a request")
    if packet[236:240] != COOKIE:
        raise BadPacket("the magic cookie is missing")
    if packet[1] != 1 or packet[2] != 6:
        raise BadPacket("the hardware address is not Ethernet's")
    options = _options(packet[OPTIONS:])
    kind = options.get(53, b"")
    if len(kind) != 1:
        raise BadPacket("option 53 (message type) is missing")
    flags = int.from_bytes(packet[10:12], "big")
    return Query(kind[0], packet[4:8], flags, packet[12:16], packet[28:44], packet[2], options)


def reply(query: Query, world: World, gateway: str = GATEWAY) -> bytes | None:
    """The answer, or None when a client's message asks for none."""
    kind = {DISCOVER: OFFER, REQUEST: ACK, INFORM: ACK}.get(query.kind)
    if kind is None:
        return None
    yours = b"\0" * 4 if query.kind == INFORM else _address(world.identity.private_address)
    flags = query.flags.to_bytes(2, "big")
    head = b"\x02\x01\x06\0" + query.transaction + b"\0\0" + flags + query.client_address + yours + b"\0" * 8 + query.hardware
    return head + b"\0" * (236 - len(head)) + COOKIE + _answer_options(kind, world, gateway)


def destination(query: Query, sender: tuple[str, int]) -> tuple[str, int]:
    """Whom the answer goes to: a client without an address, or one that wishes it, hears only broadcasts."""
    address = ipaddress.ip_address(sender[0])
    if address.is_loopback:
        return sender
    if address.is_unspecified or query.flags & BROADCAST:
        return "255.255.255.255", CLIENT_PORT
    return sender


def classless_routes(routes: tuple[tuple[str, str], ...]) -> bytes:
    """Option 249: the prefix length, the bytes of the network it needs, the gateway; for each (network, gateway)."""
    made = b""
    for network, gateway in routes:
        parsed = ipaddress.ip_network(network)
        needed = (parsed.prefixlen + 7) // 8
        made += bytes([parsed.prefixlen]) + parsed.network_address.packed[:needed] + _address(gateway)
    return made


def _answer_options(kind: int, world: World, gateway: str) -> bytes:
    wire_server = world.wire_server
    named = wire_server if world.option_245 is None else world.option_245
    mask = ipaddress.ip_network((0, world.identity.prefix)).netmask.packed
    routes = classless_routes((("0.0.0.0/0", gateway), (f"{wire_server}/32", gateway), (f"{METADATA}/32", gateway)))
    options = (
        (53, bytes([kind])),
        (54, _address(wire_server)),
        *(((245, _address(named)),) if named else ()),
        (3, _address(gateway)),
        (1, mask),
        (6, _address(WIRE_SERVER)),  # DNS stays where it is
        (51, struct.pack("!I", 0xFFFFFFFF)),
        (249, routes),
        (121, routes),  # by which newer cloud-init knows the platform's own interface, asked for or not
    )
    return b"".join(bytes([code, len(data)]) + data for code, data in options) + b"\xff"


def _options(data: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    place = 0
    while place < len(data) and data[place] != 255:
        if data[place] == 0:
            place += 1
            continue
        if place + 1 >= len(data) or place + 2 + data[place + 1] > len(data):
            raise BadPacket(f"option {data[place]} is cut off")
        length = data[place + 1]
        found.setdefault(data[place], data[place + 2 : place + 2 + length])
        place += 2 + length
    return found


def _address(text: str) -> bytes:
    return ipaddress.IPv4Address(text).packed
