"""codec.volume: what lies on a device, by its looks."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabriclab.guests.volumes import likeness
from waagent.codec import volume

TOOLS = {
    "ext2": ("mke2fs", "-q", "-F", "-t", "ext2", "-L", "my disk"),
    "ext3": ("mke2fs", "-q", "-F", "-t", "ext3", "-L", "my disk"),
    "ext4": ("mke2fs", "-q", "-F", "-t", "ext4", "-L", "my disk"),
    "xfs": ("mkfs.xfs", "-q", "-L", "my disk"),
    "btrfs": ("mkfs.btrfs", "-q", "-L", "my disk"),
    "swap": ("mkswap", "-q", "-L", "my disk"),
    "ntfs": ("mkntfs", "-q", "-F", "-f", "-L", "my disk"),
}


@pytest.mark.parametrize("name", sorted(TOOLS))
def test_what_the_tools_make_is_recognized_with_its_label(name: str, tmp_path: Path) -> None:
    if shutil.which(TOOLS[name][0]) is None:
        pytest.skip(f"{TOOLS[name][0]} is not installed here")
    image = tmp_path / "image"
    with open(image, "wb") as file:
        file.truncate(320 << 20)
    subprocess.run([*TOOLS[name], str(image)], check=True, capture_output=True)
    with open(image, "rb") as file:
        head = file.read(volume.HEAD)
        found = volume.identify(head)
        label = found.label
        if name == "ntfs":
            place = volume.ntfs_volume_record(head)
            assert place is not None
            file.seek(place[0])
            label = volume.ntfs_label(file.read(place[1]))
    assert (found.filesystem, label) == (name, "my disk")


def test_the_label_of_a_fresh_temporary_disk_is_read_without_a_driver() -> None:
    head = likeness(1 << 20, "Temporary Storage")
    place = volume.ntfs_volume_record(head)
    assert place is not None
    assert volume.ntfs_label(head[place[0] : place[0] + place[1]]) == "Temporary Storage"


@pytest.mark.parametrize(
    ("at", "magic", "name"),
    [(0, b"LUKS\xba\xbe", "LUKS"), (512, b"LABELONE", "LVM"), (3, b"EXFAT   ", "exfat"), (4096, b"\xfc\x4e\x2b\xa9", "RAID")],
)
def test_what_is_no_file_system_is_somebodys_too(at: int, magic: bytes, name: str) -> None:
    head = bytearray(volume.HEAD)
    head[at : at + len(magic)] = magic
    assert volume.identify(bytes(head)).filesystem == name


def test_zeros_are_nothing() -> None:
    assert volume.identify(bytes(volume.HEAD)).filesystem == ""
    assert volume.identify(b"").filesystem == ""


@given(st.binary(max_size=200))
def test_no_boot_sector_leads_out_of_bounds(noise: bytes) -> None:
    head = b"\xeb\x52\x90NTFS    " + noise
    place = volume.ntfs_volume_record(head)
    assert place is None or (0 < place[0] < 1 << 70 and 512 <= place[1] <= 65536)


@given(st.binary(max_size=1500))
def test_no_record_is_too_odd_for_a_label(noise: bytes) -> None:
    assert isinstance(volume.ntfs_label(b"FILE" + noise), str)


@given(st.binary(max_size=4200))
def test_no_bytes_are_too_odd_to_be_looked_at(noise: bytes) -> None:
    volume.identify(noise)
