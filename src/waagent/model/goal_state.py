"""What the fabric wants of this VM (fabric.md 3 to 5). ``None`` means "the document does not say"."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from typing import NewType

from waagent.model.extension import RequestedHandler

Incarnation = NewType("Incarnation", str)
"""Opaque text, compared for inequality only; it may repeat or go backwards (trap 2)."""

Etag = NewType("Etag", str)
"""Opaque text as received, quotes included."""

Thumbprint = NewType("Thumbprint", str)
"""SHA-1 over the DER certificate, 40 upper-case hex digits."""


class Channel(enum.Enum):
    """Where an extensions goal state came from."""

    FABRIC = "Fabric"
    FAST_TRACK = "FastTrack"


class BlobType(enum.Enum):
    BLOCK = "BlockBlob"
    PAGE = "PageBlob"


@dataclass(frozen=True)
class WireGoalState:
    """The goal-state document (fabric.md 3.1): identities and where the other documents are."""

    incarnation: Incarnation
    container_id: str
    instance_id: str | None
    config_name: str | None
    hosting_environment_url: str | None = None
    shared_config_url: str | None = None
    extensions_config_url: str | None = None
    certificates_url: str | None = None
    remote_access_url: str | None = None
    load_balancer_ports: tuple[int, ...] = ()


@dataclass(frozen=True)
class HostingEnvironment:
    """Names used by telemetry only (fabric.md 3.3)."""

    vm_name: str | None = None
    role_name: str | None = None
    tenant_name: str | None = None


@dataclass(frozen=True)
class AgentFamily:
    """One GAFamily (fabric.md 4.2)."""

    name: str
    version: str | None = None
    from_version: str | None = None
    is_version_from_rsm: bool | None = None
    is_vm_enabled_for_rsm: bool | None = None
    uris: tuple[str, ...] = ()


@dataclass(frozen=True)
class StatusBlob:
    """Where the status goes. The URL is a credential: print it only through ``redact``."""

    url: str
    blob_type: BlobType = BlobType.BLOCK


@dataclass(frozen=True)
class ExtensionsGoalState:
    """What to run, whichever channel it came by (fabric.md 4 and 5)."""

    channel: Channel
    identity: str
    """``incarnation_<n>`` or ``etag_<etag>``: extensions are processed when this differs from the last one processed."""
    created_on_ticks: int = 0
    """100 ns since 0001-01-01; integers only (trap 13). 0 when the document does not say."""
    in_svd_seq_no: str | int | None = None
    """As echoed in the status: the incarnation as text for Fabric, the document's integer for Fast Track (trap 15)."""
    activity_id: str | None = None
    correlation_id: str | None = None
    status_blob: StatusBlob | None = None
    artifacts_profile_url: str | None = None
    on_hold: bool = False
    required_features: tuple[str, ...] = ()
    families: tuple[AgentFamily, ...] = ()
    handlers: tuple[RequestedHandler, ...] = ()
    outdated: bool = False
    """Older than the last Fast Track goal state: report status, run nothing (fabric.md 5.4)."""


@dataclass(frozen=True)
class VmSettings:
    """A parsed vmSettings document (fabric.md 5.4)."""

    etag: Etag
    host_plugin_version: str
    source: Channel | None
    goal_state: ExtensionsGoalState


@dataclass(frozen=True)
class CertificateSummary:
    """One line of Certificates.json: never a key."""

    thumbprint: Thumbprint
    has_private_key: bool


@dataclass(frozen=True)
class GoalState:
    """One complete view of what the fabric wants, and of who we are to it."""

    wire: WireGoalState
    extensions: ExtensionsGoalState
    fetched_at: datetime
    hosting: HostingEnvironment = HostingEnvironment()
    certificates: tuple[CertificateSummary, ...] = ()
    remote_access: RemoteAccess | None = None
    fast_track_supported: bool = False


@dataclass(frozen=True)
class RemoteUser:
    """A just-in-time account (fabric.md 10). The password is base64 CMS, encrypted to the transport certificate."""

    name: str
    encrypted_password: str
    expiration: datetime | None
    expiration_text: str


@dataclass(frozen=True)
class RemoteAccess:
    """The users for whom the platform asks access just in time, as one document lists them."""

    version: str
    incarnation: str
    users: tuple[RemoteUser, ...] = ()
