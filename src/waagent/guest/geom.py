"""Disks of FreeBSD and OpenBSD: what their tools print, and the commands that change them (guest.md 4.4, 4.5). Pure."""

from __future__ import annotations

import re

from waagent.guest.block import FORMATTING, MOUNTING
from waagent.system.action import Plan, Run

UFS = ("ufs", "ufs2")
FFS = ("ufs", "ufs2", "ffs")
PERIPHERALS = ("2:1:0", "3:1:0")
"""Where FreeBSD's temporary disk is when the bus does not tell it."""
OPENBSD_DISK = "wd1"
SWAP_LIMIT = 524288
"""MiB of swap space that disklabel is asked for at most."""
_RESERVED = 1


# FreeBSD


def storvsc_number(text: str) -> str:
    """``sysctl dev.storvsc``: the number of the device with the temporary disk's id; empty without one."""
    for line in text.splitlines():
        match = re.match(r"dev\.storvsc\.(\d+)\.%?pnpinfo.*deviceid=\{?00000000-0001", line)
        if match:
            return match[1]
    return ""


def bus(text: str, number: str) -> str:
    """``camcontrol devlist -b``: the bus on that device, under its old name or its new one."""
    for driver in ("blkvsc", "storvsc"):
        match = re.search(rf"^(scbus\d+) on {driver}{number}\b", text, re.MULTILINE)
        if match:
            return match[1]
    return ""


def disk_on(text: str, on: str) -> str:
    """``camcontrol devlist``: the disk on a bus; drives for discs are none."""
    for line in text.splitlines():
        match = re.search(rf"\bat {on} .*\(([^)]*)\)", line)
        names = [] if match is None else [name.strip() for name in match[1].split(",")]
        disks = [name for name in names if re.fullmatch(r"(da|ada|nda)\d+", name)]
        if disks:
            return disks[0]
    return ""


def peripherals(text: str) -> tuple[str, ...]:
    """``camcontrol periphlist``: names at the beginning of lines."""
    return tuple(re.findall(r"^((?:da|ada)\d+):", text, re.MULTILINE))


def schemes(text: str) -> dict[str, str]:
    """``gpart list``: disk → MBR, GPT, …"""
    found: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        word, _, value = line.strip().partition(":")
        if word == "Geom name":
            name = value.strip()
        elif word == "scheme" and name:
            found[name] = value.strip()
    return found


def partition(disk: str, scheme: str) -> str:
    """The partition that counts: the first slice of an MBR; behind the reserved one of a GPT. Empty for other schemes."""
    return {"MBR": f"{disk}s1", "GPT": f"{disk}p{_RESERVED + 1}"}.get(scheme, "")


def partition_types(text: str) -> dict[str, str]:
    """``gpart show -p``: partition → type."""
    rows = (line.split() for line in text.splitlines() if not line.startswith("=>"))
    return {row[2]: row[3] for row in rows if len(row) >= 4 and row[0].isdigit() and row[1].isdigit() and row[2] != "-"}


def mount_ufs(device: str, mount_point: str) -> Run:
    return Run(("mount", "-t", "ufs", device, mount_point), why="mount it", timeout=MOUNTING)


def make_ufs(device: str) -> Plan:
    return (Run(("newfs", "-U", device), why="make the file system", timeout=FORMATTING),)


# OpenBSD


def has_disk(names: str, disk: str) -> bool:
    """``sysctl -n hw.disknames``: ``wd0:0123…,cd0:,wd1:``."""
    return any(word.strip().partition(":")[0] == disk for word in names.split(","))


def label_types(text: str) -> dict[str, str]:
    """``disklabel``: letter → type of the file system."""
    return dict(re.findall(r"^\s+([a-p]):\s+\d+\s+\d+\s+(\S+)", text, re.MULTILINE))


def mount_ffs(device: str, mount_point: str) -> Run:
    return Run(("mount", "-t", "ffs", device, mount_point), why="mount it", timeout=MOUNTING)


def make_ffs(disk: str, mount_point: str, swap_mb: int) -> Plan:
    """One slice for OpenBSD, a label made from a template, and the file system."""
    lines = f"{mount_point} 1G-* 50%\nswap 1-{min(swap_mb, SWAP_LIMIT)}M 50%\n" if swap_mb else f"{mount_point} 1G-* 100%\n"
    template = ("disklabel", "-w", "-A", "-T", "/dev/stdin", disk)
    return (
        Run(("/sbin/fdisk", "-yi", disk), why="have one slice", timeout=120.0),
        Run(template, stdin=lines.encode(), why="have its partitions", timeout=120.0),
        Run(("newfs", "-O2", f"{disk}a"), why="make the file system", timeout=FORMATTING),
    )
