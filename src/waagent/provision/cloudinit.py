"""Who provisions: the built-in handler, cloud-init, or nobody (guest.md 2.2). Decided once, and said in the log.

``Provisioning.Enabled=n`` always takes the built-in handler out of the choice.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from waagent.config.paths import Paths
from waagent.config.sections import Config
from waagent.model.failure import CommandFailure, ProvisionFailure
from waagent.system.port import System

WAIT = 1800
"""Seconds that cloud-init gets for the saved document, and again for the host key."""
_SAID = frozenset({0, 20, 40, 80, 160})


class Owner(enum.Enum):
    BUILT_IN = "waagent"
    CLOUD_INIT = "cloud-init"
    NOBODY = "disabled"


@dataclass(frozen=True)
class Choice:
    """The owner and why. ``conflict``: provisioning must fail with this text, once a marker does not make it needless."""

    owner: Owner
    why: str
    warning: str | None = None
    conflict: str | None = None


def choose(*, enabled: bool, agent: str, use_cloud_init: bool, cloud_init: bool) -> Choice:
    """The table of guest.md 2.2. ``cloud_init`` says whether cloud-init is enabled on this system."""
    word = agent.strip().lower() or "auto"
    if word == "cloud-init":
        return Choice(Owner.CLOUD_INIT, "Provisioning.Agent=cloud-init")
    if word not in ("auto", "waagent"):
        return Choice(Owner.NOBODY, f"Provisioning.Agent={word}")
    if not enabled:
        return _not_enabled(word, use_cloud_init, cloud_init)
    if word == "waagent":
        conflict = "Provisioning.Agent=waagent, but cloud-init is enabled: two provisioners would fight" if cloud_init else None
        return Choice(Owner.BUILT_IN, "Provisioning.Agent=waagent", conflict=conflict)
    if cloud_init:
        return Choice(Owner.CLOUD_INIT, "cloud-init is enabled")
    return Choice(Owner.BUILT_IN, "cloud-init is not enabled")


def _not_enabled(word: str, use_cloud_init: bool, cloud_init: bool) -> Choice:
    if word == "waagent":
        warning = "Provisioning.Enabled=n and Provisioning.Agent=waagent contradict each other: nothing is provisioned"
        return Choice(Owner.NOBODY, "Provisioning.Enabled=n", warning=warning)
    if cloud_init:
        return Choice(Owner.CLOUD_INIT, "Provisioning.Enabled=n and cloud-init is enabled")
    if use_cloud_init:
        return Choice(Owner.CLOUD_INIT, "Provisioning.UseCloudInit=y")
    return Choice(Owner.NOBODY, "Provisioning.Enabled=n")


def is_enabled(system: System) -> bool:
    """Whether cloud-init is enabled here: its unit says ``enabled``, or its init script answers with success."""
    unit = ("systemctl", "is-enabled", "cloud-init-local.service")
    if system.commands.find("systemctl") and _stdout(system, unit).strip() == "enabled":
        return True
    if not system.commands.find("service"):
        return False
    try:
        system.commands.run(("service", "cloud-init", "status"), timeout=30.0)
    except CommandFailure:
        return False
    return True


def owner(system: System, config: Config) -> Choice:
    """Observe, choose, and say the choice in the log."""
    choice = choose(
        enabled=config.provisioning.enabled,
        agent=config.provisioning.agent,
        use_cloud_init=config.provisioning.use_cloud_init,
        cloud_init=is_enabled(system),
    )
    system.log.info(f"provisioning belongs to {choice.owner.value}: {choice.why}")
    if choice.warning:
        system.log.warning(choice.warning)
    return choice


def wait_for_document(system: System, paths: Paths) -> bytes:
    """The document as cloud-init saved it. Errors: ``ProvisionFailure`` after ``WAIT`` seconds."""
    for waited in range(WAIT):
        content = system.files.read_if_there(paths.ovf_env)
        if content:
            return content
        if waited in _SAID or waited % 320 == 0:
            system.log.info(f"waiting for cloud-init to save {paths.ovf_env} ({waited} s so far)")
        if not system.clock.pause(1.0):
            raise ProvisionFailure(f"stopped while waiting for cloud-init to save {paths.ovf_env}")
    raise ProvisionFailure(f"cloud-init did not save {paths.ovf_env} within {WAIT} seconds")


def wait_for_host_key(system: System, config: Config) -> str:
    """The fingerprint of the host key that cloud-init makes. Errors: ``ProvisionFailure`` after ``WAIT`` seconds."""
    from waagent.provision import hostkeys

    path = hostkeys.public_path(config)
    for waited in range(WAIT):
        found = hostkeys.fingerprint(system, path) if system.files.exists(path) else None
        if found:
            return found
        if waited in _SAID or waited % 320 == 0:
            system.log.info(f"waiting for cloud-init to make {path} ({waited} s so far)")
        if not system.clock.pause(1.0):
            raise ProvisionFailure(f"stopped while waiting for {path}")
    raise ProvisionFailure(f"cloud-init made no host key at {path} within {WAIT} seconds")


def _stdout(system: System, argv: tuple[str, ...]) -> str:
    try:
        return system.commands.run(argv, ok=None, timeout=30.0).stdout
    except CommandFailure:
        return ""
