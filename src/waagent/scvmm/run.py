"""Handing the machine over to the agent of System Center Virtual Machine Manager (guest.md 6.8).

Its installer is started and not waited for; after five minutes this agent ends, with the medium still mounted. Odd: service
managers start an agent again that has ended, and the medium is still there: what was started in this boot is remembered
beside the pid file, and is not started twice.
"""

from __future__ import annotations

import enum

from waagent.config.paths import Paths
from waagent.config.sections import Config
from waagent.guest import platform
from waagent.guest.profile import Guest
from waagent.model.failure import Failure
from waagent.scvmm import detect
from waagent.system.port import System

FAREWELL = 300.0
"""Seconds from the start of the installer to our end."""
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8"}


class Handover(enum.Enum):
    DONE = "done"
    """The other agent was started, and it is time to end."""
    BEFORE = "before"
    """It was started earlier in this boot: there is nothing left to do here."""

    @property
    def ends(self) -> bool:
        return self is Handover.DONE


def hand_over(system: System, guest: Guest, config: Config, paths: Paths) -> Handover | None:
    """Look for the medium, start what is on it, and stay for as long as the contract says; None: this machine is ours."""
    boot, note = platform.boot_id(system).encode(), note_path(paths)
    if boot and _noted(system, note) == boot:
        return Handover.BEFORE
    try:
        place = detect.find(system, guest, config)
        if place is None:
            return None
        argv = ("/bin/bash", f"{place}/{detect.INSTALLER}", f"-p {place}")
        system.commands.spawn(argv, directory="/", environment=ENVIRONMENT, stdout=None, stderr=None)
    except Failure as failure:
        system.log.error(f"System Center Virtual Machine Manager: {failure}")
        return None
    system.log.phase("the agent of System Center Virtual Machine Manager is installed from its DVD; it takes over")
    try:
        system.files.write(note, boot, mode=0o600)
    except Failure as failure:
        system.log.warning(f"another start in this boot will not know of it: {failure.reason}")
    system.clock.pause(FAREWELL)
    return Handover.DONE


def _noted(system: System, note: str) -> bytes | None:
    try:
        return system.files.read_if_there(note, 128)
    except Failure:
        return None


def note_path(paths: Paths) -> str:
    """Where the id of the boot is kept in which the installer was started."""
    return f"{paths.pid.rpartition('/')[0]}/waagent.scvmm"
