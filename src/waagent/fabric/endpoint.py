"""Where the wire server is (fabric.md 1.2 to 1.4, guest.md 5.2).

In order: the known address when the configuration says so; a host route to it; option 245 in a lease file; option 245 in
the answer to a DISCOVER of our own; and after a failed exchange the known address once more (guest.md 5.2, step 5). What
is found is believed only after it has answered as a wire server: a private DNS server was taken for one in the field.
Odd: the exchange is only a probe, no address is taken; its packet is fixed, and only the first one of a process asks for
a unicast reply. After any wire server error the lease files are ignored for the rest of the search. What the answer names
and the machine lacks is added before the address is tried: a default route, and the routes beside it (options 121, 249).
A route to the known address spares the exchange and proves little: systemd-networkd makes one to every name server. So a
lease that names another address is tried too when the known one is silent.
``moved`` is the look that a resident agent takes when its wire server has fallen silent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from waagent.config.paths import Paths
from waagent.config.sections import Config
from waagent.fabric import leases, routes
from waagent.fabric.dhcp import WAITS, Surroundings, probe
from waagent.fabric.leases import LeaseSources
from waagent.fabric.routes import KNOWN_ADDRESS
from waagent.model.failure import DocumentFailure, ExchangeFailure, Failure, SystemFailure
from waagent.model.network import DhcpOffer, Route
from waagent.system.port import System

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

    ``believe`` proves that an address is a wire server (``WireServer.negotiate``) or raises. ``card`` names the network card
    to ask on, ``learned`` is told what every answer says. ``known``: where a finished detection found it, to be tried first
    and once. ``identifier`` makes the four random bytes of a transaction.
    """

    def __init__(
        self,
        system: System,
        config: Config,
        sources: LeaseSources,
        believe: Callable[[str], None],
        *,
        dhcp_available: bool = True,
        card: Callable[[], tuple[str, bytes] | None],
        surroundings: Surroundings | None = None,
        learned: Callable[[DhcpOffer], object] = lambda offer: None,
        known: str | None = None,
        identifier: Callable[[], bytes] | None = None,
    ) -> None:
        self._system = system
        self._dhcp_wanted = dhcp_available and (config.protocol.endpoint_discovery or "").lower() == "dhcp"
        self._sources = sources
        self._believe = believe
        self._card = card
        self._surroundings = surroundings or Surroundings()
        self._learned = learned
        self._known = known
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
        if self._known is not None:
            known, self._known = self._known, None
            yield Endpoint(known, "saved")
        if not self._dhcp_wanted:
            yield Endpoint(KNOWN_ADDRESS, "known")
            return
        if routes.has_route(routes.table(self._system)):
            yield Endpoint(KNOWN_ADDRESS, "route")
            address = leases.look(self._system, self._sources)
            if address not in (None, KNOWN_ADDRESS):
                yield Endpoint(str(address), "lease")
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
        lacking = routes.missing(routes.wanted(offer), routes.table(self._system))
        routes.add(self._system, lacking, self._surroundings.add_gateway)
        if offer.endpoint is not None:
            yield Endpoint(offer.endpoint, "dhcp", offer.gateway, offer.routes)
        elif not causes:
            causes.append(ExchangeFailure("the DHCP answer names no wire server (option 245)"))
        if offer.endpoint != KNOWN_ADDRESS:
            yield Endpoint(KNOWN_ADDRESS, "last resort", offer.gateway, offer.routes)

    def _ask(self, waits: tuple[float, ...] = WAITS, surroundings: Surroundings | None = None) -> DhcpOffer:
        """One exchange of our own; only the first of a process asks for a unicast answer."""
        broadcast, self._probed = self._probed, True
        card = self._card()
        if card is None:
            raise ExchangeFailure("there is no network card to look for a wire server on")
        offer = probe(
            self._system,
            identifier=self._identifier(),
            broadcast=broadcast,
            interface=card,
            surroundings=surroundings or self._surroundings,
            default_route=routes.has_default_route(routes.table(self._system)),
            waits=waits,
        )
        self._learned(offer)
        return offer


def random_identifier() -> bytes:
    import secrets

    return secrets.token_bytes(4)


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
