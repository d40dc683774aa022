"""Disks of a machine: [[machine.disk]] tables, and the step that puts another one in its place."""

import re
from dataclasses import dataclass, field

from fabriclab.guests.guest import Guest
from fabriclab.guests.machine import SEATS, Seat
from fabriclab.guests.sandbox import Disk
from fabriclab.guests.volumes import CONTENTS, FRESH_LABEL, MEBIBYTE, Image
from fabriclab.scenario.table import Table

DATA = "sdc"  # the first data disk
_NAME = re.compile(r"[a-z]+[a-z0-9]*")


@dataclass(frozen=True)
class Drive:
    """A disk as a VM finds it; there from the next boot on."""

    name: str = "sdb"
    seat: Seat = field(default_factory=Seat)
    image: Image = field(default_factory=lambda: Image(64 * MEBIBYTE))

    def insert(self, guest: Guest) -> None:
        guest.insert_image(Disk(self.name, f"{self.name}.img", seat=self.seat), self.image)

    def attach(self, guest: Guest) -> None:
        """Into the running guest."""
        guest.attach_image(Disk(self.name, f"{self.name}.img", seat=self.seat), self.image)


def parse_data(table: Table) -> Drive:
    """A disk that comes while the guest runs: an empty data disk, unless the table says more."""
    return parse(table, "data", DATA)


def parse(table: Table, seat: str = "gen1", disk: str = "sdb") -> Drive:
    """Reads the keys of a disk; whoever has the table refuses what is left."""
    at = table.choice("on", SEATS, seat)
    nvme = at.startswith("nvme")
    name = table.text("name", "nvme0n1" if nvme else disk)
    if _NAME.fullmatch(name) is None:
        table.wrong("name", f'"{name}" is no name of a disk, such as {disk} or nvme0n1')
    content = table.choice("content", CONTENTS, "nothing" if nvme or seat == "data" else "ntfs")
    files = table.words("files")
    label = table.text("label", FRESH_LABEL if "ntfs" in content else "")
    drive = Drive(
        name,
        Seat(at, table.whole("lun", _lun(at, name, seat)), table.text("serial", f"lab-{name}")),
        Image(table.whole("mib", 64) * MEBIBYTE, content, table.flag("whole", nvme), label, files),
    )
    if content == "xfs" and (files or drive.image.size < 320 * MEBIBYTE):
        table.wrong("content", "an xfs volume has 320 MiB at least, and no files of the lab")
    if content == "btrfs" and drive.image.size < 130 * MEBIBYTE:
        table.wrong("content", "a btrfs volume has 130 MiB at least")
    return drive


def _lun(at: str, name: str, seat: str) -> int:
    """Data disks that come while the guest runs are numbered as they are named: sdc is the first."""
    if at == seat == "data" and name.startswith("sd") and len(name) == 3:
        return max(ord(name[2]) - ord("c"), 0)
    return 1 if at == "gen2" else 0
