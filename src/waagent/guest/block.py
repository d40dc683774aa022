"""Block devices of Linux: what they and their partitions are called, and the tools that change them (guest.md 4.2). Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from waagent.model.disk import Mount, Scheme
from waagent.system.action import Plan, Run

FORMATTING = 1800.0
"""Seconds for making a file system; the largest temporary disks have terabytes."""
MOUNTING = 300.0
"""Seconds for a mount: a journal may have to be replayed."""
NODE_PATIENCE = 25.0
"""Seconds that the node of a new partition may take to appear."""
GPT_FROM = 2 << 40
"""Bytes from which on an MBR could not name the end of the disk."""
LINUX = "83"
FRESH_LABEL = "temporary storage"
HARMLESS = ("dataloss_warning_readme.txt", "system volume information")
"""What the platform itself puts into the root of a new temporary disk, in lower case."""

TOOLS = ("parted", "sfdisk", "blockdev", "partprobe", "hdparm", "chattr", "mkswap", "swapon", "swapoff")
_DISK = re.compile(r"(sd[a-z]+|vd[a-z]+|xvd[a-z]+|hd[a-z]|nvme\d+n\d+)")


def is_disk_name(name: str) -> bool:
    """Whether the kernel calls a disk so that can carry a partition table; drives for discs and the like are none."""
    return bool(_DISK.fullmatch(name))


def partition_path(disk: str, number: int) -> str:
    """``/dev/sdb1``, ``/dev/nvme0n1p1``."""
    return f"{disk}{'p' if disk[-1:].isdigit() else ''}{number}"


def is_part_of(device: str, disk: str) -> bool:
    """Whether a device is this disk or one of its partitions; ``/dev/sdba1`` is none of ``/dev/sdb`` (trap 33)."""
    return device == disk or bool(re.fullmatch(re.escape(disk) + (r"p\d+" if disk[-1:].isdigit() else r"\d+"), device))


def mounts(text: str) -> tuple[Mount, ...]:
    """/proc/mounts."""
    rows = (line.split() for line in text.splitlines())
    return tuple(Mount(unescaped(row[0]), unescaped(row[1]), row[2]) for row in rows if len(row) >= 4)


def unescaped(word: str) -> str:
    """The kernel writes blanks in names as ``\\040``."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), word)


def scheme_for(size: int) -> Scheme:
    return Scheme.GPT if size >= GPT_FROM else Scheme.MSDOS


def has_fast_types(help_text: str) -> bool:
    """Whether this sfdisk has ``--part-type``; older ones know ``--change-id`` alone (trap 30)."""
    return "--part-type" in help_text


def make_table(device: str, scheme: Scheme, tools: Iterable[str]) -> Plan:
    """A new table with one partition over all of the disk; what was there before is gone."""
    why = f"have one partition on {device}"
    if "parted" in tools:
        words = ("mklabel", scheme.value, "mkpart", "primary", "0%", "100%")
        return (Run(("parted", "-s", "-a", "optimal", device, *words), why=why, timeout=120.0),)
    kind = "dos" if scheme is Scheme.MSDOS else "gpt"
    given = f"label: {kind}\n,,L\n".encode()
    return (Run(("sfdisk", device), stdin=given, why=why, timeout=120.0),)


def set_type(device: str, number: int, *, part_type: bool) -> Plan:
    """Make a partition of an MBR one of Linux."""
    option = "--part-type" if part_type else "-c"
    return (Run(("sfdisk", option, "--force", device, str(number), LINUX), why="say what it is for", timeout=120.0),)


def reread(device: str, tools: Iterable[str]) -> Plan:
    """Have the kernel read the table again; while the disk is in use it cannot, which is no harm where nothing was moved."""
    why = "have the kernel know the partition"
    if "blockdev" in tools:
        return (Run(("blockdev", "--rereadpt", device), optional=True, why=why),)
    if "partprobe" in tools:
        return (Run(("partprobe", device), optional=True, why=why),)
    return (Run(("hdparm", "-z", device), optional=True, why=why),) if "hdparm" in tools else ()


def make_filesystem(filesystem: str, device: str) -> Plan:
    force = "-f" if filesystem in ("xfs", "btrfs") else "-F"
    return (Run((f"mkfs.{filesystem}", force, device), why="make the file system", timeout=FORMATTING),)


def mount(filesystem: str, device: str, mount_point: str, options: str | None) -> Run:
    chosen = ("-o", options) if options else ()
    return Run(("mount", "-t", filesystem, *chosen, device, mount_point), why="mount it", timeout=MOUNTING)


def is_mounted_already(stderr: str) -> bool:
    """mount's status 32 means many things; this one is as good as success (guest.md 4.2, step 7)."""
    return "already mounted" in stderr
