"""Where an extension's command runs: a scope of its own where systemd is, never the agent's control group.

Follows extensions.md 7.2, 7.4 and 7.5. Odd: a slice is named after the handler with dashes as underscores, of several
extensions each has its own; memory limits of a manifest are ignored; no unit is ever reloaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from waagent.guest import cgroups
from waagent.guest.cgroups import EXTENSIONS, ROOT, SYSTEMD
from waagent.model.extension import HandlerManifest, Limits
from waagent.model.failure import SystemFailure
from waagent.system.identifier import new_identifier
from waagent.system.port import Files, System


@dataclass(frozen=True)
class Surroundings:
    """How a command is kept apart from the agent. ``scope`` is the beginning of a command line, empty without systemd;
    ``groups`` are the files that take the process out of the agent's control groups."""

    scope: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    slice: str = ""
    """The slice of the scope."""


def slice_name(name: str) -> str:
    """The slice of a handler, or of ``<handler>.<extension>``."""
    return f"azure-vmextensions-{name.replace('-', '_')}.slice"


def surroundings(system: System, word: str, name: str) -> Surroundings:
    """What keeps the command ``word`` of ``name`` out of the agent's control group."""
    scope = _scope(system, word, name)
    return Surroundings(scope, outside(system.files), slice_name(name) if scope else "")


def throttled(files: Files, unit: str) -> float | None:
    """Seconds for which a slice had to wait because of its limit so far; None when nobody counts them."""
    own = cgroups.own(files) if unit else None
    return None if own is None else cgroups.usage(files, cgroups.below(own, files, f"{EXTENSIONS}/{unit}")).throttled


def _scope(system: System, word: str, name: str) -> tuple[str, ...]:
    program = system.commands.find("systemd-run") if system.files.exists(SYSTEMD) else None
    if program is None:
        return ()
    return (
        program,
        "--quiet",
        "--property=CPUAccounting=no",
        "--property=MemoryAccounting=no",
        f"--unit={word}_{new_identifier()}",
        "--scope",
        f"--slice={slice_name(name)}",
    )


def outside(files: Files) -> tuple[str, ...]:
    """The ``cgroup.procs`` files through which a process leaves the agent's groups: each hierarchy's root."""
    try:
        lines = (files.read_if_there("/proc/self/cgroup", 65536) or b"").decode("utf-8", "replace").splitlines()
    except SystemFailure:
        return ()
    found: list[str] = []
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if path not in ("", "/"):
            found += [f"{root}/cgroup.procs" for root in _roots(controllers) if files.exists(f"{root}/cgroup.procs")][:1]
    return tuple(found)


def _roots(controllers: str) -> tuple[str, ...]:
    """Where a hierarchy of /proc/self/cgroup may be mounted; no controllers: the unified one."""
    if not controllers:
        return (ROOT, f"{ROOT}/unified")
    return (f"{ROOT}/{controllers}", f"{ROOT}/{controllers.removeprefix('name=')}")


def apply(system: System, name: str, manifest: HandlerManifest) -> None:
    """Set the limits of a manifest on the handler's slice and its services. Trouble is logged and stops nothing."""
    if not system.files.exists(SYSTEMD) or not (manifest.services or manifest.limits != Limits()):
        return
    _set(system, slice_name(name), manifest.limits)
    for service, limits in manifest.services:
        if _loaded(system, service):
            _set(system, service, limits)


def withdraw(system: System, name: str, manifest: HandlerManifest | None) -> None:
    """Take the limits away again, at uninstall."""
    if manifest is None or not (manifest.services or manifest.limits != Limits()) or not system.files.exists(SYSTEMD):
        return
    _set(system, slice_name(name), Limits(), accounting=False)
    for service, _ in manifest.services:
        if _loaded(system, service):
            _set(system, service, Limits(), accounting=False)


def _loaded(system: System, unit: str) -> bool:
    show = ["systemctl", "show", "--property=LoadState", "--", unit]
    try:
        return system.commands.run(show, timeout=10, ok=None).stdout.strip() == "LoadState=loaded"
    except SystemFailure:
        return False


def _set(system: System, unit: str, limits: Limits, accounting: bool = True) -> None:
    quota = "" if limits.cpu_quota_percentage is None else f"{limits.cpu_quota_percentage}%"
    properties: Sequence[str] = [f"CPUQuota={quota}"]
    if accounting:  # in the order of their names: else systemd takes the drop-ins that it writes for changed ones
        properties = ["CPUAccounting=yes", *properties, "MemoryAccounting=yes"]
    try:
        system.commands.run(["systemctl", "set-property", "--runtime", "--", unit, *properties], timeout=15)
    except SystemFailure as failure:
        system.log.warning(f"the limits of {unit} could not be set: {failure.reason}")
