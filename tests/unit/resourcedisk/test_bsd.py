"""The temporary disk of FreeBSD and OpenBSD (guest.md 4.4, 4.5)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from unit.fakes import ListLog, MemoryFiles, ScriptedCommands
from unit.fakes import system as fake_system
from unit.guest.test_geom import BUSES, DEVICES, GPART, SHOW, SYSCTL
from waagent.config.parse import parse
from waagent.config.paths import Paths
from waagent.model.failure import SystemFailure
from waagent.resourcedisk import bsd
from waagent.resourcedisk.bsd import BsdSwapFacts
from waagent.resourcedisk.search import Outcome
from waagent.system.action import AllocateFile, Plan, Run

PLACE = "/mnt/resource"
UFS = "ResourceDisk.Filesystem=ufs2\n"


class Bsd:
    """A machine whose tools print what a test says."""

    def __init__(
        self, settings: str = UFS, *, openbsd: bool = False, content: str = "ntfs Temporary Storage", **more: str
    ) -> None:
        self.openbsd = openbsd
        self.files = MemoryFiles({"/etc/fstab": "/dev/da0p2 / ufs rw 1 1\n", "/dev/da1s1": "", "/dev/wd1a": ""})
        self.files.put_directory("/var/lib/waagent")
        self.config = parse(settings)[0]
        self.log = ListLog()
        self.commands = ScriptedCommands(
            ["sysctl", "camcontrol", "gpart", "fstyp", "mount", "newfs", "mdconfig", "swapctl", "disklabel"]
        )
        said: dict[tuple[str, ...], str] = {
            ("sysctl", "dev.storvsc"): SYSCTL,
            ("camcontrol", "devlist", "-b"): BUSES,
            ("camcontrol", "devlist"): DEVICES,
            ("gpart", "list"): GPART,
            ("gpart", "show", "-p", "da1"): SHOW,
            ("mount", "-p"): "/dev/da0p2\t\t/\tufs\trw\t1 1\n",
            ("sysctl", "-n", "hw.disknames"): "wd0:aa,wd1:,cd0:\n",
            ("disklabel", "wd1"): more.get("label", "  c: 33554432 0 unused\n  i: 33550336 2048 NTFS\n"),
            ("mount",): "/dev/wd0a on / type ffs (local)\n",
        }
        for argv, text in said.items():
            self.commands.on(*argv, stdout=text)
        if openbsd:
            self.commands.on("mount", "-p", exit_code=1)
        code, text = (1, "") if not content else (0, content + "\n")
        self.commands.on("fstyp", "-l", "/dev/da1s1", exit_code=code, stdout=text)
        self.system = fake_system(files=self.files, commands=self.commands, log=self.log)

    def activate(self) -> Outcome:
        return bsd.activate(self.system, self.config.resource_disk, Paths.of(self.config), openbsd=self.openbsd)

    def changed(self) -> list[tuple[str, ...]]:
        looks = {("mount",), ("mount", "-p")}
        names = ("mount", "newfs", "/sbin/fdisk")
        return [
            line for line in self.commands.lines if line not in looks and (line[0] in names or line[:2] == ("disklabel", "-w"))
        ]


def test_a_new_disk_of_freebsd_is_formatted_once_it_cannot_be_mounted() -> None:
    machine = Bsd()
    machine.commands.on("mount", "-t", ..., exit_code=1, stderr="mount: /dev/da1s1: Invalid argument")
    machine.commands.on("mount", "-t", ..., exit_code=1, stderr="mount: /dev/da1s1: Invalid argument")
    machine.commands.on("mount", "-t", ...).on("newfs", ...)
    assert machine.activate() == Outcome((PLACE,))
    assert machine.changed()[-2:] == [("newfs", "-U", "/dev/da1s1"), ("mount", "-t", "ufs", "/dev/da1s1", PLACE)]
    assert machine.files.names("/var/lib/waagent") == ()


@pytest.mark.parametrize("content", ["ufs", "ufs scratch"])
def test_a_file_system_of_freebsd_is_kept_although_it_cannot_be_mounted(content: str) -> None:
    machine = Bsd(content=content)
    machine.commands.on("mount", "-t", ..., exit_code=1, stderr="mount: Operation not permitted")
    outcome = machine.activate()
    assert outcome.mount_points == () and "not formatted" in outcome.complaint
    assert ("newfs", "-U", "/dev/da1s1") not in machine.commands.lines


@pytest.mark.parametrize("content", ["ntfs Backups", "ext2fs", "zfs tank", "msdosfs"])
def test_somebodys_data_on_freebsd_are_left_alone(content: str) -> None:
    machine = Bsd(content=content)
    assert "it may be somebody's data" in machine.activate().complaint
    assert machine.changed() == []


def test_only_ufs_can_be_had_on_freebsd() -> None:
    machine = Bsd("ResourceDisk.Filesystem=ext4\n")
    assert "only ufs and ufs2" in machine.activate().complaint
    assert machine.changed() == []


def test_a_bus_that_tells_nothing_leaves_the_places_where_it_usually_is() -> None:
    machine = Bsd(content="ufs")
    machine.commands.on("camcontrol", "periphlist", "2:1:0", stdout="pass1:  generation: 3\nda1:  generation: 3\n")
    machine.commands.on("mount", "-t", ...)
    machine.commands._outcomes.pop(("sysctl", "dev.storvsc"))
    machine.commands.on("sysctl", "dev.storvsc", exit_code=1)
    assert machine.activate() == Outcome((PLACE,))


def test_openbsd_gets_a_label_from_a_template() -> None:
    machine = Bsd(UFS + "ResourceDisk.EnableSwap=y\nResourceDisk.SwapSizeMB=600000\n", openbsd=True)
    failing: dict[str, Any] = {"exit_code": 1, "stderr": "mount_ffs: /dev/wd1a: Device not configured"}
    machine.commands.on("mount", "-t", ..., **failing).on("mount", "-t", ..., **failing).on("mount", "-t", ...)
    machine.commands.on("/sbin/fdisk", ...).on("disklabel", "-w", ...).on("newfs", ...)
    assert machine.activate() == Outcome((PLACE,))
    template = next(call for call in machine.commands.calls if call.argv[:2] == ("disklabel", "-w"))
    assert template.stdin == f"{PLACE} 1G-* 50%\nswap 1-524288M 50%\n".encode()
    assert machine.changed()[-4:-1] == [("/sbin/fdisk", "-yi", "wd1"), template.argv, ("newfs", "-O2", "wd1a")]


@pytest.mark.parametrize("label", ["  a: 100 0 ext2fs\n", "  i: 33550336 2048 MSDOS\n"])
def test_somebodys_data_on_openbsd_are_left_alone(label: str) -> None:
    machine = Bsd(openbsd=True, label=label)
    assert "it may be somebody's data" in machine.activate().complaint
    assert machine.changed() == []


SETTINGS = parse(UFS + "ResourceDisk.EnableSwap=y\nResourceDisk.SwapSizeMB=64\n")[0].resource_disk
ROOM = BsdSwapFacts(free=1 << 40)


def commands(actions: Plan) -> list[tuple[str, ...]]:
    return [action.argv for action in actions if isinstance(action, Run)]


def test_swap_space_on_freebsd_goes_through_a_memory_disk() -> None:
    made = bsd.freebsd_swap(SETTINGS, PLACE, ROOM)
    assert [action.size for action in made if isinstance(action, AllocateFile)] == [64 << 20]
    assert commands(made) == [
        ("mdconfig", "-a", "-t", "vnode", "-f", f"{PLACE}/swapfile", "-u", "99"),
        ("chmod", "0600", "/dev/md99"),
        ("swapon", "/dev/md99"),
    ]


def test_swap_space_on_freebsd_is_encrypted_with_a_key_of_this_boot() -> None:
    made = bsd.freebsd_swap(replace(SETTINGS, enable_swap_encryption=True), PLACE, replace(ROOM, free_unit=100))
    assert commands(made)[-3:] == [
        ("geli", "onetime", "-e", "AES-XTS", "-l", "256", "-d", "/dev/md100"),
        ("chmod", "0600", "/dev/md100.eli"),
        ("swapon", "/dev/md100.eli"),
    ]


def test_what_is_in_use_on_freebsd_in_its_size_stays() -> None:
    facts = replace(ROOM, size=64 << 20, unit=99, active=("/dev/md99", "/dev/da0p3"))
    assert bsd.freebsd_swap(SETTINGS, PLACE, facts) == ()


def test_another_size_on_freebsd_turns_only_our_own_off() -> None:
    facts = replace(ROOM, size=32 << 20, unit=99, active=("/dev/md99", "/dev/da0p3"))
    made = commands(bsd.freebsd_swap(SETTINGS, PLACE, facts))
    assert made[:2] == [("swapoff", "/dev/md99"), ("mdconfig", "-d", "-u", "99")]
    assert made[-1] == ("swapon", "/dev/md99")


def test_no_room_on_freebsd_is_said_first() -> None:
    with pytest.raises(SystemFailure, match="no room"):
        bsd.freebsd_swap(SETTINGS, PLACE, replace(ROOM, free=1 << 20))


def test_openbsd_swaps_to_a_partition() -> None:
    assert commands(bsd.openbsd_swap(SETTINGS, ())) == [("swapctl", "-a", "/dev/wd1b")]
    assert bsd.openbsd_swap(SETTINGS, ("/dev/wd1b",)) == ()
