"""Finding and mounting the provisioning medium: names, commands and what ``mount`` lists (guest.md 1.2, 1.3). Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from waagent.guest.profile import Argv, Guest, filled

_ORDER = ("sr", "cdrom", "cd", "hd", "vd")
RAW_SECTOR = 2048
RAW_START = 295
RAW_COUNT = 33
"""Where FreeBSD 10 finds the document on the raw device: 33 sectors from sector 295."""


@dataclass(frozen=True)
class Mounted:
    """Where a medium hangs in the file tree."""

    device: str
    mount_point: str


def candidates(names: tuple[str, ...], patterns: tuple[str, ...]) -> tuple[str, ...]:
    """The devices among the entries of /dev, most likely first (trap 2). Only the matched part of a name counts."""
    found = set()
    for name in names:
        for pattern in patterns:
            match = re.match(pattern, name)
            if match:
                found.add(match[0])
    return tuple(f"/dev/{name}" for name in sorted(found, key=_rank))


def _rank(name: str) -> tuple[int, str]:
    kind = re.match(r"[a-z]+", name)
    for place, prefix in enumerate(_ORDER):
        if kind and (kind[0] == prefix or (prefix in ("hd", "vd") and name.startswith(prefix))):
            return place, name
    return len(_ORDER), name


def ejectable(guest: Guest, device: str) -> bool:
    """A virtio disk (some Azure Stack hosts) is not a tray."""
    return bool(guest.eject) and not re.match(r"/dev/vd[b-z]", device)


def eject_command(guest: Guest, device: str) -> Argv:
    return filled(guest.eject, device=device)


def mounts(text: str) -> tuple[Mounted, ...]:
    """What is mounted where, from /proc/mounts or from the output of ``mount`` (Linux or BSD)."""
    found = []
    for line in text.splitlines():
        listed = re.match(r"(\S+) on (.+?) (?:type \S+ )?\(", line)
        words = line.split()
        if listed:
            found.append(Mounted(listed[1], listed[2]))
        elif len(words) >= 4:
            found.append(Mounted(_unescaped(words[0]), _unescaped(words[1])))
    return tuple(found)


def _unescaped(word: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), word)


def carve(raw: bytes) -> bytes | None:
    """The document out of raw sectors: without NULs and non-ASCII, cut after the closing Environment tag; None without one."""
    text = bytes(byte for byte in raw if 0 < byte < 128)
    match = re.search(rb"<\?xml.*?</(?:[\w.-]+:)?Environment\s*>", text, re.DOTALL)
    return match[0] if match else None


def is_fat(boot: bytes) -> bool:
    """Whether a disk's first sector is that of a FAT file system."""
    return boot[510:512] == b"\x55\xaa" and (boot[54:58] == b"FAT1" or boot[82:87] == b"FAT32")


def lacks_filesystem(error: str) -> bool:
    """Whether a failed mount says that the kernel has no driver (trap 3)."""
    return bool(re.search(r"unknown filesystem type|No such device|not supported|not configured", error, re.IGNORECASE))
