"""guests.volumes: disks as a VM finds them."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from fabriclab.guests import partitions
from fabriclab.guests.machine import Seat, write_disks
from fabriclab.guests.volumes import MEBIBYTE, Image, NoVolume, build, likeness

SIZE = 96 * MEBIBYTE
needs_ntfs = pytest.mark.skipif(shutil.which("mkntfs") is None, reason="mkntfs (package ntfs-3g) is not installed here")


def probed(path: Path, start: int) -> str:
    argv = ["blkid", "-p", "-O", str(start), "-o", "export", str(path)]
    return subprocess.run(argv, capture_output=True, text=True).stdout


@needs_ntfs
def test_a_new_disk_is_one_partition_of_ntfs_with_the_platforms_label_and_file(tmp_path: Path) -> None:
    build(tmp_path / "disk", Image(SIZE))
    with open(tmp_path / "disk", "rb") as disk:
        assert partitions.read(disk) == ((1, MEBIBYTE, SIZE - MEBIBYTE),)
    said = probed(tmp_path / "disk", MEBIBYTE)
    assert "TYPE=ntfs" in said and "LABEL=Temporary\\ Storage" in said
    assert os.stat(tmp_path / "disk").st_blocks * 512 < SIZE // 4, "holes stay holes"


@needs_ntfs
def test_a_large_new_disk_has_a_reserved_partition_and_a_table_that_the_tools_accept(tmp_path: Path) -> None:
    build(tmp_path / "disk", Image(SIZE, "gpt-ntfs"))
    done = subprocess.run(["sfdisk", "--verify", str(tmp_path / "disk")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    with open(tmp_path / "disk", "rb") as disk:
        (_, first, _), (number, start, _) = partitions.read(disk)
    assert (first, number, start) == (34 * 512, 2, 16 * MEBIBYTE)
    assert "TYPE=ntfs" in probed(tmp_path / "disk", start)


@pytest.mark.parametrize("content", ["ext3", "ext4", "btrfs"])
def test_a_disk_that_was_used_before_has_its_files(content: str, tmp_path: Path) -> None:
    image = Image(160 * MEBIBYTE, content, label="mine", files={"kept.txt": "old"})
    try:
        build(tmp_path / "disk", image)
    except NoVolume as missing:
        pytest.skip(str(missing))
    said = probed(tmp_path / "disk", MEBIBYTE)
    assert f"TYPE={content}" in said and "LABEL=mine" in said
    if content != "btrfs":
        part = tmp_path / "part"
        part.write_bytes((tmp_path / "disk").read_bytes()[MEBIBYTE:])
        shown = subprocess.run(["debugfs", "-R", "cat kept.txt", str(part)], capture_output=True, text=True)
        assert shown.stdout == "old"


def test_a_disk_without_a_table_is_its_volume_or_nothing(tmp_path: Path) -> None:
    build(tmp_path / "whole", Image(SIZE, "ext4", whole=True))
    assert "TYPE=ext4" in probed(tmp_path / "whole", 0)
    build(tmp_path / "empty", Image(SIZE, "nothing"))
    assert os.stat(tmp_path / "empty").st_blocks == 0


def test_the_likeness_of_ntfs_passes_for_it() -> None:
    head = likeness(MEBIBYTE, "Temporary Storage")
    assert partitions.read(io.BytesIO(head)) == ()
    assert head[3:7] == b"NTFS"


def test_disks_stand_where_azures_do(tmp_path: Path) -> None:
    for name in ("bus", "block", "class"):
        (tmp_path / name).mkdir()
    if os.geteuid() != 0:
        pytest.skip("the attribute that hides the machine's own devices is for root")
    seats = [
        ("sda", 1, Seat("gen2", 0)),
        ("sdb", 2, Seat("gen2", 1)),
        ("sdc", 3, Seat("data", 7)),
        ("sdd", 4, Seat("gen1-old")),
        ("nvme1n1", 5, Seat("nvme")),
    ]
    write_disks(tmp_path / "bus", tmp_path / "block", tmp_path / "class", seats)
    devices = tmp_path / "bus/vmbus/devices"
    first = "f8b3781a-1e82-4818-a1c3-63d806ec15bb"
    assert (devices / first / "device_id").read_text() == f"{{{first}}}\n"
    found = sorted(str(path.relative_to(devices)) for path in devices.rglob("dev"))
    assert f"{first}/host8/target8:0:0/8:0:0:1/block/sdb/dev" in found
    assert "f8b3781b-1e82-4818-a1c3-63d806ec15bb/host9/target9:0:0/9:0:0:7/block/sdc/dev" in found
    assert "00000004-0001-8899-0000-000000000000/host4/target4:0:0/4:0:0:0/block:sdd/dev" in found
    assert (tmp_path / "class/nvme/nvme1/model").read_text().strip() == "Microsoft NVMe Direct Disk v2"
    assert os.readlink(tmp_path / "block/sdb") == "../devices/virtual/block/loop2"
    write_disks(tmp_path / "bus", tmp_path / "block", tmp_path / "class", [])
    assert list((tmp_path / "block").iterdir()) == []
