"""Which disks there are to decide about. Most VMs have none, and then nothing else of this room is needed or loaded."""

from __future__ import annotations

from dataclasses import dataclass

from waagent.config.sections import ResourceDisk
from waagent.resourcedisk import nvme, vmbus
from waagent.resourcedisk.nvme import Local
from waagent.system.port import System


@dataclass(frozen=True)
class Outcome:
    """``mount_points``: where disks are mounted now, the one for swap first. ``complaint``: what the fabric is told."""

    mount_points: tuple[str, ...] = ()
    complaint: str = ""


@dataclass(frozen=True)
class Disks:
    """``scsi`` empty: there is none, or ``doubt`` says why it is not certain."""

    scsi: str = ""
    doubt: str = ""
    local: tuple[Local, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.scsi or self.doubt or self.local)


def look(system: System, settings: ResourceDisk) -> Disks:
    """The temporary disk, and the local NVMe disks that are wanted; what is not there or not wanted is said once."""
    found, local = vmbus.find(system.files), nvme.find(system.files)
    if not found.name and not found.doubt:
        system.log.info("this VM has no temporary disk on the SCSI bus")
    if local and not settings.format_nvme:
        names = ", ".join(one.name for one in local)
        system.log.info(f"local NVMe disks are left alone, since ResourceDisk.FormatNvme is n: {names}")
        local = ()
    return Disks(found.name, found.doubt, local)
