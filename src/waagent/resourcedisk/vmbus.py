"""The temporary disk among the devices of Hyper-V's bus (guest.md 4.1). Nothing is waited for: the kernel has it or has not.

Generation 1: a device of its own, whose id begins with ``00000000-0001``. Generation 2: the disk with LUN 1 on SCSI controller
0, which it shares with the system's disk (LUN 0) and the DVD (LUN 2). Data disks are on controllers 1 to 3 and never looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from waagent.guest import block
from waagent.system.port import Files, Kind

DEVICES = "/sys/bus/vmbus/devices"
LINKS = ("/dev/disk/azure/resource", "/dev/disk/cloud/azure_resource")
"""What udev rules call it, ours and cloud-init's: where they exist they have to say the same."""
_GEN1 = "00000000-0001-"
_GEN2 = "f8b3781a-1e82-4818-a1c3-63d806ec15bb"
_LUN = 1
_DEPTH = 6
_MOST = 4000
"""Directories looked at below one device: what the kernel has there is a few dozen."""


@dataclass(frozen=True)
class Found:
    """``name`` empty: there is none, or none that is certain; ``doubt`` says why in the latter case."""

    name: str = ""
    doubt: str = ""


def find(files: Files) -> Found:
    """The name of the temporary disk, such as ``sdb``."""
    first: set[str] = set()
    second: set[str] = set()
    for device in files.names(DEVICES):
        path = f"{DEVICES}/{device}"
        identity = _text(files, f"{path}/device_id").strip("{}").lower()
        if identity.startswith(_GEN1):
            first.update(name for name, _ in _blocks(files, path))
        elif identity == _GEN2:
            second.update(name for name, lun in _blocks(files, path) if lun == _LUN)
    names = sorted(first or second)
    if not names:
        return Found()
    if len(names) > 1:
        return Found(doubt=f"{' and '.join(names)} both look like it")
    return _cross_checked(files, names[0])


def _cross_checked(files: Files, name: str) -> Found:
    for link in LINKS:
        facts = files.facts(link)
        target = "" if facts is None or facts.target is None else facts.target.rpartition("/")[2]
        if target and target != name:
            return Found(doubt=f"the kernel says that it is {name}, and {link} leads to {target}")
    return Found(name)


def _blocks(files: Files, device: str) -> Iterator[tuple[str, int | None]]:
    """Names of disks below a device, with their LUN where a directory above them tells it."""
    budget = _MOST
    pending: list[tuple[str, int, int | None]] = [(device, 0, None)]
    while pending and budget:
        path, depth, lun = pending.pop()
        budget -= 1
        for entry in files.names(path):
            if entry == "block":
                yield from ((name, lun) for name in files.names(f"{path}/block") if block.is_disk_name(name))
            elif entry.startswith("block:"):
                if block.is_disk_name(entry[6:]):
                    yield entry[6:], lun
            elif depth < _DEPTH and _is_directory(files, f"{path}/{entry}"):
                address = re.fullmatch(r"\d+:\d+:\d+:(\d+)", entry)
                pending.append((f"{path}/{entry}", depth + 1, int(address[1]) if address else lun))


def _is_directory(files: Files, path: str) -> bool:
    """A directory itself: links lead to other devices, and back up."""
    facts = files.facts(path)
    return facts is not None and facts.kind is Kind.DIRECTORY


def _text(files: Files, path: str) -> str:
    return (files.read_if_there(path, 4096) or b"").decode("ascii", "replace").strip()
