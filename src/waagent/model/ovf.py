"""What the provisioning document says (guest.md 1.4). ``None`` means missing, empty or nil."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from waagent.model.secret import Secret


class PoolType(enum.Enum):
    """Kind of pre-provisioned VM (guest.md 1.7)."""

    NONE = "None"
    RUNNING = "Running"
    SAVABLE = "Savable"
    OS_DISK = "PreprovisionedOSDisk"
    UNKNOWN = "Unknown"


@dataclass(frozen=True)
class PublicKey:
    """A key for logging in: its text, or the certificate that it comes from."""

    path: str | None
    value: str | None = None
    fingerprint: str | None = None
    """Upper-case hex without separators."""


@dataclass(frozen=True)
class KeyPair:
    """A key pair for logging in from this machine: the certificate that it comes from."""

    path: str | None
    fingerprint: str | None


@dataclass(frozen=True)
class OvfEnvironment:
    """One ovf-env.xml."""

    host_name: str
    user_name: str
    user_password: Secret | None = None
    disable_ssh_password_authentication: bool | None = None
    """None when the document does not say; guest.md 1.4 takes that as False."""
    public_keys: tuple[PublicKey, ...] = ()
    key_pairs: tuple[KeyPair, ...] = ()
    custom_data: Secret | None = None
    """The Base64 text as it stands in the document."""
    provision_guest_agent: str = "true"
    """The raw text: anything but ``false`` in any case means true."""
    pool_type: PoolType = PoolType.NONE
    remarks: tuple[str, ...] = ()
    """Oddities that are no errors, for the log."""

    @property
    def guest_agent_disabled(self) -> bool:
        return self.provision_guest_agent.strip().lower() == "false"
