"""Signals about the health of the host's services (fabric.md 2.4): POST ``/HealthService``, one observation each."""

from __future__ import annotations

from waagent.codec.json_document import dump
from waagent.model.health import Observation
from waagent.model.secret import redact

_NAME_LIMIT = 64
_TEXT_LIMIT = 128


def render(observation: Observation) -> bytes:
    """The report of one observation; texts are cut to what the host takes, in characters."""
    return dump(
        {"Api": "reporttargethealth", "Version": "1.0", "Source": "WALinuxAgent", "Observations": [_entry(observation)]}
    )


def _entry(observation: Observation) -> dict[str, str | bool]:
    return {
        "ObservationName": observation.name[:_NAME_LIMIT],
        "IsHealthy": observation.healthy,
        "Description": redact(observation.description)[:_TEXT_LIMIT],
        "Value": observation.value[:_TEXT_LIMIT],
    }
