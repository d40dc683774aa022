"""Handlers and extensions as the goal state asks for them and as packages describe themselves (extensions.md 1 and 3).

Handler = the published package; extension = one settings instance of it. A single-config handler has 0 or 1 extension,
whose name is the handler name; a multi-config handler has any number, each with its own name, number and state.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any

from waagent.model.secret import Secret


class RequestedState(enum.Enum):
    ENABLED = "enabled"
    DISABLED = "disabled"
    UNINSTALL = "uninstall"


class HandlerState(enum.Enum):
    """Text of ``config/HandlerState`` (extensions.md 2.1); a missing file means NOT_INSTALLED."""

    NOT_INSTALLED = "NotInstalled"
    INSTALLED = "Installed"
    ENABLED = "Enabled"
    FAILED_UPGRADE = "FailedUpgrade"


@dataclass(frozen=True)
class RequestedExtension:
    """One settings instance (extensions.md 1.4). A null ``public_settings`` is kept as null (fabric.md trap 7)."""

    name: str
    sequence_number: int
    state: RequestedState = RequestedState.ENABLED
    dependency_level: int = 0
    public_settings: Any = None
    protected_settings: Secret | None = None
    certificate_thumbprint: str | None = None


@dataclass(frozen=True)
class RequestedHandler:
    """One handler of the goal state.

    ``state`` is None when the document asks for a state we do not know; ``invalid`` then says so. A handler that is
    ``invalid`` is reported with that text and never run (fabric.md 4.4).
    """

    name: str
    version: str
    state: RequestedState | None
    manifest_uris: tuple[str, ...] = ()
    multi_config: bool = False
    extensions: tuple[RequestedExtension, ...] = ()
    encoded_signature: str | None = None
    invalid: str | None = None


@dataclass(frozen=True)
class PackageVersion:
    """One entry of a version list (fabric.md 8.1)."""

    version: str
    uris: tuple[str, ...]
    internal: bool = False


@dataclass(frozen=True)
class Limits:
    """``resourceLimits`` of a manifest (extensions.md 7.4); None means no limit."""

    cpu_quota_percentage: int | None = None
    memory_quota_mb: int | None = None


@dataclass(frozen=True)
class SigningInfo:
    """Whom the signature of a package names."""

    publisher: str
    type: str
    version: str


@dataclass(frozen=True)
class HandlerManifest:
    """Element 0 of HandlerManifest.json (extensions.md 1.2). A missing command is None, an empty one is ``""``."""

    install_command: str | None = None
    enable_command: str | None = None
    update_command: str | None = None
    disable_command: str | None = None
    uninstall_command: str | None = None
    update_with_install: bool = True
    report_heartbeat: bool = False
    continue_on_update_failure: bool = False
    supports_multiple_extensions: bool = False
    limits: Limits = Limits()
    services: tuple[tuple[str, Limits], ...] = ()
    signing_info: SigningInfo | None = None
    remarks: tuple[str, ...] = ()
    """Tolerated oddities, for the log and telemetry: each one sentence."""
