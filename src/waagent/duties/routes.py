"""The routes that the platform's DHCP gives, put back when a restart of the DHCP client has lost them (guest.md 5.4, 5.6)."""

from __future__ import annotations

from waagent.config.paths import Paths
from waagent.fabric import leases, routes
from waagent.guest.profile import Guest
from waagent.model.network import Route
from waagent.system.port import System


def restore(system: System, guest: Guest, paths: Paths, command: tuple[str, ...]) -> tuple[Route, ...]:
    """Add what is missing, by ``command``; what was added. The lease as it is now counts before what was said once."""
    table = routes.table(system)
    offer = leases.routes(system, guest.lease_sources)
    wanted = routes.wanted(offer) if offer is not None else routes.saved(system, paths)
    added = routes.add(system, routes.missing(wanted, table), command)
    for route in added:
        system.log.info(f"the route to {route.destination} by {route.gateway} was missing: it is there again")
    return added
