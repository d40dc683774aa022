"""What DHCP told us (fabric.md 1.3, guest.md 5)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Route:
    """A route to add: destination in CIDR form, gateway as dotted text."""

    destination: str
    gateway: str


@dataclass(frozen=True)
class DhcpOffer:
    """What a lease says of the platform's address, and of the way there."""

    endpoint: str | None = None
    gateway: str | None = None
    routes: tuple[Route, ...] = ()


@dataclass(frozen=True)
class RouteEntry:
    """One line of the kernel's IPv4 routing table; addresses as dotted text."""

    interface: str
    destination: str
    gateway: str
    mask: str
    flags: int
    metric: int


@dataclass(frozen=True)
class RdmaAddress:
    """What an RDMA device is to be called: IPv4 as dotted text, hardware address as twelve digits in upper case."""

    ipv4: str
    mac: str

    @property
    def mac_with_colons(self) -> str:
        return ":".join(self.mac[at : at + 2] for at in range(0, 12, 2))
