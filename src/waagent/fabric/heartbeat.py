"""Once a minute: is the host plugin well, is the metadata service, and what is waiting to be said of both (fabric.md 2.4)."""

from __future__ import annotations

from waagent.fabric.hostgaplugin import HostPlugin
from waagent.fabric.imds import Imds
from waagent.fabric.signals import Signals
from waagent.fabric.wireserver import WireServer
from waagent.model.failure import ExchangeFailure
from waagent.model.health import Observation
from waagent.system.port import System


def beat(
    system: System, wire: WireServer, host: HostPlugin, imds: Imds, signals: Signals, *, metadata: bool = True
) -> tuple[Observation, ...]:
    """Check both components and send what is waiting, one observation per report.

    The unhealthy ones are returned: each is a telemetry event (``HealthObservation``) too. A report that cannot be sent
    is logged and lost. ``metadata`` False leaves the metadata service out.
    """
    signals.note("heartbeat", not host.healthy(), system.clock.monotonic())
    if metadata:
        signals.note("metadata", not imds.healthy(), system.clock.monotonic())
    waiting = signals.take()
    for observation in waiting:
        try:
            wire.health_signal(observation)
        except ExchangeFailure as failure:
            system.log.verbose(f"health signal {observation.name}: {failure.reason}")
    return tuple(observation for observation in waiting if not observation.healthy)
