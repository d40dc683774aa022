"""Who provisions: the built-in handler, cloud-init, or nobody (guest.md 2.2). Decided once, and said in the log.

``Provisioning.Enabled=n`` always takes the built-in handler out of the choice. Where cloud-init provisions we change
nothing and wait for what it makes, watching its directories; its own word about its end cuts a vain wait short.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any, TypeVar

from waagent.config.paths import Paths
from waagent.config.sections import Config
from waagent.model.failure import CommandFailure, DocumentFailure, ProvisionFailure
from waagent.model.ovf import OvfEnvironment
from waagent.provision import hostkeys
from waagent.system.port import System

WAIT = 1800
"""Seconds that cloud-init gets for the saved document, and again for the host key."""
SAID = (0, 20, 40, 80, 160, 320)
"""Seconds after which the log says that we wait, and then every 320."""
RUN = "/run/cloud-init"
DATA = "/var/lib/cloud/data"
"""Where the reports really are that ``RUN`` has links to: that is the directory in which they change."""
HINT = "/var/log/cloud-init.log tells what cloud-init did"

Found = TypeVar("Found")


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


def wait_for_document(system: System, paths: Paths) -> OvfEnvironment:
    """What the document says that cloud-init saves. Errors: ``ProvisionFailure``, and ``DocumentFailure`` in the end."""
    from waagent.codec import ovf_env

    unreadable: list[DocumentFailure] = []

    def look() -> OvfEnvironment | None:
        content = system.files.read_if_there(paths.ovf_env)
        if not content:
            return None
        try:
            return ovf_env.parse(content)
        except DocumentFailure as failure:  # it may be half written
            unreadable[:] = [failure]
            return None

    try:
        return _wait(system, look, (paths.lib,), f"to save {paths.ovf_env}")
    except ProvisionFailure as failure:
        raise unreadable[-1] if unreadable else failure from None


def wait_for_host_key(system: System, config: Config) -> tuple[str, str]:
    """The fingerprint of the host key that cloud-init makes, and the key's path. Errors: ``ProvisionFailure``.

    cloud-init may have been told to make other types than ours: once it has ended, any host key there is will do.
    """
    wanted = hostkeys.public_path(config)

    def look() -> tuple[str, str] | None:
        if _is_making_keys(system):
            return None
        paths = (wanted,) if report(system) is None else (wanted, *system.files.glob(f"{config.os.ssh_dir}/ssh_host_*_key.pub"))
        for path in paths:
            found = hostkeys.fingerprint(system, path) if system.files.exists(path) else None
            if found:
                return found, path
        return None

    return _wait(system, look, (config.os.ssh_dir,), f"to make the host key {wanted}")


def _is_making_keys(system: System) -> bool:
    """Whether the stage that replaces host keys is not over yet: keys that lie there are still the image's."""
    stages = _said(system, "status.json")
    init = stages.get("init") if stages is not None else None
    return isinstance(init, dict) and not init.get("finished") and report(system) is None


@dataclass(frozen=True)
class Report:
    """How cloud-init ended on this boot: where its data came from, and what it complains of."""

    datasource: str
    errors: tuple[str, ...] = ()


def report(system: System) -> Report | None:
    """cloud-init's own word at the end of its last stage; None while it is at work."""
    said = _said(system, "result.json")
    if said is None:
        return None
    errors = said.get("errors")
    return Report(str(said.get("datasource")), tuple(map(str, errors)) if isinstance(errors, list) else ())


def _said(system: System, name: str) -> dict[str, Any] | None:
    """One of cloud-init's own reports of this boot; None when it is not there, or cannot be understood."""
    import json

    content = system.files.read_if_there(f"{RUN}/{name}", limit=1024 * 1024)
    try:
        said = json.loads(content or b"")["v1"]
    except (ValueError, KeyError, TypeError):
        return None
    return said if isinstance(said, dict) else None


def _wait(system: System, look: Callable[[], Found | None], directories: tuple[str, ...], what: str) -> Found:
    """Look again after each change, until it is found, or cloud-init has ended without it, or ``WAIT`` seconds are over."""
    begun = system.clock.monotonic()
    say = iter((*SAID, *range(2 * SAID[-1], WAIT + SAID[-1], SAID[-1])))
    next_word = next(say)
    with closing(system.files.watch((*directories, RUN, DATA))) as watch:
        while True:
            ended = report(system)
            found = look()  # after the word about the end: what was made before it is there by now
            if found is not None:
                return found
            if ended is not None:
                raise ProvisionFailure(_complaint(ended, what), hint=HINT, facts={"datasource": ended.datasource})
            waited = system.clock.monotonic() - begun
            if waited >= WAIT:
                raise ProvisionFailure(f"cloud-init was given {WAIT} seconds {what}", hint=HINT)
            if waited >= next_word:
                system.log.info(f"waiting for cloud-init {what} ({waited:.0f} s so far)")
                next_word = next(say)
            if not watch.wait(min(next_word, WAIT) - waited):
                raise ProvisionFailure(f"stopped while waiting for cloud-init {what}")


def _complaint(ended: Report, what: str) -> str:
    text = f"cloud-init ended and never came {what} (its data source: {ended.datasource})"
    return f"{text}; it complains of {'; '.join(ended.errors)}" if ended.errors else text


def _stdout(system: System, argv: tuple[str, ...]) -> str:
    try:
        return system.commands.run(argv, ok=None, timeout=30.0).stdout
    except CommandFailure:
        return ""
