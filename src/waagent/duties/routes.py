"""The routes that the platform's DHCP gives, put back when a restart of the DHCP client has lost them (guest.md 5.4, 5.6).

Only what this machine had is given back to it: where somebody keeps a default route away on purpose, none is made.
"""

from __future__ import annotations

from waagent.config.paths import Paths
from waagent.fabric import leases, routes
from waagent.fabric.routes import EVERYWHERE
from waagent.guest.profile import Guest
from waagent.model.network import Route
from waagent.system.port import System

MEMORY = 180.0
"""Seconds that a route is remembered after it was first missed."""
LONGEST = 64 * 1024
"""Bytes of a routing table that is read again and again; one that is longer belongs to a router, which sees to it itself."""


class Routes:
    """``command`` adds one, with ``{destination}`` and ``{gateway}``."""

    def __init__(self, system: System, guest: Guest, paths: Paths, command: tuple[str, ...]) -> None:
        self._system = system
        self._guest = guest
        self._paths = paths
        self._command = command
        self._missed: dict[str, float | None] = {}
        """Where routes lead, and since when each is missed; None while it is there."""

    def remember(self) -> None:
        """What there is now: it may be gone when the restart of a client is noticed."""
        table, now = routes.table(self._system), self._system.clock.monotonic()
        if len(table) > LONGEST:
            return
        present = routes.destinations(table) - {EVERYWHERE} | ({EVERYWHERE} if routes.has_default_route(table) else set())
        since = {where: now if at is None else at for where, at in self._missed.items() if where not in present}
        self._missed = {where: at for where, at in since.items() if now - at <= MEMORY} | dict.fromkeys(present)

    def restore(self) -> tuple[Route, ...]:
        """Add what was there and is missing; what was added. The lease as it is now counts before what was said once."""
        offer = leases.routes(self._system, self._guest.lease_sources)
        wanted = routes.wanted(offer) if offer is not None else routes.saved(self._system, self._paths)
        lost = tuple(route for route in wanted if route.destination in self._missed)
        added = routes.add(self._system, routes.missing(lost, routes.table(self._system)), self._command)
        for route in added:
            self._system.log.info(f"the route to {route.destination} by {route.gateway} was missing: it is there again")
        return added
