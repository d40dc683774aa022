"""Serving goal states on one connection: what takes each of them, and the duties that go with it.

Built in the fabric's lane as soon as the wire server is found; nothing of it runs before provisioning is over.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from waagent.daemon import upkeep
from waagent.daemon.agent import Agent
from waagent.daemon.environment import Environment
from waagent.daemon.event_files import LEGACY_PERIOD, EventFiles
from waagent.daemon.outbox import Outbox
from waagent.daemon.processing import Processing
from waagent.daemon.schedule import Duty, Scheduler
from waagent.daemon.status_reports import StatusReports
from waagent.duties.remote_users import PERIOD as REMOTE_USERS_PERIOD
from waagent.duties.remote_users import RemoteUsers
from waagent.extension.run import Extensions
from waagent.fabric.connection import Connection
from waagent.fabric.goal_state import Refresh
from waagent.fabric.heartbeat import beat
from waagent.model.event import Operation
from waagent.model.status import GoalStateAggregate
from waagent.report import status, telemetry
from waagent.system.identifier import new_identifier

if TYPE_CHECKING:
    from waagent.duties.load_balancer import Responder

HEARTBEAT_PERIOD = 60.0
AGENT_HEARTBEAT_PERIOD = 1800.0


class Serving:
    """``refetch`` asks for a complete goal state; ``failures`` counts the updates that failed so far."""

    def __init__(
        self,
        agent: Agent,
        scheduler: Scheduler,
        connection: Connection,
        outbox: Outbox,
        environment: Environment,
        refetch: Callable[[], object],
        failures: Callable[[], int],
    ) -> None:
        self._agent = agent
        self._scheduler = scheduler
        self._connection = connection
        self._outbox = outbox
        self._environment = environment
        self._failures = failures
        self._identity = new_identifier()
        self._beats = 0
        self._begun = False
        self._responder: Responder | None = None
        extensions = Extensions(
            agent.system,
            agent.config,
            agent.paths,
            agent.guest,
            connection.new_packages(),
            agent_version=agent.version,
            wire_endpoint=lambda: connection.address,
            tell=outbox.tell,
            known_features=status.known_features(agent.config),
            changed=lambda: scheduler.wake("status"),
            inherited=agent.environment or None,
        )
        self._status = StatusReports(
            agent,
            connection,
            extensions,
            outbox.tell,
            refetch=refetch,
            uploaded=lambda: scheduler.errand("fabric", connection.reader.status_reported),
        )
        self._processing = Processing(
            agent,
            extensions,
            lambda work: scheduler.errand("extensions", work),
            self._processed,
            environment.await_disk,
        )
        self._remote_users = RemoteUsers(
            agent.system, agent.guest, agent.config, connection.certificates.decrypt_password, agent.random, outbox.tell
        )
        self._event_files = EventFiles(agent, outbox, lambda: not agent.system.clock.pause(0.0))

    @property
    def converged(self) -> bool:
        return self._status.converged

    def take(self, refresh: Refresh) -> None:
        """Obey a complete goal state: report on it, run what is new, and begin the duties with the first one."""
        wanted = refresh.goal_state.extensions
        self._status.take(refresh.goal_state)
        if refresh.wire_changed:
            self._remote_users.take(refresh.goal_state.remote_access)
            self._scheduler.wake("remote users")
            self._be_probed(refresh.goal_state.wire.load_balancer_ports)
        if refresh.extensions_changed:
            if not wanted.outdated:
                self._processing.submit(wanted)
            self._scheduler.wake("status")
        if not self._begun:
            self._begun = True
            self._begin()

    def recovered(self) -> None:
        """Polls are answered again after some that were not."""
        self._status.retry()
        self._scheduler.wake("status")

    def _be_probed(self, ports: tuple[int, ...]) -> None:
        if not self._agent.config.general.lb_probe_responder or not (ports or self._responder):
            return
        if self._responder is None:
            from waagent.duties.load_balancer import Responder  # hardly any fabric asks for it

            self._responder = Responder(
                self._agent.system,
                lambda: self._connection.address,
                lambda work: self._scheduler.errand("load balancer", work),
            )
        self._responder.want(ports)

    def _processed(self, aggregate: GoalStateAggregate) -> None:
        self._status.processed(aggregate)
        self._scheduler.wake("status")

    def _begin(self) -> None:
        agent, add = self._agent, self._scheduler.add
        self._event_files.prepare()
        etp = float(agent.config.debug.etp_collection_period)
        add(Duty("status", "status", self._status.report, self._status.period))
        add(Duty("heartbeat", "monitor", self._beat, lambda: HEARTBEAT_PERIOD, delay=5.0))
        add(Duty("agent heartbeat", "monitor", self._tell_heartbeat, lambda: AGENT_HEARTBEAT_PERIOD, AGENT_HEARTBEAT_PERIOD))
        add(Duty("legacy events", "monitor", self._event_files.collect_legacy, lambda: LEGACY_PERIOD, LEGACY_PERIOD))
        add(Duty("extension events", "monitor", self._event_files.collect, lambda: etp, etp))
        add(Duty("remote users", "monitor", self._remote_users.look, lambda: REMOTE_USERS_PERIOD))
        self._environment.serve(self._connection)
        upkeep.serve(agent, self._scheduler, self._connection, self._outbox, lambda: self.converged)

    # -- the monitor lane

    def _beat(self) -> None:
        connection, system = self._connection, self._agent.system
        for observation in beat(system, connection.wire, connection.host, connection.imds, connection.signals):
            message = f'{{"name": "{observation.name}", "description": "{observation.description}"}}'
            self._outbox.tell(Operation("HealthObservation", False, message, system.clock.now()))

    def _tell_heartbeat(self) -> None:
        agent = self._agent
        self._beats += 1
        updates = status.updates_wanted(agent.config)
        text = telemetry.heartbeat_text(self._beats, self._identity, self._failures(), updates=updates, rsm=False)
        self._outbox.tell(Operation("HeartBeat", True, text, agent.system.clock.now()))
        errors = telemetry.http_errors_text(self._connection.exchange.take_errors())
        if errors is not None:
            self._outbox.tell(Operation("HttpErrors", False, errors, agent.system.clock.now()))
