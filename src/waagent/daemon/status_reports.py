"""When the status goes out: at once when it changed, else on schedule (fabric.md 7; extensions.md 2.2).

The duty looks once a second while something is under way, so that the end of an extension is seen within the second,
and every ``PERIOD`` seconds otherwise. It never waits for a command: reports are read from disk beside it. A report that
could not be delivered is tried again after ``RETRY`` seconds, or as soon as the fabric answers polls again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone

from waagent.codec import status_blob
from waagent.daemon.agent import Agent
from waagent.extension.run import Extensions
from waagent.fabric.connection import Connection
from waagent.model.event import Operation
from waagent.model.failure import ExchangeFailure
from waagent.model.goal_state import GoalState
from waagent.model.status import GoalStateAggregate, VmStatus
from waagent.report import status

PERIOD = 20.0
"""Seconds between two reports that say the same."""
RETRY = 6.0
WATCH_PERIOD = 1.0
LONG_FAILURE = 900.0
_FINAL = frozenset({"success", "error"})
_FINAL_HANDLER = frozenset({"ready", "notready"})
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class StatusReports:
    """``refetch`` asks for a complete goal state when it names no place for the status."""

    def __init__(
        self,
        agent: Agent,
        connection: Connection,
        extensions: Extensions,
        tell: Callable[[Operation], None],
        refetch: Callable[[], object],
        uploaded: Callable[[], object],
    ) -> None:
        self._agent = agent
        self._connection = connection
        self._extensions = extensions
        self._tell = tell
        self._refetch = refetch
        self._uploaded = uploaded
        self._state: GoalState | None = None
        self._aggregate: GoalStateAggregate | None = None
        self._last: VmStatus | None = None
        self._last_at: float | None = None
        self._failing_since: float | None = None
        self._failed_at: float | None = None
        self._told_failure = False
        self._watching = False
        self._converged = agent.system.files.exists(agent.paths.initial_goal_state)

    @property
    def converged(self) -> bool:
        """Whether a first goal state has come to rest (extensions.md 4.6)."""
        return self._converged

    def take(self, state: GoalState) -> None:
        """The goal state to report on, from now on."""
        self._state = state

    def retry(self) -> None:
        """The fabric is back: a report that it did not take need not wait any longer."""
        self._failed_at = None

    def processed(self, aggregate: GoalStateAggregate) -> None:
        """What became of the last goal state that was worked on."""
        self._aggregate = aggregate

    def period(self) -> float:
        if self._failed_at is not None:
            return max(self._failed_at + RETRY - self._agent.system.clock.monotonic(), 0.1)
        return WATCH_PERIOD if self._watching else PERIOD

    def report(self) -> None:
        """Build the status, and upload it when it says something new or is due."""
        state = self._state
        if state is None:
            return
        now = self._agent.system.clock.monotonic()
        if self._failed_at is not None and now - self._failed_at < RETRY - 0.1:
            return
        current = self._build(state)
        plain = replace(current, reported_at=_EPOCH)
        self._watching = not at_rest(current)
        if plain == self._last and self._last_at is not None and now - self._last_at < PERIOD - 0.5:
            return
        if state.extensions.status_blob is None:
            self._agent.system.log.warning("the goal state names no place for the status: it is fetched again")
            self._failed_at = now
            self._refetch()
            return
        try:
            self._connection.upload.upload(status_blob.render(current), state.extensions.status_blob)
        except ExchangeFailure as failure:
            self._failed(failure, now)
            return
        self._last, self._last_at = plain, now
        self._failing_since, self._failed_at, self._told_failure = None, None, False
        self._uploaded()
        if not self._watching and self._aggregate is not None and current.handlers:
            self.settle()

    def settle(self) -> None:
        """The first goal state has converged, or the next one has come: the ordinary period applies."""
        if not self._converged:
            self._converged = True
            self._agent.system.files.write(self._agent.paths.initial_goal_state, b"", mode=0o644)

    def _build(self, state: GoalState) -> VmStatus:
        agent = self._agent
        aggregate = self._aggregate  # before the handlers: that they are done must never be said before they are
        return status.build(
            agent_version=agent.version,
            now=agent.system.clock.now(),
            computer_name=agent.system.sockets.host_name(),
            os_name=agent.guest.id,
            os_version=agent.guest.version,
            handlers=self._extensions.reports(state.extensions),
            aggregate=aggregate,
            features=status.supported_features(agent.config, fast_track_supported=state.fast_track_supported),
        )

    def _failed(self, failure: ExchangeFailure, now: float) -> None:
        self._failed_at = now
        # One line for an outage, not one for each try of it.
        log = self._agent.system.log
        (log.error if self._failing_since is None else log.verbose)(f"the status was not uploaded: {failure}")
        if self._failing_since is None:
            self._failing_since = now
        elif now - self._failing_since > LONG_FAILURE and not self._told_failure:
            self._told_failure = True
            message = f"the status has not been uploaded for {now - self._failing_since:.0f} s: {failure}"
            self._tell(Operation("ReportStatusExtended", False, message, self._agent.system.clock.now()))


def at_rest(current: VmStatus) -> bool:
    """Whether every entry has come to an end: nothing will change without a command of ours or of a person."""
    for report in current.handlers:
        if report.extension is not None and report.extension.status not in _FINAL:
            return False
        if report.extension is None and report.handler.status.lower() not in _FINAL_HANDLER:
            return False
    return True
