"""The default gateway and the classless routes in the files of DHCP clients (fabric.md 1.4, guest.md 5.4).

    dhclient   option routers 10.0.0.1;  option rfc3442-classless-static-routes 32,168,63,129,16,10,0,0,1;
               option unknown-249 20:a8:3f:81:10:a:0:0:1;
    OpenBSD    option routers 10.0.0.1;  option classless-static-routes 168.63.129.16/32 10.0.0.1, …;
    networkd   ROUTER=10.0.0.1           ROUTES=168.63.129.16/32,10.0.0.1 …

Odd: dhclient prints an option that it has no name for as hexadecimal bytes, one that its configuration names as numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime

from waagent.codec import dhcp_packet
from waagent.codec.leases import blocks, is_ahead
from waagent.model.network import DhcpOffer, Route

_ADDRESS = r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}"
_ROUTERS = re.compile(rf"option\s+routers\s+({_ADDRESS})")
_BYTES = re.compile(
    r"option\s+(?:unknown-(?:121|249)|[a-z0-9-]*classless[a-z-]*routes?)\s+([0-9A-Fa-f]{1,3}(?:[:,]\s*[0-9A-Fa-f]{1,3})+)\s*;"
)
_PAIR = re.compile(rf"({_ADDRESS})/([0-9]{{1,2}})[\s,]+({_ADDRESS})")
_PAIRS = re.compile(r"option\s+[a-z-]*classless[a-z-]*routes?\s+(.*);")
_NETWORKMANAGER_ROUTER = re.compile(rf"\brouters?\s*[=:]\s*({_ADDRESS})")
_NETWORKMANAGER_ROUTES = re.compile(r"\b(?:rfc3442|ms)_classless_static_routes\s*[=:]\s*(.*)")


def from_dhclient(texts: Iterable[str], now: datetime) -> DhcpOffer | None:
    """The last block, over all files, that has not expired and names a way; OpenBSD's files too."""
    found: DhcpOffer | None = None
    for text in texts:
        for block in blocks(text):
            if any(is_ahead(line, now) for line in block):
                found = _offer(_first(_ROUTERS, block), [route for line in block for route in _of_option(line)]) or found
    return found


def from_networkd(texts: Iterable[str]) -> DhcpOffer | None:
    for text in texts:
        values = dict(line.strip().split("=", 1) for line in text.splitlines() if "=" in line)
        routers = values.get("ROUTER", "").split()
        routes = [route for pair in values.get("ROUTES", "").split() for route in _pairs(pair)]
        offer = _offer(next(filter(_is_address, routers), None), routes)
        if offer is not None:
            return offer
    return None


def from_networkmanager(texts: Iterable[str]) -> DhcpOffer | None:
    """NetworkManager's internal client, as nmcli prints its options: ``ms_classless_static_routes = NET/N GATEWAY …``."""
    for text in texts:
        lines = text.splitlines()
        listed = [match[1] for line in lines if (match := _NETWORKMANAGER_ROUTES.search(line))]
        offer = _offer(_first(_NETWORKMANAGER_ROUTER, lines), [route for each in listed for route in _pairs(each)])
        if offer is not None:
            return offer
    return None


def _offer(gateway: str | None, routes: list[Route]) -> DhcpOffer | None:
    if gateway is not None and not _is_address(gateway):
        gateway = None
    return DhcpOffer(None, gateway, tuple(dict.fromkeys(routes))) if gateway or routes else None


def _first(pattern: re.Pattern[str], lines: list[str]) -> str | None:
    return next((match[1] for line in lines if (match := pattern.search(line))), None)


def _of_option(line: str) -> Iterator[Route]:
    pairs = _PAIRS.match(line)
    if pairs is not None:
        yield from _pairs(pairs[1])
    found = _BYTES.match(line)
    if found is None:
        return
    base = 16 if ":" in found[1] else 10
    try:
        yield from dhcp_packet.classless(bytes(int(part, base) for part in re.split(r"[:,]\s*", found[1])))
    except ValueError:
        return  # a number that is no byte


def _pairs(text: str) -> Iterator[Route]:
    for network, bits, gateway in _PAIR.findall(text):
        if _is_address(network) and _is_address(gateway) and int(bits) <= 32:
            yield Route(f"{network}/{int(bits)}", gateway)


def _is_address(text: str) -> bool:
    return re.fullmatch(_ADDRESS, text) is not None and all(int(part) < 256 for part in text.split("."))
