"""Installing the driver that fits the firmware, stage by stage, on the systems that have one (guest.md 6.6).

Packages and reboots need consent: OS.EnableRDMA or OS.UpdateRdmaDriver. Odd: a stage is planned from what the machine says
after the one before, since a package manager knows its packages only once it has asked.
"""

from __future__ import annotations

import enum

from waagent.config.sections import Config
from waagent.guest.profile import Guest
from waagent.model.failure import CommandFailure
from waagent.rdma import redhat, suse, ubuntu
from waagent.rdma.stage import DRIVER, Stage
from waagent.system.apply import apply
from waagent.system.port import System

RELEASE = "/proc/sys/kernel/osrelease"
MODULES = "/proc/modules"
DAEMON_PATIENCE = 10
"""Seconds for the key-value daemon to start."""


class Source(enum.Enum):
    """Where a family's drivers come from."""

    SUSE = "suse"
    REDHAT = "redhat"
    UBUNTU = "ubuntu"


SOURCES = {
    **dict.fromkeys(("SUSE Linux Enterprise Server", "SLES", "SLE_HPC"), Source.SUSE),
    **dict.fromkeys(("CentOS Linux", "CentOS", "Red Hat Enterprise Linux Server"), Source.REDHAT),
    **dict.fromkeys(("AlmaLinux", "CloudLinux", "Rocky Linux"), Source.REDHAT),
    "Ubuntu": Source.UBUNTU,
}
"""By the exact full name of the system."""


def install(system: System, guest: Guest, config: Config, firmware: str) -> str | None:
    """Have the driver for this firmware. What a reboot is needed for in the end; None where it is not.

    Errors: ``SystemFailure`` of a step that failed; what was done before it stays.
    """
    source = SOURCES.get(guest.full_name)
    if source is None:
        system.log.info(f"RDMA: there are no drivers for {guest.full_name or guest.id} to install")
        return None
    for prepared in (False, True):
        stage = look(system, guest, config, firmware, source, prepared=prepared)
        if stage.installs and not may_install(config):
            system.log.warning(f"RDMA: OS.UpdateRdmaDriver=n, therefore this is not done: {stage.said}")
            return None
        (system.log.error if stage.failed else system.log.info)(f"RDMA: {stage.said}")
        apply(system, stage.actions)
        if not stage.again:
            break
    return stage.said if stage.reboot or (stage.load and not _loads(system, stage)) else None


def may_install(config: Config) -> bool:
    return config.os.enable_rdma or config.os.update_rdma_driver


def look(system: System, guest: Guest, config: Config, firmware: str, source: Source, *, prepared: bool) -> Stage:
    """What this machine says, and what follows from it."""
    kernel = (system.files.read_if_there(RELEASE, 4096) or b"").decode("ascii", "replace").strip()
    if source is Source.SUSE:
        return suse.plan(suse.observe(system, guest, firmware, kernel, is_loaded(system)))
    if source is Source.REDHAT:
        daemon = prepared or _daemon_runs(system)
        facts = redhat.observe(system, guest, firmware, is_loaded(system), daemon=daemon, prepared=prepared)
        return redhat.plan(facts)
    updates = config.os.update_rdma_driver
    return ubuntu.plan(ubuntu.observe(system, firmware, kernel, resolved(system), prepared=prepared, updates=updates))


def is_loaded(system: System) -> bool:
    lines = (system.files.read_if_there(MODULES) or b"").decode("ascii", "replace").splitlines()
    return any(line.partition(" ")[0].startswith(DRIVER) for line in lines)


def resolved(system: System) -> str:
    """The module that the driver's name stands for; the name itself where nothing else is said."""
    found = system.commands.run(("modprobe", "-R", DRIVER), ok=None)
    return found.stdout.split()[0] if found.exit_code == 0 and found.stdout.strip() else DRIVER


def _loads(system: System, stage: Stage) -> bool:
    try:
        system.commands.run(("modprobe", "--first-time", DRIVER))
    except CommandFailure as failure:
        system.log.info(f"RDMA: the driver does not load before a reboot: {failure.hint or failure.reason}")
        return False
    return not stage.old


def _daemon_runs(system: System) -> bool:
    """Nothing tells of a process that starts: it is looked for each second."""
    for left in reversed(range(DAEMON_PATIENCE + 1)):
        for path in system.files.glob("/proc/[0-9]*/comm"):
            name = (system.files.read_if_there(path, 64) or b"").decode("ascii", "replace").strip()
            if name in redhat.DAEMONS:
                return True
        if not left or not system.clock.pause(1.0):
            return False
    return False
