"""Telemetry events (fabric.md 11). Typed parameters: booleans are tested before integers (trap 56)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

AGENT_PROVIDER = "69B669B9-4AF8-4C50-BDC4-6006FA76E975"
LOG_PROVIDER = "FFF0196F-EE4C-4EAF-9AA5-776F622DEB4F"

Value = str | bool | int | float | None


@dataclass(frozen=True)
class Event:
    """One event as it goes on the wire: provider, event id and ordered parameters."""

    provider: str
    event_id: int
    parameters: tuple[tuple[str, Value], ...]


@dataclass(frozen=True)
class Operation:
    """Something the agent did, before the common parameters are added (fabric.md 11.2, event 1)."""

    operation: str
    success: bool
    message: str
    happened_at: datetime
    duration_ms: int = 0
    name: str = "WALinuxAgent"
    version: str = ""
