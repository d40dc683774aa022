"""Local NVMe disks: one controller each, known by its model; they come raw (guest.md 4.1). Remote ones have another model."""

from __future__ import annotations

import re
from dataclasses import dataclass

from waagent.system.port import Files

CONTROLLERS = "/sys/class/nvme"
LOCAL = ("Microsoft NVMe Direct Disk", "Microsoft NVMe Direct Disk v2")


@dataclass(frozen=True)
class Local:
    """``serial`` is fit for a file's name."""

    name: str
    serial: str


def find(files: Files) -> tuple[Local, ...]:
    """Disks such as ``nvme1n1``, in an order that a reboot does not change: by place on the bus, then by serial number."""
    found = []
    for controller in files.names(CONTROLLERS):
        place = f"{CONTROLLERS}/{controller}"
        if not re.fullmatch(r"nvme\d+", controller) or _text(files, f"{place}/model") not in LOCAL:
            continue
        serial = re.sub(r"[^A-Za-z0-9]+", "-", _text(files, f"{place}/serial")).strip("-") or controller
        key = (_text(files, f"{place}/address"), serial, int(controller[4:]))
        spaces = [name for name in files.names(place) if re.fullmatch(rf"{controller}n\d+", name)]
        # with multipath the namespace hangs off the subsystem, and is called after the subsystem's number
        found += [(key, name, serial) for name in spaces if files.exists(f"/sys/block/{name}")]
    return tuple(Local(name, serial) for _, name, serial in sorted(found))


def _text(files: Files, path: str) -> str:
    return (files.read_if_there(path, 4096) or b"").decode("ascii", "replace").strip()
