"""What we say about provisioning (fabric.md 2.2 to 2.4)."""

from __future__ import annotations

from dataclasses import dataclass

DESCRIPTION_LIMIT = 3686
"""Characters of description kept, counted before XML escaping; the server takes 4096 bytes (fabric.md 2.2)."""


@dataclass(frozen=True)
class HealthReport:
    """State is ``Ready`` or ``NotReady``; Ready never carries a sub-status."""

    state: str
    substatus: str | None = None
    description: str | None = None


READY = HealthReport("Ready")
STARTING = HealthReport("NotReady", "Provisioning", "Starting")


def provisioning_failed(text: str) -> HealthReport:
    """The report of a failed provisioning, trimmed to what the server takes."""
    return HealthReport("NotReady", "ProvisioningFailed", text[:DESCRIPTION_LIMIT])


@dataclass(frozen=True)
class Observation:
    """A host health signal (fabric.md 2.4)."""

    name: str
    healthy: bool
    description: str = ""
    value: str = ""
