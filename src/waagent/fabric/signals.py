"""Health signals about the host: when a component counts as unwell, and when to say so (fabric.md 2.4).

Pure bookkeeping over the monotonic clock. Odd: 502 from the host plugin says that its upstream failed and does not count
against it (trap 29), nor does any other status below 500; a refused connection does. Plugin calls are reported once a
minute at most, unhealthy only after five minutes of unbroken failure; the version query at once.
"""

from __future__ import annotations

from waagent.model.health import Observation

HEARTBEAT = "GuestAgentPluginHeartbeat"
VERSIONS = "GuestAgentPluginVersions"
STATUS = "GuestAgentPluginStatus"
ARTIFACT = "GuestAgentPluginArtifact"
METADATA = "InstanceMetadataHeartbeat"

PLUGIN_PATIENCE = 300.0
METADATA_PATIENCE = 180.0
REPORT_PERIOD = 60.0
BUFFER = 10


def plugin_failed(status: int | None) -> bool:
    """Whether an outcome counts against the plugin: no answer, or a server error that is its own."""
    return status is None or (status >= 500 and status != 502)


class Vital:
    """One component: failing since when, and reported when. Times in seconds of the monotonic clock."""

    def __init__(self, name: str, patience: float, period: float = 0.0) -> None:
        self.name = name
        self._patience = patience
        self._period = period
        self._failing_since: float | None = None
        self._reported_at: float | None = None

    def note(self, failed: bool, now: float) -> Observation | None:
        """Take one outcome in; the observation to send now, or None when one was sent within the period."""
        if not failed:
            self._failing_since = None
        elif self._failing_since is None:
            self._failing_since = now
        if self._reported_at is not None and self._period and now - self._reported_at < self._period:
            return None
        self._reported_at = now
        failing = 0.0 if self._failing_since is None else now - self._failing_since
        if self._failing_since is None or failing < self._patience:
            return Observation(self.name, True)
        return Observation(self.name, False, f"failing for {failing:.0f} s")


class Signals:
    """Gathers observations until they are sent; at most ten are kept, the oldest go first."""

    def __init__(self) -> None:
        self._vitals = {
            "versions": Vital(VERSIONS, 0.0),
            "status": Vital(STATUS, PLUGIN_PATIENCE, REPORT_PERIOD),
            "artifact": Vital(ARTIFACT, PLUGIN_PATIENCE, REPORT_PERIOD),
            "heartbeat": Vital(HEARTBEAT, PLUGIN_PATIENCE),
            "metadata": Vital(METADATA, METADATA_PATIENCE),
        }
        self._waiting: list[Observation] = []

    def note(self, call: str, failed: bool, now: float) -> None:
        """``call`` is versions, status, artifact, heartbeat or metadata."""
        observation = self._vitals[call].note(failed, now)
        if observation is not None:
            self._waiting = [*self._waiting, observation][-BUFFER:]

    def take(self) -> tuple[Observation, ...]:
        """What is waiting to be sent; the list is empty afterwards."""
        waiting, self._waiting = self._waiting, []
        return tuple(waiting)
