"""Telemetry on its way out: gathered from every lane, sent in batches (fabric.md 11.3).

In memory and bounded: what the host does not take is lost by contract, and an idle disk stays idle. Events that happen
before there is a connection wait for it. With ``Telemetry.Enabled=n`` nothing is gathered and nothing is sent.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace

from waagent.codec import telemetry as telemetry_document
from waagent.daemon.agent import Agent
from waagent.fabric.connection import Connection
from waagent.model.event import Event, Operation
from waagent.model.failure import Failure
from waagent.model.goal_state import GoalState
from waagent.report import telemetry
from waagent.report.telemetry import Origin, Placement

WAITING = 1000
"""Events kept while they cannot be sent; the oldest go first."""
GATHERED = 2.0
"""Seconds that an event may wait for company."""


class Outbox:
    """``tell`` may be called from any thread; ``send`` is the duty of the telemetry lane."""

    def __init__(self, agent: Agent, wake: Callable[[float], object]) -> None:
        self._agent = agent
        self._wake = wake
        self._lock = threading.Lock()
        self._waiting: deque[Callable[[Placement], Event]] = deque(maxlen=WAITING)
        self._placement = Placement()
        self._connection: Connection | None = None
        self._asked_metadata = False

    def tell(self, operation: Operation) -> None:
        """Queue one event of the agent or of an extension."""
        agent = self._agent
        thread = threading.current_thread()
        origin = Origin(operation.happened_at, thread.native_id or 0, agent.process_id, thread.name)
        self.add([lambda placement: telemetry.operation_event(operation, agent.machine, placement, origin)])

    def add(self, events: Iterable[Callable[[Placement], Event]]) -> None:
        """Queue events that are completed with what we know of our placement when they are sent."""
        if not self._agent.config.telemetry.enabled:
            return
        with self._lock:
            self._waiting.extend(events)
        self._wake(GATHERED)

    def connected(self, connection: Connection) -> None:
        self._connection = connection
        self._wake(GATHERED)

    def placed(self, state: GoalState) -> None:
        """Take over what a goal state says about us."""
        self._placement = telemetry.hosted(self._placement, state.wire.container_id, state.hosting, state.wire.instance_id)

    def send(self) -> None:
        """Send what is waiting. Lost events are counted in the log, never raised."""
        connection = self._connection
        if connection is None:
            return
        with self._lock:
            makers = tuple(self._waiting)
            self._waiting.clear()
        if not makers:
            return
        self._ask_metadata(connection)
        events = [make(self._placement) for make in makers]
        batches, dropped = telemetry_document.batches(events)
        if dropped:
            self._agent.system.log.warning(f"telemetry: {len(dropped)} events are too large to be sent")
        for batch in batches:
            try:
                connection.wire.telemetry(batch.body)
            except Failure as failure:
                self._agent.system.log.verbose(f"telemetry: {batch.count} events are lost: {failure.reason}")

    def _ask_metadata(self, connection: Connection) -> None:
        """Once, where the metadata service says we are; without an answer the placeholders stay (fabric.md 9.2)."""
        if self._asked_metadata:
            return
        self._asked_metadata = True
        try:
            compute = connection.imds.compute()
        except Failure as failure:
            self._agent.system.log.verbose(f"instance metadata: {failure.reason}")
            return
        self._placement = replace(
            self._placement,
            location=compute.location,
            subscription_id=compute.subscription_id,
            resource_group_name=compute.resource_group_name,
            vm_id=compute.vm_id,
            image_origin=telemetry.image_origin(compute.publisher, compute.offer),
        )
