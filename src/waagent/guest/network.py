"""The primary interface (guest.md 5.1): the one with the cheapest default route.

Odd: under SR-IOV a card is there twice, as the synthetic device and as a function of the hardware that is enslaved to it;
only the synthetic one is ever worked on. InfiniBand belongs to RDMA, and is neither chosen nor configured (guest.md 5.7).
"""

from __future__ import annotations

import re

from waagent.codec import route_table
from waagent.guest.profile import Guest
from waagent.system.port import System

ROUTES = "/proc/net/route"
CARDS = "/sys/class/net"
ETHERNET = 6
"""Bytes of a hardware address that DHCP can carry here; InfiniBand's have 20."""
_GATEWAY = 0x2
_MADE_BY_SOFTWARE = ("docker", "veth", "br-", "virbr", "tun", "tap", "wg", "cali", "flannel", "cni", "lxc", "dummy", "bond")


def primary_interface(system: System, guest: Guest) -> str | None:
    """Its name, or None while there is none."""
    if guest.primary_interface:
        return first_interface(system.commands.run(guest.primary_interface, ok=None).stdout)
    content = system.files.read_if_there(ROUTES)
    for name in by_cost((content or b"").decode("ascii", "replace")):
        synthetic = _master(system, name) or name
        if not _is_infiniband(system, synthetic):
            return synthetic
    return None


def card(system: System, guest: Guest) -> tuple[str, bytes] | None:
    """Name and hardware address to ask for an address on: the primary one, else the likeliest; None without any."""
    cards = {
        name: address
        for name, address in system.sockets.interfaces()
        if len(address) == ETHERNET and not _is_infiniband(system, name) and not _is_enslaved(system, name)
    }
    primary = primary_interface(system, guest)
    name = primary if primary in cards else min(cards, key=likelihood, default=None)
    return None if name is None else (name, cards[name])


def by_cost(text: str) -> tuple[str, ...]:
    """The interfaces of default routes in the text of /proc/net/route, the lowest metric first; the first one on a tie."""
    found = [entry for entry in route_table.parse(text) if entry.destination == "0.0.0.0" and entry.flags & _GATEWAY]
    return tuple(entry.interface for entry in sorted(found, key=lambda entry: entry.metric))


def likelihood(name: str) -> tuple[int, str]:
    """Order in which cards are taken where no route decides: synthetic ones first, what software makes last."""
    if name.startswith(("eth", "hn")):
        return 0, name
    return (2 if name.startswith(_MADE_BY_SOFTWARE) else 1), name


def first_interface(text: str) -> str | None:
    """The first name that ``ifconfig -l ether`` (names) or ``ifconfig hvn`` (paragraphs) prints."""
    match = re.search(r"[a-z]+\d+", text)
    return match[0] if match else None


def _master(system: System, name: str) -> str | None:
    """The device that an interface is enslaved to, by the link the kernel keeps."""
    facts = system.files.facts(f"{CARDS}/{name}/master")
    return facts.target.rpartition("/")[2] or None if facts is not None and facts.target else None


def _is_enslaved(system: System, name: str) -> bool:
    return _master(system, name) is not None


def _is_infiniband(system: System, name: str) -> bool:
    content = system.files.read_if_there(f"{CARDS}/{name}/type", 16)
    return (content or b"").strip() == b"32"
