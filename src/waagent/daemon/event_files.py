"""Events that extensions leave on disk, taken over into telemetry (fabric.md 11.4, 11.5; extensions.md 9.2, 9.3)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone

from waagent.codec import event_file
from waagent.daemon.agent import Agent
from waagent.daemon.outbox import Outbox
from waagent.extension import events
from waagent.extension.events import HandlerEvent, LegacyEvent
from waagent.model.event import Event
from waagent.report import telemetry
from waagent.report.telemetry import Machine, Origin, Placement

LEGACY_PERIOD = 60.0


class EventFiles:
    """``ending`` says that nobody will send any more: what was not read then stays."""

    def __init__(self, agent: Agent, outbox: Outbox, ending: Callable[[], bool]) -> None:
        self._agent = agent
        self._outbox = outbox
        self._ending = ending

    def prepare(self) -> None:
        """The directory that old extensions write to; some give up where it is missing."""
        self._agent.system.files.make_directory(self._agent.paths.events, mode=0o700)

    def collect_legacy(self) -> None:
        """Every minute: the files of old extensions among our own."""
        agent = self._agent
        found = events.collect_legacy(agent.system, agent.paths.events)
        if found:
            self._outbox.add([_completed(each, agent.machine, agent.process_id) for each in found])

    def collect(self) -> None:
        """Every ``Debug.EtpCollectionPeriod`` seconds: the pipeline's directories, which are empty afterwards."""
        agent = self._agent
        found = events.collect(agent.system, agent.paths.extension_logs, self._ending)
        for handler, reason, count in found.dropped:
            agent.system.log.warning(f"{count} telemetry events of {handler} were dropped: {reason}")
        if found.events:
            self._outbox.add([_piped(each, agent.machine) for each in found.events])


def _moment(modified: float) -> datetime:
    return datetime.fromtimestamp(modified, timezone.utc)


def _piped(found: HandlerEvent, machine: Machine) -> Callable[[Placement], Event]:
    event = found.event
    return lambda placement: telemetry.log_event(
        f"{found.handler}-{event.version}",
        event.level,
        event.message,
        event.timestamp,
        event.operation_id,
        machine,
        placement,
        Origin(_moment(found.modified)),
        {"TaskName": event.task_name, "EventPid": event.process_id, "EventTid": event.thread_id},
    )


def _completed(found: LegacyEvent, machine: Machine, process_id: int) -> Callable[[Placement], Event]:
    origin = Origin(_moment(found.modified), process_id=process_id)
    return lambda placement: event_file.complete(found.file, telemetry.common(machine, placement, origin))
