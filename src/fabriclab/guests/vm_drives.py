"""Disks in a virtual machine: what is wanted in it, and what is, brought together while it runs.

Where a disk hangs says its seat (machine.Seat); sr0 is the DVD in the IDE drive. What the machine's kernel calls a disk is its
own business. Odd: a local NVMe disk has QEMU's model name, and hangs on a PCI slot that the guest has to give back.
"""

import threading
from dataclasses import dataclass
from typing import Any

from fabriclab.guests import qemu
from fabriclab.guests.control import ControlError
from fabriclab.guests.machine import Seat
from fabriclab.guests.qmp import Monitor

DRIVE = "sr0"
GONE = 20.0


@dataclass(frozen=True)
class Drive:
    """`path`: the file, as the namespaces see it."""

    name: str
    path: str
    seat: Seat

    @property
    def device(self) -> dict[str, Any]:
        """What QEMU's device_add takes for it."""
        common = {"id": f"disk-{self.name}", "drive": f"file-{self.name}", "serial": self.seat.serial}
        if self.seat.at.startswith("nvme"):
            return {"driver": "nvme", **common}
        bus = qemu.DATA if self.seat.at == "data" else qemu.TEMPORARY
        return {"driver": "scsi-hd", "bus": f"{bus}.0", "scsi-id": 0, "lun": self.seat.lun, **common}


class Drives:
    """`there`: by name, what is in the machine now."""

    def __init__(self, monitor: Monitor) -> None:
        self.there: dict[str, Drive] = {}
        self._monitor = monitor
        self._gone: set[str] = set()
        self._changed = threading.Condition()

    def hear(self, name: str, data: dict[str, Any]) -> None:
        """Events of the monitor."""
        if name == "DEVICE_DELETED" and "device" in data:
            with self._changed:
                self._gone.add(data["device"])
                self._changed.notify_all()

    def bring(self, wanted: dict[str, Drive]) -> None:
        """Takes out what is not wanted, and puts in what is."""
        for name, drive in list(self.there.items()):
            if wanted.get(name) != drive:
                self._take_out(drive)
        for name, drive in wanted.items():
            if name not in self.there:
                self._put_in(drive)

    def _put_in(self, drive: Drive) -> None:
        if drive.name == DRIVE:
            given: dict[str, Any] = {"filename": drive.path, "format": "raw", "read_only_mode": "read-only"}
            self._monitor.ask("blockdev-change-medium", id="drive", force=True, **given)
        else:
            file = {"driver": "file", "filename": drive.path}
            node: dict[str, Any] = {"driver": "raw", "node_name": f"file-{drive.name}", "file": file, "discard": "unmap"}
            self._monitor.ask("blockdev-add", cache={"no-flush": True}, **node)
            self._monitor.ask("device_add", **drive.device)
        self.there[drive.name] = drive

    def _take_out(self, drive: Drive) -> None:
        del self.there[drive.name]
        if drive.name == DRIVE:
            self._monitor.ask("eject", id="drive", force=True)
            return
        device = f"disk-{drive.name}"
        with self._changed:
            self._gone.discard(device)
        self._monitor.ask("device_del", id=device)
        with self._changed:
            if not self._changed.wait_for(lambda: device in self._gone, GONE):
                raise ControlError(f"the machine does not let go of {drive.name}")
        self._monitor.ask("blockdev-del", node_name=f"file-{drive.name}")
