"""The routes that the platform's DHCP gives, and whether this machine has them (guest.md 5.4 and 5.6).

What the last exchange of our own named is kept, so that it can be given back after a restart of the system's own client.
Odd: the system's table is never taken apart: routes are added where they are missing, and none is changed or removed.
"""

from __future__ import annotations

from waagent.config.paths import Paths
from waagent.model.failure import CommandFailure, DocumentFailure
from waagent.model.network import DhcpOffer, Route, RouteEntry
from waagent.system.port import System

EVERYWHERE = "0.0.0.0/0"
KNOWN_ADDRESS = "168.63.129.16"
LINUX = ("ip", "route", "add", "{destination}", "via", "{gateway}")
BSD = ("route", "add", "{destination}", "{gateway}")


def wanted(offer: DhcpOffer) -> tuple[Route, ...]:
    """Everything that an answer names, the default route first; its own option for that one comes before the others."""
    named = ((Route(EVERYWHERE, offer.gateway),) if offer.gateway else ()) + offer.routes
    by_destination: dict[str, Route] = {}
    for route in named:
        by_destination.setdefault(route.destination, route)
    return tuple(by_destination.values())


def missing(routes: tuple[Route, ...], text: str) -> tuple[Route, ...]:
    """Those that the routing table has no way to. Nothing is missing in a table that could not be read."""
    if not text:
        return ()
    default, present = has_default_route(text), destinations(text)
    return tuple(
        route for route in routes if not (default if route.destination == EVERYWHERE else route.destination in present)
    )


def add(system: System, routes: tuple[Route, ...], command: tuple[str, ...] = LINUX) -> tuple[Route, ...]:
    """Add routes; those that were taken. One that is there already, or whose gateway is out of reach, is left alone."""
    if not routes or not system.commands.find(command[0]):
        return ()
    taken = []
    for route in routes:
        words = {"destination": "default" if route.destination == EVERYWHERE else route.destination, "gateway": route.gateway}
        try:
            system.commands.run(tuple(word.format(**words) for word in command), timeout=30.0)
        except CommandFailure as failure:
            system.log.verbose(f"the route to {words['destination']} was not added: {failure.reason} {failure.stderr.strip()}")
        else:
            taken.append(route)
    return tuple(taken)


# -- what the last exchange named


def save(system: System, paths: Paths, offer: DhcpOffer) -> None:
    """Keep what an answer names, unless it names nothing or the same as before."""
    from waagent.codec import dhcp_routes

    routes = wanted(offer)
    if routes and routes != saved(system, paths):
        system.files.write(paths.dhcp_routes, dhcp_routes.render(routes), 0o644)


def saved(system: System, paths: Paths) -> tuple[Route, ...]:
    from waagent.codec import dhcp_routes

    content = system.files.read_if_there(paths.dhcp_routes, 64 * 1024)
    try:
        return () if content is None else dhcp_routes.parse(content)
    except DocumentFailure as failure:
        system.log.verbose(f"what DHCP said last cannot be read: {failure}")
        return ()


# -- what the routing table says


def table(system: System) -> str:
    """The kernel's IPv4 routes: /proc/net/route, or the output of netstat where there is none (BSD); empty if neither."""
    data = system.files.read_if_there("/proc/net/route")
    if data is not None:
        return data.decode("ascii", "replace")
    try:
        return system.commands.run(("netstat", "-rn", "-f", "inet"), timeout=10.0).stdout
    except CommandFailure:
        return ""


def entries(text: str) -> tuple[RouteEntry, ...]:
    from waagent.codec import route_table

    return route_table.parse(text) if text.startswith("Iface") else ()


def destinations(text: str) -> frozenset[str]:
    """Where the routes of a table lead, as address and prefix length; a BSD's as it prints them, with /32 for a host."""
    if text.startswith("Iface"):
        return frozenset(f"{entry.destination}/{_length(entry.mask)}" for entry in entries(text))
    first = (line.split()[0] for line in text.splitlines() if line.strip())
    return frozenset(word if "/" in word else f"{word}/32" for word in first)


def has_route(text: str) -> bool:
    """Whether a route's destination is the known address: the destination column, not any text (trap 61)."""
    return any(destination.partition("/")[0] == KNOWN_ADDRESS for destination in destinations(text))


def has_default_route(text: str) -> bool:
    """Whether there is a default route; True when the table could not be read (guest.md 5.4)."""
    if not text:
        return True
    if text.startswith("Iface"):
        return any(is_default(entry) for entry in entries(text))
    return any(line.startswith(("default ", "0.0.0.0 ")) for line in text.splitlines())


def is_default(entry: RouteEntry) -> bool:
    """A route to everywhere through a gateway (flag 2)."""
    return entry.destination == "0.0.0.0" and bool(entry.flags & 2)


def _length(mask: str) -> int:
    return sum(int(part).bit_count() for part in mask.split("."))
