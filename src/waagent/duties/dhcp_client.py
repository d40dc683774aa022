"""A restart of the system's DHCP client is noticed, and the routes that it lost are given back (guest.md 5.6).

A look costs one small file for each client that is known, and the routing table; only when a client has ended, all processes
are looked at. After a restart the new client is given time to set its own routes. For a minute each look, which every change
of a route brings on, then puts back what is missing: a client's script may take routes away late.
"""

from __future__ import annotations

from waagent.config.paths import Paths
from waagent.duties.routes import Routes
from waagent.fabric.routes import table
from waagent.guest import dhcp_client
from waagent.guest.dhcp_client import Process
from waagent.guest.profile import Guest
from waagent.system.port import System

GRACE = 3.0
"""Seconds that a new client has for its own routes."""
WATCHED = 60.0
RARE = 10
"""Where no client is known, one look in so many searches for one, unless the routes have changed: it reads every process."""


class DhcpClient:
    """``add_route`` is the command that adds one, with ``{destination}`` and ``{gateway}``."""

    def __init__(self, system: System, guest: Guest, paths: Paths, add_route: tuple[str, ...], period: float) -> None:
        self._system = system
        self._guest = guest
        self._routes = Routes(system, guest, paths, add_route)
        self._period = period
        self._known: tuple[Process, ...] = ()
        self._restarted_at: float | None = None
        self._in_vain = 0
        self._table = ""
        self._warned = False

    def period(self) -> float:
        """Seconds to the next look: the configured ones, or those to the end of a new client's grace or of its watch."""
        if self._restarted_at is None:
            return self._period
        passed = self._system.clock.monotonic() - self._restarted_at
        return min(self._period, (GRACE if passed < GRACE else WATCHED) - passed)

    def look(self) -> None:
        if self._is_worth_a_search():
            self._look_for_clients()
        if self._restarted_at is None:
            self._routes.remember()
        else:
            self._restore(self._system.clock.monotonic() - self._restarted_at)

    def _is_worth_a_search(self) -> bool:
        if self._known and all(dhcp_client.is_running(self._system, self._guest, each) for each in self._known):
            return False
        before, self._table = self._table, table(self._system)
        self._in_vain = 0 if before != self._table else self._in_vain + 1
        return bool(self._known) or self._in_vain % RARE == 0

    def _look_for_clients(self) -> None:
        found = dhcp_client.running(self._system, self._guest)
        if not found:
            if not self._warned:
                self._system.log.warning("no DHCP client runs: its restart cannot be noticed")
            self._warned = True
            return
        restarted, self._known = bool(self._known) and found != self._known, found
        self._warned = False
        if restarted:
            self._system.log.info(f"the DHCP client has been restarted: {', '.join(str(each) for each in found)}")
            self._restarted_at = self._system.clock.monotonic()

    def _restore(self, passed: float) -> None:
        if passed < GRACE:
            return
        if passed >= WATCHED:
            self._restarted_at = None
        self._routes.restore()
