"""Health reports in their order, each delivered from the health lane (fabric.md 2.2).

A Ready that is owed is remembered on disk from before the marker is written until the fabric took it: an agent that is
stopped between the two says it at its next start. The newest report that was not taken is said again until it is: without it
the platform would give the VM up.
"""

from __future__ import annotations

from collections.abc import Callable

from waagent.daemon.agent import Agent
from waagent.daemon.search import Search
from waagent.model.failure import Failure, StatusFailure
from waagent.model.health import READY, HealthReport
from waagent.report import health as health_reports

SOONEST, LATEST = 5.0, 60.0
"""Seconds between two tries of a report that was not taken; each time twice as long."""
NEVER = 86400.0
STALE = frozenset({400, 404, 409, 410, 412})
"""Answers that may mean that a newer goal state has come meanwhile: its identity is asked for and used once."""


class Reports:
    """``errand`` puts a piece of work into the health lane; ``before`` writes what the host reads with a report.

    ``untaken`` hears of a report that was not taken: then ``again`` is due after ``again_in`` seconds.
    """

    def __init__(
        self,
        agent: Agent,
        search: Search,
        errand: Callable[[Callable[[], object]], object],
        before: Callable[[HealthReport], object] = lambda health: None,
        untaken: Callable[[], object] = lambda: None,
    ) -> None:
        self._agent = agent
        self._search = search
        self._errand = errand
        self._before = before
        self._untaken = untaken
        self._newest: HealthReport | None = None
        self._wait = SOONEST
        self._owed = f"{agent.paths.lib}/ready_unsent"

    def owe(self) -> None:
        """From now on a Ready has to be delivered, whatever happens to this process."""
        self._agent.system.files.write(self._owed, b"", mode=0o600)

    def is_owed(self) -> bool:
        return self._agent.system.files.exists(self._owed)

    def say(self, health: HealthReport) -> None:
        """Deliver a report after those said before, and again until it is taken or there is a newer one."""
        self._errand(lambda: self._try(health))

    def again(self) -> None:
        """In the health lane: the newest report once more, where it was not taken."""
        if self._newest is not None:
            self._wait = min(2 * self._wait, LATEST)
            self._try(self._newest)

    def again_in(self) -> float:
        return NEVER if self._newest is None else self._wait

    def say_now(self, health: HealthReport) -> None:
        """Deliver a report and wait for it. Errors: the ``ExchangeFailure`` of a report that was not taken."""
        failure = self._deliver(health)
        if failure is not None:
            raise failure

    def say_fingerprint(self, fingerprint: str | None) -> None:
        """Report the SSH host key (guest.md 2.13); it fails nothing."""
        if fingerprint:
            self._errand(lambda: self._deliver_fingerprint(fingerprint))

    def _try(self, health: HealthReport) -> None:
        if self._deliver(health) is None:
            self._newest, self._wait = None, SOONEST
        else:
            self._newest = health
            self._untaken()

    def _deliver(self, health: HealthReport) -> Failure | None:
        system = self._agent.system
        wire = self._search.wait().connection.wire
        failure = health_reports.report(system, wire, health, self._search.goal_state, self._before)
        if isinstance(failure, StatusFailure) and failure.status in STALE:
            failure = health_reports.report(system, wire, health, lambda: wire.goal_state()[0])
        if failure is None and health == READY and self.is_owed():
            system.files.remove(self._owed)
        return failure

    def _deliver_fingerprint(self, fingerprint: str) -> None:
        wire = self._search.wait().connection.wire
        health_reports.report_fingerprint(self._agent.system, wire, fingerprint, self._search.goal_state)
