"""The closed set of things that happen to the world. Each is a value; apply.py says what it changes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from fabriclab.world.values import AgentFamily, Extension, JitUser, Metadata, StatusBlob, TenantCertificate

Channel = Literal["wire", "fast-track"]


@dataclass(frozen=True)
class PublishExtensions:
    """The wanted extensions, all of them, by the wire server (a new incarnation) or by Fast Track (a new etag alone)."""

    extensions: tuple[Extension, ...]
    channel: Channel = "wire"


@dataclass(frozen=True)
class PutExtension:
    """One extension more, or in place of the one of this name."""

    extension: Extension
    channel: Channel = "wire"


@dataclass(frozen=True)
class UninstallExtension:
    """The extension is asked for once more, with the state uninstall and without settings."""

    name: str
    channel: Channel = "wire"


@dataclass(frozen=True)
class ForgetExtension:
    """The extension is no longer mentioned, as after its removal was seen."""

    name: str
    channel: Channel = "wire"


@dataclass(frozen=True)
class ChangeSettings:
    """New settings of one instance (`instance` empty for a single configuration), with the next sequence number."""

    name: str
    public: Mapping[str, Any] | None = None
    protected: Mapping[str, Any] | None = field(default=None, repr=False)
    instance: str = ""
    channel: Channel = "wire"


@dataclass(frozen=True)
class BumpIncarnation:
    """A new incarnation, with nothing else changed. `to`: any number, also the same or a smaller one."""

    to: int | None = None


@dataclass(frozen=True)
class ChangeContainer:
    """The VM moved: another container id, with `revision` also another config name; the incarnation stays (trap 1)."""

    container_id: str | None = None
    revision: bool = True


@dataclass(frozen=True)
class MoveWireServer:
    """Wire server and HostGAPlugin are reached at another address (one of world/addresses.py); the old one falls silent."""

    address: str


@dataclass(frozen=True)
class RotateCertificate:
    """Another tenant certificate. `keep_old`: the ones there are stay in the document, behind the new one."""

    certificate: TenantCertificate
    keep_old: bool = False
    bump: bool = True


@dataclass(frozen=True)
class AddCertificate:
    """One more certificate, behind the ones there are."""

    certificate: TenantCertificate


@dataclass(frozen=True)
class SetHold:
    on_hold: bool


@dataclass(frozen=True)
class SetFastTrack:
    """`supported` False: the host knows no /vmSettings (404). Else another plugin version or source; None leaves them."""

    supported: bool = True
    plugin_version: str | None = None
    source: str | None = None


@dataclass(frozen=True)
class SetFamilies:
    families: tuple[AgentFamily, ...]


@dataclass(frozen=True)
class SetProbePort:
    """A new incarnation names another port for a load balancer's probes, or none (False)."""

    port: int | None = None


@dataclass(frozen=True)
class RequireFeatures:
    features: tuple[str, ...]


@dataclass(frozen=True)
class SetStatusBlob:
    status_blob: StatusBlob


@dataclass(frozen=True)
class Rename:
    """The VM's name changes, and so its role instance."""

    vm_name: str


@dataclass(frozen=True)
class ReplaceVm:
    """Another VM booted from the same disk: another VM id and container."""

    vm_id: str


@dataclass(frozen=True)
class AddJitUser:
    user: JitUser


@dataclass(frozen=True)
class RemoveJitUser:
    """The last one leaves an empty list. `forget`: no RemoteAccessInfo at all any more."""

    name: str
    forget: bool = False


@dataclass(frozen=True)
class SetMetadata:
    imds: Metadata


@dataclass(frozen=True)
class ClaimVm:
    """A pre-provisioned VM is handed to its user: reprovision data appears. `pps_type`: what IMDS says from now on."""

    reprovision_data: bytes = field(repr=False)
    pps_type: str = "None"


@dataclass(frozen=True)
class SetSwitch:
    name: str
    value: Any


Event = (
    PublishExtensions
    | PutExtension
    | UninstallExtension
    | ForgetExtension
    | ChangeSettings
    | BumpIncarnation
    | ChangeContainer
    | MoveWireServer
    | RotateCertificate
    | AddCertificate
    | SetHold
    | SetFastTrack
    | SetFamilies
    | SetProbePort
    | RequireFeatures
    | SetStatusBlob
    | Rename
    | ReplaceVm
    | AddJitUser
    | RemoveJitUser
    | SetMetadata
    | ClaimVm
    | SetSwitch
)
