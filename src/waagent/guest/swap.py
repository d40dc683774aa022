"""Swap space in a file: on Linux by itself, on FreeBSD through a memory disk (guest.md 4.3, 4.4). Pure."""

from __future__ import annotations

import re

from waagent.guest.block import unescaped
from waagent.model.disk import Swap
from waagent.system.action import Action, AllocateFile, Plan, Remove, Rename, Run, SetMode, WriteFile

NAME = "swapfile"
MODE = 0o600
MEBIBYTE = 1 << 20
RESERVE = 16 * MEBIBYTE
"""Bytes that the swap file leaves free on its file system."""
IMPOSSIBLE = frozenset({"ntfs", "ntfs3", "fuseblk", "vfat", "exfat", "tmpfs"})
"""Kinds of file systems that the kernel does not swap to, as /proc/mounts calls them."""
_PREALLOCATED = frozenset({"btrfs"})
"""Where room is reserved instead of written: on xfs and ext4 some kernels refuse to swap to such files (guest.md 4.3)."""
_FIRST_UNIT = 99


def path(mount_point: str) -> str:
    return f"{mount_point.rstrip('/')}/{NAME}"


def draft_path(mount_point: str) -> str:
    """Where the file is made; it gets its name when the kernel could swap to it."""
    return f"{mount_point.rstrip('/')}/.{NAME}.waagent-new"


def swaps(text: str) -> tuple[Swap, ...]:
    """/proc/swaps: name, type, size in KiB, …; a file that was deleted meanwhile says so behind its name."""
    rows = (line.split() for line in text.splitlines()[1:])
    return tuple(Swap(unescaped(row[0]), int(row[2]) * 1024) for row in rows if len(row) >= 3 and row[2].isdigit())


def make(mount_point: str, size: int, filesystem: str) -> Plan:
    """A file that the kernel can swap to: its rights before its first byte, no holes, and its name only when it is whole."""
    draft = draft_path(mount_point)
    made: list[Action] = []
    if filesystem == "btrfs":
        made = [
            WriteFile(draft, b"", mode=MODE, anew=True, why="begin the swap file"),
            # only while it is empty; it takes the file out of compression too
            Run(("chattr", "+C", draft), why="have its blocks stay where they are"),
        ]
    return (
        *made,
        AllocateFile(draft, size, mode=MODE, written=filesystem not in _PREALLOCATED, why="have room for the swap space"),
        Run(("mkswap", draft), why="prepare the swap space", timeout=300.0),
        Rename(draft, path(mount_point), why="have the swap file whole"),
    )


def turn_on(file: str) -> Plan:
    return (Run(("swapon", file), why="add it to the swap space"),)


def turn_off(file: str) -> Plan:
    return (Run(("swapoff", file), why="have it in its new size", timeout=1800.0),)


def give_up(mount_point: str) -> Plan:
    """What an agent that was killed in the middle left behind."""
    return (Remove(draft_path(mount_point), why="leave nothing half-made"),)


def close_to_others(file: str) -> Plan:
    return (SetMode(file, MODE, why="keep memory from being read"),)


# FreeBSD


def bsd_devices(text: str) -> tuple[str, ...]:
    """``swapctl -l``: the devices that are swapped to."""
    return tuple(line.split()[0] for line in text.splitlines() if line.startswith("/"))


def memory_disks(text: str) -> dict[str, str]:
    """``mdconfig -lv``: unit → file, for those over a file; columns are parted by tabs, for paths may hold blanks."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        fields = [field.strip() for field in line.split("\t")]
        if len(fields) > 3 and fields[1] == "vnode":
            found[fields[0]] = next((field for field in fields[2:] if field.startswith("/")), "")
    return found


def free_unit(text: str) -> int:
    """A number for a memory disk that nobody has, from the one on that the handbook takes."""
    taken = {int(number) for number in re.findall(r"\bmd(\d+)", text)}
    return next(number for number in range(_FIRST_UNIT, _FIRST_UNIT + len(taken) + 1) if number not in taken)


def bsd_make(mount_point: str, size: int) -> Plan:
    draft = draft_path(mount_point)
    return (
        AllocateFile(draft, size, mode=MODE, written=True, why="have room for the swap space"),
        Rename(draft, path(mount_point), why="have the swap file whole"),
    )


def bsd_attach(file: str, unit: int) -> Plan:
    return (
        Run(("mdconfig", "-a", "-t", "vnode", "-f", file, "-u", str(unit)), why="make a disk of the file"),
        Run(("chmod", "0600", f"/dev/md{unit}"), why="keep memory from being read"),
    )


def bsd_encrypt(unit: int) -> Plan:
    modules = ("aesni", "cryptodev", "geom_eli")
    return (
        *(Run(("kldload", "-n", name), optional=True, why="be able to encrypt") for name in modules),
        Run(("geli", "onetime", "-e", "AES-XTS", "-l", "256", "-d", f"/dev/md{unit}"), why="encrypt the swap space"),
        Run(("chmod", "0600", f"/dev/md{unit}.eli"), why="keep memory from being read"),
    )


def bsd_detach(unit: int) -> Plan:
    return (Run(("mdconfig", "-d", "-u", str(unit)), why="have it in its new size"),)


# OpenBSD


def openbsd_turn_on(device: str) -> Plan:
    return (Run(("swapctl", "-a", device), why="add it to the swap space"),)
