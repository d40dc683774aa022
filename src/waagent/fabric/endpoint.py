"""Where the wire server is (fabric.md 1.2 to 1.4, guest.md 5.2).

In order: the known address when the configuration says so; a host route to it; option 245 in a lease file; option 245 in
the answer to a DISCOVER of our own; and after a failed exchange the known address once more (guest.md 5.2, step 5). What
is found is believed only after it has answered as a wire server: a private DNS server was taken for one in the field.
Odd: the exchange is only a probe, no address is taken; its packet is fixed, and only the first one of a process asks for
a unicast reply. After any wire server error the lease files are ignored for the rest of the search. A machine without a
default route gets the one that the answer names, and the routes beside it (option 249), before the address is tried.
``moved`` is the look that a resident agent takes when its wire server has fallen silent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from waagent.config.paths import Paths
from waagent.config.sections import Config
from waagent.fabric import leases
from waagent.fabric.dhcp import WAITS, Surroundings, add_routes, probe
from waagent.fabric.leases import LeaseSources
from waagent.model.failure import CommandFailure, DocumentFailure, ExchangeFailure, Failure, SystemFailure
from waagent.model.network import DhcpOffer, Route, RouteEntry
from waagent.system.port import System

KNOWN_ADDRESS = "168.63.129.16"
PROTOCOL_MARK = b"WireProtocol"


@dataclass(frozen=True)
class Endpoint:
    """An address that answered as a wire server, how it was found, and what a DHCP answer said besides."""

    address: str
    source: str = "known"
    """known, route, lease, dhcp, last resort, or saved."""
    gateway: str | None = None
    routes: tuple[Route, ...] = ()


class Discovery:
    """One process's search for the wire server; ``discover`` may be called again and again.

    ``believe`` proves that an address is a wire server (``WireServer.negotiate``) or raises. ``identifier`` makes the
    four random bytes of a transaction.
    """

    def __init__(
        self,
        system: System,
        config: Config,
        sources: LeaseSources,
        believe: Callable[[str], None],
        *,
        dhcp_available: bool = True,
        surroundings: Surroundings | None = None,
        identifier: Callable[[], bytes] | None = None,
    ) -> None:
        self._system = system
        self._dhcp_wanted = dhcp_available and (config.protocol.endpoint_discovery or "").lower() == "dhcp"
        self._sources = sources
        self._believe = believe
        self._surroundings = surroundings or Surroundings()
        self._identifier = identifier or random_identifier
        self._found: Endpoint | None = None
        self._skip_leases = False
        self._probed = False

    def distrust(self) -> None:
        """A conversation with the endpoint failed: forget it, and ignore the lease files from now on (guest.md 5.2)."""
        self._found = None
        self._skip_leases = True

    def discover(self) -> Endpoint:
        """An endpoint that has just proved itself. Errors: ``ExchangeFailure`` with the cause of every way tried."""
        if self._found is not None:
            self._believe(self._found.address)
            return self._found
        found = self._search()
        self._found = found
        return found

    def moved(self, silent: str) -> Endpoint | None:
        """Another address than ``silent`` that answers as a wire server; None while there is none, whatever the reason.

        Looks where a move would show first: in the leases as they are now, in one DISCOVER, and at the known address.
        """
        if not self._dhcp_wanted:
            return None
        for candidate in self._elsewhere():
            if candidate.address == silent:
                continue
            try:
                return self._proved(candidate)
            except (ExchangeFailure, DocumentFailure) as failure:
                self._system.log.verbose(f"{candidate.address} is no wire server: {failure}")
        return None

    def _elsewhere(self) -> Iterator[Endpoint]:
        address = leases.look(self._system, self._sources)
        if address is not None:
            yield Endpoint(address, "lease")
        self._probed = True
        try:  # beside the system's own client: it keeps the address, and an answer to that alone would go to it, not to us
            offer = self._ask(WAITS[:1], replace(self._surroundings, stop_client=(), start_client=()))
        except (ExchangeFailure, SystemFailure) as failure:
            self._system.log.verbose(f"looking for another wire server: {failure}")
        else:
            if offer.endpoint is not None:
                yield Endpoint(offer.endpoint, "dhcp", offer.gateway, offer.routes)
        yield Endpoint(KNOWN_ADDRESS, "known")

    def _search(self) -> Endpoint:
        causes: list[Failure] = []
        for candidate in self._candidates(causes):
            try:
                return self._proved(candidate)
            except (ExchangeFailure, DocumentFailure) as failure:
                causes.append(failure)
        raise ExchangeFailure("no wire server was found", causes=tuple(causes))

    def _proved(self, candidate: Endpoint) -> Endpoint:
        self._believe(candidate.address)
        self._system.log.info(f"the wire server is {candidate.address} (found by: {candidate.source})")
        return candidate

    def _candidates(self, causes: list[Failure]) -> Iterator[Endpoint]:
        """What to try, in order; a later candidate is only looked for when the former has not proved itself."""
        if not self._dhcp_wanted:
            yield Endpoint(KNOWN_ADDRESS, "known")
            return
        if has_route(routes_text(self._system)):
            yield Endpoint(KNOWN_ADDRESS, "route")
            return
        if not self._skip_leases:
            address = leases.look(self._system, self._sources)
            if address is not None:
                yield Endpoint(address, "lease")
                self._skip_leases = True
        offer = DhcpOffer()
        try:
            offer = self._ask()
        except (ExchangeFailure, SystemFailure) as failure:
            causes.append(failure)
        if offer.gateway and not has_default_route(routes_text(self._system)):
            add_routes(self._system, offer, self._surroundings)
        if offer.endpoint is not None:
            yield Endpoint(offer.endpoint, "dhcp", offer.gateway, offer.routes)
        elif not causes:
            causes.append(ExchangeFailure("the DHCP answer names no wire server (option 245)"))
        if offer.endpoint != KNOWN_ADDRESS:
            yield Endpoint(KNOWN_ADDRESS, "last resort", offer.gateway, offer.routes)

    def _ask(self, waits: tuple[float, ...] = WAITS, surroundings: Surroundings | None = None) -> DhcpOffer:
        """One exchange of our own; only the first of a process asks for a unicast answer."""
        broadcast, self._probed = self._probed, True
        return probe(
            self._system,
            identifier=self._identifier(),
            broadcast=broadcast,
            interface=primary_interface(self._system),
            surroundings=surroundings or self._surroundings,
            default_route=has_default_route(routes_text(self._system)),
            waits=waits,
        )


def random_identifier() -> bytes:
    import secrets

    return secrets.token_bytes(4)


# -- what the routing table says


def routes_text(system: System) -> str:
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


def has_route(text: str) -> bool:
    """Whether a route's destination is the known address: the destination column, not any text (trap 61)."""
    if text.startswith("Iface"):
        return any(entry.destination == KNOWN_ADDRESS for entry in entries(text))
    return any(line.split()[0].partition("/")[0] == KNOWN_ADDRESS for line in text.splitlines() if line.strip())


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


def primary_interface(system: System) -> tuple[str, bytes]:
    """Name and hardware address of the interface to ask on (guest.md 5.1). Errors: ``ExchangeFailure`` when there is none.

    The one with the cheapest default route, else the first that looks like a network card of the platform.
    """
    interfaces = system.sockets.interfaces()
    if not interfaces:
        raise ExchangeFailure("there is no network interface to look for a wire server on")
    by_name = dict(interfaces)
    defaults = [e for e in entries(routes_text(system)) if is_default(e) and e.interface in by_name]
    if defaults:
        name = min(defaults, key=lambda entry: entry.metric).interface
        return name, by_name[name]
    return min(interfaces, key=lambda each: rank(each[0]))


def rank(name: str) -> tuple[int, str]:
    """Order of likelihood: synthetic cards first, what containers and virtual machines make last."""
    if name.startswith(("eth", "hn")):
        return 0, name
    virtual = ("docker", "veth", "br-", "virbr", "tun", "tap", "wg", "cali", "flannel", "cni", "lxc", "dummy", "bond")
    return (2 if name.startswith(virtual) else 1), name


# -- what survives this process (fabric.md 1.2)


def saved(system: System, paths: Paths) -> str | None:
    """The endpoint a finished detection left behind; None when there is none, the known address when its file is empty."""
    if system.files.read_if_there(paths.protocol) != PROTOCOL_MARK:
        return None
    text = (system.files.read_if_there(paths.wire_server_endpoint) or b"").decode("ascii", "replace").strip()
    return text or KNOWN_ADDRESS


def save(system: System, paths: Paths, endpoint: Endpoint) -> None:
    """Write both files, the address first, so that the mark never stands without it."""
    system.files.write(paths.wire_server_endpoint, endpoint.address.encode("ascii"), 0o644)
    system.files.write(paths.protocol, PROTOCOL_MARK, 0o644)


def forget(system: System, paths: Paths) -> None:
    """Remove both files: a disk can move between environments."""
    system.files.remove(paths.protocol)
    system.files.remove(paths.wire_server_endpoint)
