"""Noticing what the fabric wants: the goal-state duty (fabric.md 3.2).

Without a configured period we look every 2.75 s, but ask little. Where the host speaks Fast Track, one conditional
request tells whether anything stirred, on either channel, and the whole question is asked every fifth time only; where it
does not, the goal state itself is that one request. A poll is one try: the next poll is the other one. After polls that
failed again and again in a row we also look whether the wire server has moved.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from waagent.daemon.agent import Agent
from waagent.fabric.connection import Connection
from waagent.fabric.goal_state import Refresh
from waagent.model.failure import ExchangeFailure, Failure, ProvisionFailure

PERIOD = 2.75
WHOLE_PERIOD = 5 * PERIOD
"""Seconds between two whole questions while one conditional request stands for them."""
DISABLED_PERIOD = 300.0
LOOK_AFTER = 5
"""Polls that failed in a row before another wire server is looked for; twice as many before the next look, and so on."""
GLANCE = 0.5


class Polling:
    """``taken`` gets every complete refresh, in the fabric's lane. ``look_elsewhere`` makes a connection follow its fabric;
    ``recovered`` is told of the first poll that was answered after some that were not."""

    def __init__(
        self,
        agent: Agent,
        taken: Callable[[Refresh], object],
        converged: Callable[[], bool],
        look_elsewhere: Callable[[Connection], bool] = lambda connection: False,
        recovered: Callable[[], object] = lambda: None,
    ) -> None:
        self._agent = agent
        self._taken = taken
        self._is_converged = converged
        self._look_elsewhere = look_elsewhere
        self._recovered = recovered
        self._in_a_row = 0
        self._look_at = LOOK_AFTER
        self._connection: Connection | None = None
        self._first = threading.Event()
        self._force = False
        self._whole_at: float | None = None
        self.failures = 0
        """Updates that failed since the start, for the agent's heartbeat event."""

    def connected(self, connection: Connection) -> None:
        self._connection = connection

    def force(self) -> None:
        """Fetch everything at the next poll, changed or not."""
        self._force = True

    def wait_for_first(self) -> None:
        """Wait until a goal state was fetched whole. Errors: ``ProvisionFailure`` when the program ends before."""
        while not self._first.wait(GLANCE):
            if not self._agent.system.clock.pause(0.0):
                raise ProvisionFailure("stopped while waiting for the goal state")

    def period(self) -> float:
        """Seconds from one poll to the next; what the configuration says is obeyed to the letter."""
        settings = self._agent.config.extensions
        if not settings.enabled:
            return DISABLED_PERIOD
        configured = settings.goal_state_period
        if not self._is_converged() and settings.initial_goal_state_period is not None:
            configured = settings.initial_goal_state_period
        return PERIOD if configured is None else float(configured)

    def poll(self) -> None:
        """Ask once; a failure leaves everything as it was, is logged, and the next poll tries again."""
        connection = self._connection
        if connection is None:
            return
        reader = connection.reader
        try:
            if not self._force and not self._is_due() and not reader.stirred():
                return
            refresh = reader.refresh(force=self._force)
        except Failure as failure:
            self._failed(failure, connection)
            return
        self._force = False
        failed, self._in_a_row, self._look_at = self._in_a_row, 0, LOOK_AFTER
        self._whole_at = self._agent.system.clock.monotonic()
        self._taken(refresh)
        self._first.set()
        if failed:
            self._recovered()

    def _is_due(self) -> bool:
        if self._agent.config.extensions.goal_state_period is not None or self._whole_at is None:
            return True
        return self._agent.system.clock.monotonic() - self._whole_at >= WHOLE_PERIOD - PERIOD / 2

    def _failed(self, failure: Failure, connection: Connection) -> None:
        self.failures += 1
        self._in_a_row += 1
        self._whole_at = None
        log = self._agent.system.log
        expected = isinstance(failure, ExchangeFailure)
        # The same words at every poll of a long outage would fill the log: they come as often as a look elsewhere does.
        loud = self._in_a_row == 1 or self._in_a_row >= self._look_at
        if not loud:
            log.verbose(f"the goal state could not be fetched: {failure}")
        else:
            (log.warning if expected else log.error)(f"the goal state could not be fetched: {failure}{self._count()}")
        if expected and self._in_a_row >= self._look_at:
            self._look_at *= 2
            if self._look_elsewhere(connection):
                self._force = True

    def _count(self) -> str:
        return f" ({self._in_a_row} times in a row)" if self._in_a_row > 1 else ""
