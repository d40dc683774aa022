"""What keeps the agent itself in bounds and in sight: its control group, the clean-up, and the log bundle for support.

Odd: what is due minutes after the start is imported then, so that a machine that has just begun to serve does not pay for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from waagent.daemon.agent import Agent
from waagent.daemon.outbox import Outbox
from waagent.daemon.schedule import Duty, Scheduler
from waagent.fabric.connection import Connection
from waagent.model.event import Event
from waagent.report import telemetry
from waagent.report.telemetry import Origin, Placement

if TYPE_CHECKING:
    from waagent.duties.cgroups import Metric

SYSTEMD = "/run/systemd/system"
CLEAN_UP_PERIOD = 3600.0
CLEAN_UP_DELAY = 600.0


def serve(agent: Agent, scheduler: Scheduler, connection: Connection, outbox: Outbox, settled: Callable[[], bool]) -> None:
    """Begin with the first goal state; ``settled`` says that the newest one is done with."""
    config = agent.config
    if config.cgroups.enabled:
        scheduler.errand("monitor", lambda: _begin_group(agent, scheduler, outbox, settled))
    if config.logs.collect and config.cgroups.enabled:
        delay, period = float(config.debug.log_collector_initial_delay), float(config.logs.collect_period)
        bundle = _Late(lambda: _log_bundle(agent, connection, outbox))
        scheduler.add(Duty("log bundle", "log bundle", bundle, lambda: period, delay))
    scheduler.add(Duty("clean-up", "monitor", _Late(lambda: _clean_up(agent)), lambda: CLEAN_UP_PERIOD, CLEAN_UP_DELAY))


class _Late:
    """A duty whose work is made when it is first due."""

    def __init__(self, make: Callable[[], Callable[[], object]]) -> None:
        self._make = make
        self._work: Callable[[], object] | None = None

    def __call__(self) -> None:
        if self._work is None:
            self._work = self._make()
        self._work()


def _clean_up(agent: Agent) -> Callable[[], object]:
    from waagent.duties import cleanup

    return lambda: cleanup.run(agent.system, agent.paths)


def _log_bundle(agent: Agent, connection: Connection, outbox: Outbox) -> Callable[[], object]:
    from waagent.duties.log_bundle import LogBundle

    return LogBundle(agent.system, agent.config, agent.paths, agent.command, connection.host.put_log, outbox.tell).run


# -- the monitor lane


def _begin_group(agent: Agent, scheduler: Scheduler, outbox: Outbox, settled: Callable[[], bool]) -> None:
    if not agent.system.files.exists(SYSTEMD):
        agent.system.log.info("control groups are neither watched nor limited: systemd does not run here")
        return
    from waagent.duties.cgroups import AgentGroup

    def measured(found: tuple[Metric, ...]) -> None:
        outbox.add([_counted(agent, each) for each in found])

    group = AgentGroup(
        agent.system, agent.config, agent.process_id, outbox.tell, measured, restart=scheduler.stop, settled=settled
    )
    if group.begin():
        period = float(agent.config.debug.cgroup_check_period)
        scheduler.add(Duty("control group", "monitor", group.check, lambda: period, period))


def _counted(agent: Agent, metric: Metric) -> Callable[[Placement], Event]:
    origin = Origin(agent.system.clock.now(), process_id=agent.process_id)
    return lambda placement: telemetry.counter_event(
        metric.category, metric.counter, metric.instance, metric.value, agent.machine, placement, origin
    )
