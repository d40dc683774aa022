"""Bringing the temporary disk to its place: nodes that come late, mounts that fail, and who is waited for (guest.md 4.2)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from unit.fakes import MemoryFiles
from unit.resourcedisk.machines import MEBIBYTE, SIZE, TOOLS, Machine, ext4, fresh_mbr
from waagent.model.failure import SystemFailure
from waagent.resourcedisk import run, search
from waagent.resourcedisk.search import Outcome

PLACE = "/mnt/resource"
WARNING = f"{PLACE}/DATALOSS_WARNING_README.txt"


def fresh(settings: str = "", tools: tuple[str, ...] = TOOLS) -> Machine:
    machine = Machine(fresh_mbr(), settings, tools)
    machine.no_driver()
    for name in ("sfdisk", "blockdev", "parted"):
        machine.commands.on(name, ...)
    return machine


def activate(machine: Machine) -> Outcome:
    settings = machine.config.resource_disk
    return run.activate(machine.system, settings, machine.paths, search.look(machine.system, settings))


def ran(machine: Machine) -> list[tuple[str, ...]]:
    return [line for line in machine.commands.lines if line[:2] != ("sfdisk", "--help") and "ntfs" not in " ".join(line)]


def mounts(machine: Machine) -> Callable[[object], None]:
    return lambda call: machine.mount(f"/dev/sdb1 {PLACE} ext4 rw 0 0")


def test_a_fresh_disk_ends_mounted_with_its_warning_and_without_a_record() -> None:
    machine = fresh()
    machine.commands.on("mkfs.ext4", ...).on("mount", "-t", "ext4", ..., effect=mounts(machine))
    assert activate(machine) == Outcome((PLACE,))
    assert ran(machine) == [
        ("sfdisk", "--part-type", "--force", "/dev/sdb", "1", "83"),
        ("mkfs.ext4", "-F", "/dev/sdb1"),
        ("mount", "-t", "ext4", "/dev/sdb1", PLACE),
    ]
    assert "TEMPORARY" in machine.files.text(WARNING)
    assert machine.files.names(machine.paths.lib) == ()


def test_no_disk_is_worth_one_line() -> None:
    machine = Machine()
    assert activate(machine) == Outcome()
    assert machine.commands.lines == [] and not machine.log.of("warning")


def test_a_node_that_comes_late_is_waited_for_and_no_longer() -> None:
    machine = fresh()
    machine.files.remove("/dev/sdb1")
    machine.files.later(3.0, lambda: machine.files.put("/dev/sdb1"))
    machine.commands.on("mkfs.ext4", ...).on("mount", "-t", "ext4", ..., effect=mounts(machine))
    assert activate(machine).mount_points == (PLACE,)
    assert sum(machine.clock.pauses) == 3.0


def test_a_node_that_never_comes_is_asked_for_once_and_ends_in_a_complaint() -> None:
    machine = fresh()
    machine.files.remove("/dev/sdb1")
    outcome = activate(machine)
    assert outcome == Outcome(complaint="sdb: /dev/sdb1 has not appeared within 25 s")
    assert ran(machine).count(("blockdev", "--rereadpt", "/dev/sdb")) == 1
    assert sum(machine.clock.pauses) == pytest.approx(25.0)
    assert not any(line[0].startswith("mkfs") for line in machine.commands.lines)


def test_a_mount_that_fails_once_succeeds_after_the_table_was_read_again_and_nothing_is_formatted() -> None:
    machine = Machine(ext4())
    machine.commands.on("blockdev", ...)
    machine.commands.on("mount", ..., exit_code=32, stderr="mount: special device /dev/sdb1 does not exist.")
    machine.commands.on("mount", ..., effect=mounts(machine))
    assert activate(machine).mount_points == (PLACE,)
    assert [line[0] for line in ran(machine)] == ["mount", "blockdev", "mount"]


def test_a_file_system_that_cannot_be_mounted_is_not_formatted() -> None:
    machine = Machine(ext4())
    machine.commands.on("blockdev", ...).on("mount", ..., exit_code=32, stderr="mount: wrong fs type")
    outcome = activate(machine)
    assert outcome.mount_points == () and "not formatted" in outcome.complaint
    assert [line[0] for line in ran(machine)] == ["mount", "blockdev", "mount"]


def test_a_file_system_of_a_cut_off_formatting_that_cannot_be_mounted_is_made_again() -> None:
    machine = Machine(ext4())
    machine.files.put(f"{machine.paths.lib}/resource_disk_unfinished", f"{SIZE} bytes\n")
    failing = {"exit_code": 32, "stderr": "mount: wrong fs type"}
    machine.commands.on("blockdev", ...).on("mkfs.ext4", ...)
    machine.commands.on("mount", ..., **failing).on("mount", ..., **failing).on("mount", ..., effect=mounts(machine))
    assert activate(machine).mount_points == (PLACE,)
    assert [line[0] for line in ran(machine)] == ["mount", "blockdev", "mount", "mkfs.ext4", "mount"]


def test_a_mount_point_that_is_a_link_is_called_by_the_kernels_name() -> None:
    machine = Machine(ext4(), f"ResourceDisk.MountPoint={PLACE}/\n")
    machine.commands.on("mount", ..., effect=lambda call: machine.mount("/dev/sdb1 /srv/real ext4 rw 0 0"))
    assert activate(machine).mount_points == ("/srv/real",)
    assert ran(machine) == [("mount", "-t", "ext4", "/dev/sdb1", PLACE)]


def test_already_mounted_is_as_good_as_mounted() -> None:
    machine = Machine(ext4())
    machine.commands.on("mount", ..., exit_code=32, stderr=f"mount: {PLACE}: /dev/sdb1 already mounted on {PLACE}.")
    assert activate(machine).mount_points == (PLACE,)


def test_a_disk_that_goes_while_it_is_formatted_leaves_its_record_and_a_complaint() -> None:
    machine = fresh()
    gone = "mkfs.ext4: Input/output error while writing out and closing file system"
    machine.commands.on("mkfs.ext4", ..., exit_code=1, stderr=gone, effect=lambda call: machine.files.remove("/dev/sdb1"))
    outcome = activate(machine)
    assert outcome.mount_points == () and "Input/output error" in outcome.complaint
    assert machine.files.names(machine.paths.lib) == ("resource_disk_unfinished",)


def test_a_mount_point_that_cannot_be_made_leaves_the_disk_alone() -> None:
    machine = fresh()
    machine.files.break_at(PLACE, "Read-only file system")
    outcome = activate(machine)
    assert "Read-only file system" in outcome.complaint and ran(machine) == []


def test_a_disk_that_cannot_be_read_is_a_complaint() -> None:
    machine = fresh()
    machine.files.break_at("/dev/sdb", "Input/output error")
    assert "Input/output error" in activate(machine).complaint


@pytest.mark.parametrize("size", ["", "many", "-1", "²", "9" * 30])
def test_a_size_that_makes_no_sense_protects_a_disk_that_looks_empty(size: str) -> None:
    machine = Machine(b"")
    machine.files.put("/sys/block/sdb/size", size)
    assert "may be somebody's data" in activate(machine).complaint
    assert ran(machine) == []


def test_a_volume_that_a_killed_agent_was_looking_into_is_let_go_first() -> None:
    machine = fresh()
    look = f"{machine.paths.lib}/resource_disk_look"
    machine.files.put_directory(look)
    machine.mount(f"/dev/sdb1 {look} ntfs3 ro 0 0")
    before = machine.files.text("/proc/mounts").replace(f"/dev/sdb1 {look} ntfs3 ro 0 0\n", "")
    machine.commands.on("umount", look, effect=lambda call: machine.files.put("/proc/mounts", before))
    machine.commands.on("mkfs.ext4", ...).on("mount", "-t", "ext4", ..., effect=mounts(machine))
    assert activate(machine).mount_points == (PLACE,)
    assert machine.files.names(machine.paths.lib) == ()


def test_a_tool_that_a_killed_agent_left_behind_is_waited_for() -> None:
    machine = Machine(ext4())
    machine.files.put(f"{machine.paths.lib}/resource_disk_unfinished", f"{SIZE} bytes\n")
    machine.files.put("/proc/812/cmdline", "/bin/sh\0/usr/sbin/mkfs.ext4\0-F\0/dev/sdb1\0")
    machine.files.put("/proc/813/cmdline", "mkfs.ext4\0/dev/sdc1\0").put("/proc/self/cmdline", "")
    looks: list[float] = []

    def pause(seconds: float) -> bool:
        looks.append(seconds)
        if len(looks) == 3:
            machine.files.remove("/proc/812")
        return True

    machine.clock.pause = pause  # type: ignore[method-assign]
    machine.commands.on("mount", ..., effect=mounts(machine))
    assert activate(machine).mount_points == (PLACE,)
    assert looks == [0.5] * 3


def cloud_init(files: MemoryFiles, finished: str) -> None:
    files.put("/run/cloud-init/status.json", f'{{"v1": {{"init": {{"start": 1.0, "finished": {finished}}}}}}}')


def test_cloud_init_is_done_with_disks_before_anybody_else_looks() -> None:
    machine = fresh()
    cloud_init(machine.files, "null")

    def done() -> None:
        cloud_init(machine.files, "2.0")
        machine.files.put("/etc/fstab", "/dev/disk/cloud/azure_resource-part1 /mnt auto defaults 0 2\n")

    machine.files.later(7.0, done)
    assert activate(machine) == Outcome()
    assert sum(machine.clock.pauses) == 7.0 and ran(machine) == []


def test_cloud_init_that_never_ends_holds_the_disk_up_for_a_while_only() -> None:
    machine = fresh()
    cloud_init(machine.files, "null")
    machine.commands.on("mkfs.ext4", ...).on("mount", "-t", "ext4", ..., effect=mounts(machine))
    assert activate(machine).mount_points == (PLACE,)
    assert sum(machine.clock.pauses) == 300.0


@pytest.mark.parametrize("text", ["", "{", "[]", '{"v1": 3}', '{"v1": {}}'])
def test_a_word_of_cloud_init_that_makes_no_sense_is_not_waited_for(text: str) -> None:
    machine = Machine()
    machine.files.put("/run/cloud-init/status.json", text)
    assert activate(machine) == Outcome()
    assert machine.clock.pauses == []


def test_local_nvme_disks_follow_the_scsi_disk_when_they_are_wanted() -> None:
    machine = Machine(ext4(), "ResourceDisk.FormatNvme=y\n")
    for number in (1, 2):
        name = f"nvme{number}n1"
        machine.files.put(f"/sys/class/nvme/nvme{number}/model", "Microsoft NVMe Direct Disk v2\n")
        machine.files.put(f"/sys/class/nvme/nvme{number}/serial", f"s/{number}\n").put(
            f"/sys/class/nvme/nvme{number}/{name}/x", ""
        )
        machine.files.put(f"/sys/block/{name}/size", str(SIZE // 512)).put(f"/dev/{name}", b"\0" * 4096)
    machine.files.put("/dev/nvme2n1", b"somebody's")
    machine.commands.on("mount", ...).on("mkfs.ext4", ...)
    outcome = activate(machine)
    assert outcome.mount_points == (PLACE, "/mnt/resource-2")
    assert "nvme2n1: there is something that is no file system known here" in outcome.complaint
    assert ran(machine)[1:] == [
        ("mkfs.ext4", "-F", "/dev/nvme1n1"),
        ("mount", "-t", "ext4", "/dev/nvme1n1", "/mnt/resource-2"),
    ]


def test_swap_space_goes_to_the_first_disk() -> None:
    machine = Machine(settings="ResourceDisk.EnableSwap=y\nResourceDisk.SwapSizeMB=4\n")
    machine.files.put_directory(PLACE)
    machine.mount(f"/dev/sdb1 {PLACE} ext4 rw 0 0")
    machine.commands.on("mkswap", ...).on("swapon", ...)
    run.enable_swap(machine.system, machine.config.resource_disk, Outcome((PLACE, "/mnt/resource-2")))
    assert machine.files.tree(PLACE)[f"{PLACE}/swapfile"].startswith("file 0600 0:0")
    assert machine.files.facts(f"{PLACE}/swapfile").size == 4 * MEBIBYTE  # type: ignore[union-attr]
    assert machine.commands.lines[-1] == ("swapon", f"{PLACE}/swapfile")


def test_without_a_disk_there_is_no_swap_space() -> None:
    machine = Machine(settings="ResourceDisk.EnableSwap=y\nResourceDisk.SwapSizeMB=4\n")
    with pytest.raises(SystemFailure, match="no temporary disk"):
        run.enable_swap(machine.system, machine.config.resource_disk, Outcome())
