"""What keeps the agent itself in bounds and in sight: the log bundle for support.

Odd: each of these is due minutes after the start and imported then, so that a machine that has just begun to serve does
not pay for it.
"""

from __future__ import annotations

from collections.abc import Callable

from waagent.daemon.agent import Agent
from waagent.daemon.schedule import Duty, Scheduler
from waagent.fabric.connection import Connection
from waagent.model.event import Operation

Tell = Callable[[Operation], None]


def serve(agent: Agent, scheduler: Scheduler, connection: Connection, tell: Tell) -> None:
    """Begin with the first goal state."""
    config = agent.config
    if config.logs.collect and config.cgroups.enabled:
        delay, period = float(config.debug.log_collector_initial_delay), float(config.logs.collect_period)
        bundle = _Late(lambda: _log_bundle(agent, connection, tell))
        scheduler.add(Duty("log bundle", "log bundle", bundle, lambda: period, delay))


class _Late:
    """A duty whose work is made when it is first due."""

    def __init__(self, make: Callable[[], Callable[[], object]]) -> None:
        self._make = make
        self._work: Callable[[], object] | None = None

    def __call__(self) -> None:
        if self._work is None:
            self._work = self._make()
        self._work()


def _log_bundle(agent: Agent, connection: Connection, tell: Tell) -> Callable[[], object]:
    from waagent.duties.log_bundle import LogBundle

    return LogBundle(agent.system, agent.config, agent.paths, agent.command, connection.host.put_log, tell).run
