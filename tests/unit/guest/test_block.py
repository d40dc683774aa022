"""guest.block: names of devices and the commands that change them (guest.md 4.1, 4.2)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from waagent.guest import block
from waagent.model.disk import Mount, Scheme
from waagent.system.action import Run


def test_a_longer_name_is_no_part_of_a_disk() -> None:
    assert block.is_part_of("/dev/sdb1", "/dev/sdb")
    assert block.is_part_of("/dev/sdb", "/dev/sdb")
    assert block.is_part_of("/dev/nvme0n1p2", "/dev/nvme0n1")
    assert not block.is_part_of("/dev/sdba1", "/dev/sdb")
    assert not block.is_part_of("/dev/nvme0n11", "/dev/nvme0n1")
    assert not block.is_part_of("/dev/sdb1x", "/dev/sdb")


@given(st.integers(1, 200), st.sampled_from(["/dev/sdb", "/dev/nvme0n1", "/dev/vdc"]))
def test_every_partition_is_part_of_its_disk_and_of_no_other(number: int, disk: str) -> None:
    path = block.partition_path(disk, number)
    assert [other for other in ("/dev/sdb", "/dev/nvme0n1", "/dev/vdc") if block.is_part_of(path, other)] == [disk]


def test_only_disks_are_disks() -> None:
    assert all(block.is_disk_name(name) for name in ("sda", "sdab", "nvme0n1", "vdb", "hdc"))
    names = ("sr0", "loop0", "dm-0", "md0", "fd0", "sdb1", "sd b", "sdb\n", "../sda", "", "cciss!c0d0")
    assert not any(block.is_disk_name(name) for name in names)


def test_blanks_in_mount_points_are_read() -> None:
    text = "/dev/sdb1 /mnt/my\\040disk ext4 rw,relatime 0 0\nproc /proc proc rw 0 0\nodd\n"
    assert block.mounts(text) == (Mount("/dev/sdb1", "/mnt/my disk", "ext4"), Mount("proc", "/proc", "proc"))


def test_a_disk_beyond_two_tebibytes_gets_a_gpt() -> None:
    assert block.scheme_for((2 << 40) - 512) is Scheme.MSDOS
    assert block.scheme_for(2 << 40) is Scheme.GPT


def test_without_parted_sfdisk_makes_the_table() -> None:
    (action,) = block.make_table("/dev/sdb", Scheme.GPT, {"sfdisk"})
    assert isinstance(action, Run)
    assert (action.argv, action.stdin) == (("sfdisk", "/dev/sdb"), b"label: gpt\n,,L\n")


def test_xfs_and_btrfs_are_forced_by_another_flag() -> None:
    flags = {name: block.make_filesystem(name, "/dev/sdb1")[0].argv[1] for name in ("ext4", "xfs", "btrfs")}  # type: ignore[attr-defined]
    assert flags == {"ext4": "-F", "xfs": "-f", "btrfs": "-f"}


def test_a_mount_that_is_there_already_is_told_from_other_failures() -> None:
    assert block.is_mounted_already("mount: /mnt: /dev/sdb1 already mounted on /mnt.")
    assert not block.is_mounted_already("mount: special device /dev/sdb1 does not exist")
