"""Device nodes of a guest's partitions: the part of udev, and on some machines of the kernel, that its disks need.

The kernel's own events say when a loop device gets or loses a partition. Standard library only: it runs in the guest's first
process.
"""

import glob
import os
import socket
import stat
import time
from typing import Any

from fabriclab.guests import kernel, partitions


def open_kernel_events() -> socket.socket | None:
    """The kernel's device events; only a namespace that belongs to the machine's own users gets them."""
    events = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 15)  # NETLINK_KOBJECT_UEVENT
    try:
        events.bind((0, 1))
    except OSError:
        events.close()
        return None
    return events


class Nodes:
    """Device nodes for the partitions of the guest's disks, as udev would make them: sdb1 for the kernel's loop3p1.

    It also does the kernel's part on one that is built without a reader of partition tables. Whether a partition that went
    away comes back tells its table: the same entry as before means that somebody had the table read again.
    """

    def __init__(self, disks: list[list[Any]]) -> None:
        self._due: float | None = None  # when to look at the tables again
        self._names = {f"loop{minor}": name for name, _, minor in disks}
        self._known: dict[tuple[str, int], tuple[int, int]] = {}

    def begin(self) -> None:
        for loop in self._names:
            self._add_all(loop)
        self.complete()

    def learn(self, name: str, minor: int) -> None:
        """A disk that came into the running guest."""
        self._names[f"loop{minor}"] = name
        self._add_all(f"loop{minor}")
        self.complete()

    def forget(self, name: str, minor: int) -> None:
        """A disk that goes: its partitions go with it."""
        loop = f"loop{minor}"
        for known in [one for one in self._known if one[0] == loop]:
            _unlink(self._path(*known))
            del self._known[known]
        self._names.pop(loop, None)

    def patience(self) -> float | None:
        """Seconds until `complete` is due; None when it is not."""
        return None if self._due is None else max(0.0, self._due - time.monotonic())

    def follow(self, event: bytes) -> None:
        lines = event.decode("utf-8", "replace").split("\0")
        values = dict(line.split("=", 1) for line in lines if "=" in line)
        loop, _, number = values.get("DEVNAME", "").rpartition("p")
        if loop not in self._names or not number.isdigit():
            return
        if values.get("ACTION") == "add":
            self._add(loop, int(number), int(values["MAJOR"]), int(values["MINOR"]))
        elif values.get("ACTION") == "remove":
            self._drop(loop, int(number))

    def complete(self) -> None:
        """Has the kernel know the partitions that the tables name, where it knows none."""
        self._due = None
        for loop in self._names:
            if not glob.glob(f"/sys/block/{loop}/{loop}p*"):
                self._tell_kernel(loop, None)

    def _add_all(self, loop: str) -> None:
        for found in glob.glob(f"/sys/block/{loop}/{loop}p*"):
            major, minor = _first_line(f"{found}/dev").split(":")
            self._add(loop, int(found.rpartition("p")[2]), int(major), int(minor))

    def _add(self, loop: str, number: int, major: int, minor: int) -> None:
        where = f"/sys/block/{loop}/{loop}p{number}"
        try:
            sectors = int(_first_line(f"{where}/start")), int(_first_line(f"{where}/size"))
            self._known[loop, number] = sectors[0] * partitions.SECTOR, sectors[1] * partitions.SECTOR
        except OSError:
            return  # gone again
        path = self._path(loop, number)
        _unlink(path)
        try:
            os.mknod(path, stat.S_IFBLK | 0o660, os.makedev(major, minor))
        except PermissionError:
            pass

    def _drop(self, loop: str, number: int) -> None:
        before = self._known.pop((loop, number), None)
        _unlink(self._path(loop, number))
        if before is None or not self._tell_kernel(loop, (number, *before)):
            self._due = time.monotonic() + 0.2  # not at once: who removes partitions mostly adds others right after

    def _path(self, loop: str, number: int) -> str:
        name = self._names[loop]
        return f"/dev/{name}{'p' if name[-1].isdigit() else ''}{number}"

    def _tell_kernel(self, loop: str, only: tuple[int, int, int] | None) -> bool:
        try:
            with open(f"/dev/{self._names[loop]}", "rb") as disk:
                wanted = [entry for entry in partitions.read(disk) if only in (None, entry)]
                added = [kernel.add_partition(disk.fileno(), *entry) for entry in wanted]
                return any(added)
        except OSError:
            return False  # in use by somebody who changes it now


def _first_line(path: str) -> str:
    with open(path) as file:
        return file.readline().strip()


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
