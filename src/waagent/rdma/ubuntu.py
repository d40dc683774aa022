"""The driver on Ubuntu: kernels of the flavour ``azure`` carry one for each firmware (guest.md 6.6)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from waagent.rdma.stage import DRIVER, INSTALL, Stage
from waagent.system.action import MakeDirectory, Run, WriteFile
from waagent.system.port import System

ALIASES = "/etc/modprobe.d/vmbus-rdma.conf"
KERNEL = "linux-azure"
_ALIAS = re.compile(rf"^[ \t]*alias[ \t]+{DRIVER}[ \t].*\n?", re.MULTILINE)


@dataclass(frozen=True)
class Facts:
    """``resolved`` is the module that the driver's name stands for, ``offered`` the newest kernel that apt knows of."""

    firmware: str
    kernel: str
    resolved: str = ""
    present: bool = False
    aliases: str = ""
    offered: str | None = None
    prepared: bool = False
    updates: bool = False

    @property
    def module(self) -> str:
        return f"{DRIVER}_{self.firmware.replace('.', '_')}"


def observe(system: System, firmware: str, kernel: str, resolved: str, *, prepared: bool, updates: bool) -> Facts:
    """``updates``: the kernel may be replaced; only then apt is asked."""
    run = system.commands.run
    facts = Facts(firmware, kernel, resolved)
    offered = None
    if prepared:
        shown = run(("apt-cache", "show", "--no-all-versions", KERNEL), ok=None, timeout=120.0).stdout
        match = re.search(r"^Version:\s*(\S+)", shown, re.MULTILINE)
        offered = match[1] if match else None
    present = run(("modinfo", facts.module), ok=None).exit_code == 0
    aliases = (system.files.read_if_there(ALIASES) or b"").decode("utf-8", "surrogateescape")
    return Facts(firmware, kernel, resolved, present, aliases, offered, prepared, updates)


def plan(facts: Facts) -> Stage:
    if facts.resolved == facts.module:
        return Stage(f"{facts.module} is the driver already")
    if facts.present:
        kept = _ALIAS.sub("", facts.aliases)
        if kept and not kept.endswith("\n"):
            kept += "\n"
        text = f"{kept}alias {DRIVER} {facts.module}\n"
        write = WriteFile(ALIASES, text.encode("utf-8", "surrogateescape"), why="have the driver that fits the firmware loaded")
        return Stage(f"{facts.module} is the driver from now on", (MakeDirectory(ALIASES.rpartition("/")[0]), write))
    if not facts.updates or not facts.kernel.endswith("-azure"):
        return Stage(f"the kernel {facts.kernel} has no {facts.module}, and may not be replaced", failed=True)
    if not facts.prepared:
        return Stage("newer kernels are looked for", (Run(("apt-get", "update"), timeout=600.0),), again=True, installs=True)
    if facts.offered is None or numbers(facts.offered)[:-1] <= numbers(facts.kernel):
        return Stage(f"there is no kernel newer than {facts.kernel}, which has no {facts.module}", failed=True)
    install = Run(("apt-get", "-y", "install", KERNEL), timeout=INSTALL, why="have a kernel with the driver that fits")
    return Stage(f"{KERNEL} {facts.offered} is installed", (install,), reboot=True, installs=True)


def numbers(version: str) -> tuple[int, ...]:
    """``4.15.0-1025-azure`` and ``4.15.0.1025.20`` as numbers."""
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("-azure")[0]))
