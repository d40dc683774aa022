"""Noticing what the fabric wants: the goal-state duty (fabric.md 3.2).

Without a configured period we look every 2.3 s, and one request is a look. Where the host speaks Fast Track, its settings
are asked for conditionally: they change with goal states of either channel. Every fifth look is for the wire server's goal
state instead, which alone tells of what no extension is concerned with (users, certificates, another container). Only what
stirs is followed by the whole question. A poll is one try: the next poll is the other one. After polls that failed again
and again in a row we also look whether the wire server has moved.

The numbers: 26 looks a minute, with the 8 or 9 other requests of an idle minute, stay within 36; the settings are asked
for often enough (4 in 11.5 s) that half of all goal states are noticed within 1.45 s, and those of the wire server, which
both looks show, within 1.15 s. What only the wire server tells is noticed within 11.5 s; sooner would cost one of the two.
"""

from __future__ import annotations

from collections.abc import Callable

from waagent.daemon.agent import Agent
from waagent.daemon.awaited import Awaited
from waagent.fabric.connection import Connection
from waagent.fabric.goal_state import GoalStateReader, Refresh
from waagent.model.failure import ExchangeFailure, Failure

PERIOD = 2.3
TURN = 5
"""Of so many looks one is for the wire server."""
DISABLED_PERIOD = 300.0
LOOK_AFTER = 5
"""Polls that failed in a row before another wire server is looked for; twice as many before the next look, and so on."""


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
        self._first = Awaited(agent.system.clock, "the goal state")
        self._force = False
        self._looks: int | None = None
        """Looks since the last whole question; None: it is to be asked again."""
        self.failures = 0
        """Updates that failed since the start, for the agent's heartbeat event."""

    def connected(self, connection: Connection) -> None:
        self._connection = connection

    def force(self) -> None:
        """Fetch everything at the next poll, changed or not."""
        self._force = True

    def wait_for_first(self) -> None:
        """Wait until a goal state was fetched whole. Errors: ``ProvisionFailure`` when the program ends before."""
        self._first.wait()

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
            if not self._force and not self._stirs(reader):
                return
            refresh = reader.refresh(force=self._force)
        except Failure as failure:
            self._failed(failure, connection)
            return
        self._force = False
        failed, self._in_a_row, self._look_at = self._in_a_row, 0, LOOK_AFTER
        self._looks = 0
        self._taken(refresh)
        self._first.happened()
        if failed:
            self._recovered()

    def _stirs(self, reader: GoalStateReader) -> bool:
        """Whether the whole question is worth asking."""
        if self._agent.config.extensions.goal_state_period is not None or self._looks is None:
            return True
        self._looks += 1
        return reader.wire_stirred() if self._looks % TURN == 0 else reader.stirred()

    def _failed(self, failure: Failure, connection: Connection) -> None:
        self.failures += 1
        self._in_a_row += 1
        self._looks = None
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
