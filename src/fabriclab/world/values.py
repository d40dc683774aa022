"""Everything the emulated fabric knows about its one VM, as frozen values.

The defaults are a small VM that wants nothing: incarnation 1, no extensions, Fast Track supported by the host but not in use.
Documents are rendered from a World alone, so that the same world gives the same documents (but for what is encrypted).
"""

from dataclasses import dataclass, field
from typing import Any

from fabriclab.world.addresses import WIRE_SERVER, blob
from fabriclab.world.extension import AgentFamily, Dependency, Extension, Flaw, Package, Settings
from fabriclab.world.switches import Switches

__all__ = [
    "AgentFamily",
    "Dependency",
    "Extension",
    "FastTrack",
    "Flaw",
    "GoalStateMetadata",
    "Identity",
    "JitUser",
    "Metadata",
    "Package",
    "Settings",
    "StatusBlob",
    "Switches",
    "TenantCertificate",
    "World",
]

TICKS = 638_900_000_000_000_000  # 100 ns since year 1: some moment in 2025
ZERO_GUID = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True)
class Identity:
    vm_id: str = "99999999-8888-4777-8666-555555555555"
    vm_name: str = "labvm01"
    computer_name: str = ""  # what metadata says of the host name; empty: the VM's name
    container_id: str = "11111111-2222-4333-8444-555555555555"
    deployment_id: str = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
    deployment_revision: int = 1  # the number in the config name; grows when the fabric builds the role anew
    subscription_id: str = "aaaaaaaa-0000-4000-8000-000000000001"
    resource_group: str = "lab-rg"
    location: str = "labregion"
    vm_size: str = "Standard_B2s"
    private_address: str = "10.77.0.4"
    subnet: str = "10.77.0.0"
    prefix: int = 24
    public_address: str = "192.0.2.10"
    mac: str = "00:0d:3a:11:22:33"
    rdma_address: str | None = None  # of the RDMA device, as SharedConfig says it
    rdma_mac: str = "00:15:5d:33:ff:1a"
    admin_user: str = "labuser"
    public_keys: tuple[str, ...] = ()

    @property
    def role_instance(self) -> str:
        return f"{self.deployment_id}._{self.vm_name}"

    @property
    def encoded_role_instance(self) -> str:
        """As it stands in addresses: the dot stays, - and _ do not (fabric 2)."""
        return self.role_instance.replace("-", "%2D").replace("_", "%5F")

    @property
    def config_name(self) -> str:
        part = f"{self.deployment_id}.{self.deployment_revision}"
        return f"{part}.{part}._{self.vm_name}.1.xml"


@dataclass(frozen=True)
class GoalStateMetadata:
    """What comes with one publication of the extensions (4.8)."""

    sequence: int = 1
    ticks: int = TICKS
    activity_id: str = "22222222-3333-4444-8555-666666666666"
    correlation_id: str = "33333333-4444-4555-8666-777777777777"


@dataclass(frozen=True)
class StatusBlob:
    """`address` None is the lab's blob store. `kind`: BlockBlob, PageBlob, or nonsense; empty leaves the attribute out."""

    kind: str = "BlockBlob"
    address: str | None = None
    present: bool = True


@dataclass(frozen=True)
class FastTrack:
    """What /vmSettings says. `source`: FastTrack, or Fabric when it only repeats ExtensionsConfig; None leaves it out."""

    etag: int = 1
    source: str | None = "Fabric"
    plugin_version: str = "1.0.8.175"
    schema_version: str | None = "0.0"
    metadata: GoalStateMetadata = GoalStateMetadata()
    certificates_revision: int | None = 0
    extensions: tuple[Extension, ...] = ()


@dataclass(frozen=True)
class JitUser:
    """`expiration` is the text of the document: `Fri, 02 Jan 2026 12:00:00 UTC`, or something an agent must refuse."""

    name: str
    password: str = field(repr=False)
    expiration: str
    groups: tuple[str, ...] = ("Administrators", "RemoteDesktopUsers")


@dataclass(frozen=True)
class TenantCertificate:
    """A certificate by its id (documents/certificates.py makes it, once). `key`: rsa, ec or empty for none.

    `expired`: its time was over long ago.
    """

    name: str
    key: str = "rsa"
    friendly_name: str = "TenantEncryptionCert"
    expired: bool = False


@dataclass(frozen=True)
class Metadata:
    """What IMDS says beyond the identity (9.3)."""

    publisher: str = "labpublisher"
    offer: str = "lab-offer"
    sku: str = "lab-sku"
    version: str = "1.0.0"
    tags: tuple[tuple[str, str], ...] = (("env", "lab"),)
    zone: str = ""
    user_data: str = ""  # base64
    has_custom_data: bool = False
    disable_password_authentication: bool = True
    pps_type: str = "None"
    resource_disk_size: str = "8192"
    priority: str = ""
    scale_set: str = ""
    extra: tuple[tuple[str, Any], ...] = ()  # more members of `compute`


@dataclass(frozen=True)
class World:
    identity: Identity = Identity()
    wire_server: str = WIRE_SERVER
    option_245: str | None = None  # what DHCP names as the wire server in place of where it is; empty: nothing
    incarnation: int = 1
    metadata: GoalStateMetadata = GoalStateMetadata()
    extensions: tuple[Extension, ...] = ()
    families: tuple[AgentFamily, ...] = (AgentFamily(),)
    required_features: tuple[str, ...] = ()
    on_hold: bool = False
    profile_sequence: int = 1
    status_blob: StatusBlob = StatusBlob()
    fast_track: FastTrack | None = FastTrack()
    jit_users: tuple[JitUser, ...] | None = None
    probe_port: int | None = None  # where a load balancer's probes are to be answered, as with classic input endpoints
    remote_access_incarnation: int = 1
    certificates: tuple[TenantCertificate, ...] = (TenantCertificate("tenant-1"),)
    imds: Metadata = Metadata()
    reprovision_data: bytes | None = field(default=None, repr=False)
    switches: Switches = field(default_factory=Switches)

    @property
    def tenant_certificate(self) -> TenantCertificate | None:
        """What protected settings are encrypted to: the first that has an RSA key."""
        return next((item for item in self.certificates if item.key == "rsa"), None)

    @property
    def status_address(self) -> str:
        return self.status_blob.address if self.status_blob.address is not None else blob("$system", self.status_name, "w")

    @property
    def status_name(self) -> str:
        return f"{self.identity.vm_name}.{self.identity.vm_id}.status"

    @property
    def profile_address(self) -> str:
        return blob("$system", self.profile_name)

    @property
    def health_address(self) -> str:
        """Of the health status blob, which no guest writes."""
        return blob("$system", f"{self.identity.vm_name}.{self.identity.vm_id}.health", "w")

    @property
    def profile_name(self) -> str:
        return f"{self.identity.vm_name}.{self.identity.vm_id}.vmSettings"

    @property
    def published(self) -> tuple[Extension, ...]:
        """What is wanted by the newer of the two channels."""
        fast = self.fast_track
        if fast is not None and fast.source != "Fabric" and fast.metadata.ticks > self.metadata.ticks:
            return fast.extensions
        return self.extensions
