"""How long the kernel waits for a SCSI disk before it gives up: ``OS.RootDeviceScsiTimeout`` (guest.md 6.3).

Storage of the platform may be silent for minutes while it is repaired, and a VM that gave up would have lost its root.
Odd: the setting speaks of the root device and has always been meant for every ``sd*``. NVMe disks have no such attribute.
"""

from __future__ import annotations

from dataclasses import dataclass

from waagent.guest.profile import Guest, filled
from waagent.model.failure import SystemFailure
from waagent.system.action import Plan, Run, WriteThrough
from waagent.system.apply import apply
from waagent.system.port import System

BLOCK = "/sys/block"
WHY = "have the kernel wait until the platform's storage is back"


@dataclass(frozen=True)
class Disk:
    """A SCSI disk and its timeout as the kernel writes it, in seconds."""

    name: str
    timeout: str


def observe(system: System) -> tuple[Disk, ...]:
    """Every SCSI disk that tells its timeout."""
    disks = []
    for name in system.files.names(BLOCK):
        if not name.startswith("sd"):
            continue
        try:
            content = system.files.read_if_there(attribute(name), 4096)
        except SystemFailure:
            continue  # it was taken away while we looked
        if content is not None:
            disks.append(Disk(name, content.decode("ascii", "replace").partition("\n")[0].strip()))
    return tuple(disks)


def plan(disks: tuple[Disk, ...], seconds: int) -> Plan:
    """Write the timeout of every disk that has another one."""
    return tuple(
        WriteThrough(attribute(disk.name), str(seconds).encode(), why=WHY, optional=True)
        for disk in disks
        if disk.timeout != str(seconds)
    )


def attribute(name: str) -> str:
    return f"{BLOCK}/{name}/device/timeout"


class Timeouts:
    """What the duty remembers: whether it has said that there is nothing to do, and which disks refused."""

    def __init__(self, system: System, guest: Guest, seconds: int) -> None:
        self._system = system
        self._guest = guest
        self._seconds = seconds
        self._begun = False
        self._refused: frozenset[str] = frozenset()

    def keep(self) -> None:
        """Set what is not as it should be; disks come and go while a machine runs."""
        first, self._begun = not self._begun, True
        command = self._guest.disk_timeout
        if command:
            if first:
                argv = filled(command, seconds=str(self._seconds))
                apply(self._system, (Run(argv, why=WHY, optional=True),))
            return
        disks = observe(self._system)
        if first and not disks:
            self._system.log.info("OS.RootDeviceScsiTimeout is not set on any disk: there is no SCSI disk here")
        present = {attribute(disk.name) for disk in disks}
        steps = plan(tuple(disk for disk in disks if attribute(disk.name) not in self._refused), self._seconds)
        failed = {step.path for step in steps if isinstance(step, WriteThrough) and not self._set(step)}
        self._refused = frozenset((self._refused & present) | failed)

    def _set(self, step: WriteThrough) -> bool:
        return apply(self._system, (step,))[0].failure is None
