"""Plans of the temporary disk and its swap space for every family, as JSON to review (``pytest --regenerate-golden``).

Each file holds what was given and what follows from it: rows of guest.md 4.2 (``disk``), 4.3 (``swap``), 4.4 and 4.5.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from unit.resourcedisk.machines import Machine, ext4, fresh_gpt, fresh_mbr
from unit.resourcedisk.test_bsd import Bsd
from unit.test_golden_plans import FAMILIES, shown
from waagent.config.paths import Paths
from waagent.guest.detect import detect
from waagent.guest.profile import DiskTool
from waagent.resourcedisk import bsd, swapfile
from waagent.resourcedisk.bsd import BsdSwapFacts
from waagent.resourcedisk.observe import SwapFacts, record_path
from waagent.resourcedisk.plan import Aim, Decision, decide

SWAP = "ResourceDisk.EnableSwap=y\nResourceDisk.SwapSizeMB=2048\n"
SETTINGS = {
    "suse": "ResourceDisk.Filesystem=btrfs\nResourceDisk.MountOptions=compress=lzo\n",
    "rhel7": "ResourceDisk.Filesystem=xfs\n",
    "suse11": "ResourceDisk.Filesystem=ext3\n",
    "ubuntu18": "ResourceDisk.MountPoint=/mnt\n",
    "freebsd": "ResourceDisk.Filesystem=ufs2\nResourceDisk.EnableSwapEncryption=y\n",
    "openbsd": "ResourceDisk.Filesystem=ufs2\n",
}
"""What the distributions ship (guest.md 7.4), and a file system each."""
WITHOUT = {"rhel6": ("parted",), "alpine": ("parted", "blockdev")}
OLD_SFDISK = ("rhel6", "rhel7", "suse11", "ubuntu12", "ubuntu14")
"""Families whose sfdisk has no ``--part-type``."""
DISKS = {
    "fresh-mbr": fresh_mbr(),
    "fresh-gpt": fresh_gpt(),
    "empty": b"",
    "formatted": ext4(),
    "old-type": ext4(kind=7),
    "labelled": fresh_mbr("Backups"),
}


LINUX_ROWS = "guest.md 4.2 steps 2 to 9 and its DECs, 4.3 creation and steps 3 and 4, traps 29 to 34"
BSD_ROWS = {"freebsd": "guest.md 4.4", "openbsd": "guest.md 4.5"}


def family(name: str) -> DiskTool:
    machine = Machine()
    for path, text in FAMILIES[name].get("files", {}).items():
        machine.files.put(path, text)
    kernel, release = FAMILIES[name].get("kernel", ("Linux", "6.1"))
    return detect(machine.files, kernel, release).disk_tool


def machine_of(name: str, disk: bytes) -> Machine:
    settings = SETTINGS.get(name, "") + SWAP
    tools = ("parted", "sfdisk", "blockdev", "mkfs.ext3", "mkfs.ext4", "mkfs.xfs", "mkfs.btrfs")
    machine = Machine(disk, settings, tuple(tool for tool in tools if tool not in WITHOUT.get(name, ())))
    machine.no_driver()
    if name in OLD_SFDISK:
        machine.commands._outcomes.pop(("sfdisk", "--help"))
        machine.commands.on("sfdisk", "--help", stdout=" -c, --id  change or print partition id\n")
    return machine


def parts(decision: Decision) -> dict[str, Any]:
    found: dict[str, Any] = {"verdict": decision.verdict.value, "why": decision.why}
    for part in ("prepare", "table", "format", "mount", "reread", "last_resort", "finish"):
        actions = [shown(action) for action in getattr(decision, part)]
        for action in actions:
            action.pop("content", None)
        if actions:
            found[part] = actions
    return found


LINUX = sorted(name for name in FAMILIES if "kernel" not in FAMILIES[name])


@pytest.mark.parametrize("name", LINUX)
def test_the_plan_for_the_temporary_disk_of_linux_is_the_reviewed_one(name: str, golden: Callable[[str, Any], None]) -> None:
    assert family(name) is DiskTool.LINUX
    plans = {}
    for case, disk in DISKS.items():
        machine = machine_of(name, disk)
        settings = machine.config.resource_disk
        aim = Aim(settings.filesystem, settings.mount_options, settings.mount_point, record_path(machine.paths))
        plans[case] = parts(decide(aim, machine.facts()))
    settings = machine_of(name, b"").config.resource_disk
    facts = SwapFacts(filesystem=settings.filesystem, free=1 << 40)
    plans["swap"] = [shown(action) for action in swapfile.plan(settings.mount_point, settings.swap_size_mb, facts)]
    golden(
        f"disk/{name}",
        json.loads(json.dumps({"pins": LINUX_ROWS, "given": (SETTINGS.get(name, "") + SWAP).splitlines(), "plans": plans})),
    )


@pytest.mark.parametrize("name", ["freebsd", "openbsd"])
def test_the_plan_for_the_temporary_disk_of_bsd_is_the_reviewed_one(name: str, golden: Callable[[str, Any], None]) -> None:
    assert family(name) is DiskTool(name)
    openbsd = name == "openbsd"
    plans: dict[str, Any] = {}
    for case, content, label in (
        ("fresh", "ntfs Temporary Storage", "  c: 9 0 unused\n  i: 9 0 NTFS\n"),
        ("formatted", "ufs", "  a: 9 0 4.2BSD\n"),
        ("labelled", "ntfs Backups", "  i: 9 0 ext2fs\n"),
    ):
        machine = Bsd(SETTINGS[name] + SWAP, openbsd=openbsd, content=content, label=label)
        paths, settings = Paths.of(machine.config), machine.config.resource_disk
        facts = bsd.observe_openbsd(machine.system, paths) if openbsd else bsd.observe_freebsd(machine.system, paths)
        assert facts is not None
        plans[case] = parts(bsd.decide(settings, paths, facts, openbsd=openbsd))
    swap = (
        bsd.openbsd_swap(settings, ()) if openbsd else bsd.freebsd_swap(settings, "/mnt/resource", BsdSwapFacts(free=1 << 40))
    )
    plans["swap"] = [shown(action) for action in swap]
    golden(
        f"disk/{name}",
        json.loads(json.dumps({"pins": BSD_ROWS[name], "given": (SETTINGS[name] + SWAP).splitlines(), "plans": plans})),
    )
