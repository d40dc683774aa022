"""What we say about ourselves and the extensions in the status blob (fabric.md 7). Built pure, rendered by the codec."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Substatus:
    """A part of an extension's status, under a name of its own."""

    name: str | None
    status: str
    code: Any = 0
    message: str | None = None
    has_message: bool = True


@dataclass(frozen=True)
class ExtensionStatus:
    """One settings instance's status, from its status file or on its behalf (fabric.md 7.4).

    ``status`` is transitioning, warning, error or success, or None for an empty document; ``code`` is passed through
    unconverted (strings are common).
    """

    name: str
    sequence_number: int
    status: str | None
    code: Any = 0
    message: str | None = None
    lang: str = "en-US"
    operation: str | None = None
    configuration_applied_time: str | None = None
    substatus: tuple[Substatus, ...] = ()


@dataclass(frozen=True)
class HandlerStatus:
    """One handler's own status: Ready, NotReady, Installing, Unresponsive, or whatever its heartbeat says."""

    name: str
    version: str
    status: str
    code: int = 0
    message: str | None = None
    multi_config: bool = False


@dataclass(frozen=True)
class HandlerReport:
    """One entry of ``handlerAggregateStatus``: the handler, and at most one of its extensions."""

    handler: HandlerStatus
    extension: ExtensionStatus | None = None


@dataclass(frozen=True)
class GoalStateAggregate:
    """Outcome of the last processed goal state (fabric.md 7.1): Success/0, Failed/-1 or Failed/2001."""

    status: str
    code: int
    message: str
    processed_at: datetime
    in_svd_seq_no: str | int | None


@dataclass(frozen=True)
class UpdateStatus:
    """Only in RSM update mode."""

    expected_version: str
    status: str
    code: int
    message: str = ""


@dataclass(frozen=True)
class VmStatus:
    """Everything the status blob says."""

    agent_version: str
    reported_at: datetime
    computer_name: str
    os_name: str
    os_version: str
    handlers: tuple[HandlerReport, ...] = ()
    aggregate: GoalStateAggregate | None = None
    update: UpdateStatus | None = None
    supported_features: tuple[tuple[str, str], ...] = ()
