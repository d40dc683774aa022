"""Looking for the medium of System Center: a conversation with drives and ``mount`` (guest.md 6.8).

Odd: the names to look for are not those of the provisioning medium. Each drive is tried once, and nobody waits for one to
appear: the medium is there before the machine is started. What is found stays mounted, since it is worked from.
"""

from __future__ import annotations

from contextlib import closing

from waagent.config.sections import Config
from waagent.guest import media, platform
from waagent.guest.profile import Guest
from waagent.model.failure import CommandFailure, SystemFailure
from waagent.system.port import System

PATTERNS = ("sr[0-9]", "hd[c-z]", "cdrom[0-9]?", "cd[0-9]+")
CONFIGURATION = "linuxosconfiguration.xml"
INSTALLER = "install"
MODULE = "ata_piix"
MODULE_PATIENCE = 3.0
"""Seconds for a drive to appear once its driver is loaded."""
MOUNTS = "/proc/mounts"


def is_wanted(system: System, config: Config) -> bool:
    """Whether to look at all: as DetectScvmmEnv says, without a line on Hyper-V outside of Azure only."""
    wanted = config.general.detect_scvmm_env
    return platform.is_hyper_v_elsewhere(system) if wanted is None else wanted


def find(system: System, guest: Guest, config: Config) -> str | None:
    """Where the medium is mounted now; None where no drive holds it, and then nothing is mounted that was not before."""
    for device in _devices(system):
        place = _look(system, guest, config.dvd.mount_point, device)
        if place is not None:
            system.log.info(f"{device} is the medium of System Center Virtual Machine Manager")
            return place
    return None


def _devices(system: System) -> tuple[str, ...]:
    def there() -> tuple[str, ...]:
        return media.candidates(system.files.names("/dev"), PATTERNS)

    found = there()
    if found or not system.commands.find("modprobe"):
        return found
    with closing(system.files.watch(("/dev",), writes=False)) as watch:
        try:
            system.commands.run(("modprobe", "-b", MODULE), timeout=30.0)
        except CommandFailure:
            return ()
        end = system.clock.monotonic() + MODULE_PATIENCE
        while not (found := there()) and (left := end - system.clock.monotonic()) > 0:
            if not watch.wait(left):
                break
    return found


def _look(system: System, guest: Guest, mount_point: str, device: str) -> str | None:
    """The one attempt at a drive; one that something else has mounted is read where it is."""
    try:
        mounted = next((one.mount_point for one in _mounts(system) if one.device == device), None)
        place = mounted or _mount(system, guest, mount_point, device)
        if {CONFIGURATION, INSTALLER} <= set(system.files.names(place)):
            return place
        if mounted is None:
            system.commands.run(("umount", place), timeout=30.0)
    except SystemFailure as failure:
        system.log.verbose(f"{device}: {failure.reason}")
    return None


def _mounts(system: System) -> tuple[media.Mounted, ...]:
    content = system.files.read_if_there(MOUNTS)
    text = system.commands.run(("mount",), ok=None).stdout if content is None else content.decode("utf-8", "surrogateescape")
    return media.mounts(text)


def _mount(system: System, guest: Guest, mount_point: str, device: str) -> str:
    system.files.make_directory(mount_point, mode=0o700)
    for command in guest.mount[:-1]:
        try:
            system.commands.run((*command, device, mount_point), timeout=30.0)
            return mount_point
        except CommandFailure:
            continue  # another type of file system; the last one's failure is the one that counts
    system.commands.run((*guest.mount[-1], device, mount_point), timeout=30.0)
    return mount_point
