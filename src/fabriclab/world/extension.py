"""What the fabric wants of extensions and agent families (fabric 4.2 to 4.5, 8.1), the same for both channels."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from fabriclab.world.addresses import blob

CONTAINER = "extensions"


class Flaw(str, Enum):
    """What may be wrong with an extension's part of ExtensionsConfig (4.4), and of vmSettings (5.4) where that has the like.

    An empty runtimeSettings and the case of a name make nothing invalid.
    """

    VERSION_MISMATCH = "version-mismatch"
    DUPLICATE_SETTINGS = "duplicate-settings"
    BOTH_KINDS = "both-kinds"
    TWO_RUNTIME_SETTINGS = "two-runtime-settings"
    TWO_DEPENDS_ON = "two-depends-on"
    NAMELESS_INSTANCE = "nameless-instance"
    NAMELESS_DEPENDS_ON = "nameless-depends-on"
    NO_SEQUENCE = "no-sequence"
    EMPTY_SEQUENCE = "empty-sequence"
    TEXT_SEQUENCE = "text-sequence"
    NO_TEXT = "no-text"
    NOT_JSON = "not-json"
    NO_RUNTIME_SETTINGS = "no-runtime-settings"
    NO_HANDLER_SETTINGS = "no-handler-settings"
    NO_THUMBPRINT = "no-thumbprint"
    EMPTY_RUNTIME_SETTINGS = "empty-runtime-settings"
    NAME_CASE = "name-case"


@dataclass(frozen=True)
class Dependency:
    """`extension`: the instance, when the handler depended on is multi-config."""

    handler: str
    extension: str | None = None


@dataclass(frozen=True)
class Settings:
    """One settings instance. `name` is empty for a handler with a single configuration.

    `certificate`: the tenant certificate that `protected` is encrypted to; None is whichever is current.
    `protected_text`: used as it is in place of what would be encrypted (garbage, on purpose).
    """

    sequence: int = 0
    public: Mapping[str, Any] | None = None
    protected: Mapping[str, Any] | None = field(default=None, repr=False)
    name: str = ""
    state: str = "enabled"
    level: int = 0
    depends_on: tuple[Dependency, ...] = ()
    certificate: str | None = None
    protected_text: str | None = None


@dataclass(frozen=True)
class Package:
    """One version in a manifest. Without `uris` its address is the lab's blob store."""

    version: str
    uris: tuple[str, ...] | None = None
    internal: bool = False
    disallow_major_upgrade: bool = False

    def addresses(self, name: str) -> tuple[str, ...]:
        return self.uris if self.uris is not None else (blob(CONTAINER, self.blob_name(name)),)

    def blob_name(self, name: str) -> str:
        return f"{name}__{self.version}"


@dataclass(frozen=True)
class Extension:
    """A handler that is wanted. `name`: Publisher.Type. `packages`: what its manifest lists; empty is its own version alone.

    `state`: enabled, disabled, uninstall; anything else only to test what an agent does with it.
    `location` None is the lab's blob store.
    """

    name: str
    version: str
    state: str = "enabled"
    settings: tuple[Settings, ...] = ()
    multi_config: bool = False
    location: str | None = None
    failover_location: str | None = None
    additional_locations: tuple[str, ...] = ()
    encoded_signature: str | None = None
    auto_upgrade: bool = True
    packages: tuple[Package, ...] = ()
    flaws: frozenset[Flaw] = frozenset()

    @property
    def manifest(self) -> str:
        """Address of its manifest."""
        return self.location if self.location is not None else blob(CONTAINER, self.manifest_blob)

    @property
    def failover_manifest(self) -> str:
        return self.failover_location if self.failover_location is not None else self.manifest

    @property
    def manifest_blob(self) -> str:
        return f"{self.name}_manifest.xml"

    @property
    def listed(self) -> tuple[Package, ...]:
        return self.packages or (Package(self.version),)


@dataclass(frozen=True)
class AgentFamily:
    """Where agent packages of a family are, and what the rollout service asks for (4.2). None leaves an element out."""

    name: str = "Prod"
    version: str | None = None
    from_version: str | None = None
    version_from_rsm: bool | None = None
    enabled_for_rsm_upgrades: bool | None = None
    uris: tuple[str, ...] | None = None
    packages: tuple[Package, ...] = ()

    @property
    def manifests(self) -> tuple[str, ...]:
        return self.uris if self.uris is not None else (blob("agents", self.manifest_blob),)

    @property
    def manifest_blob(self) -> str:
        return f"{self.name}_manifest.xml"
