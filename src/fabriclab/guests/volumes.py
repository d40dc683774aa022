"""Images of disks as a VM finds them: as the platform hands them over, formatted before, or with somebody's data.

The volume is made as a file of its own by the tools of this machine, which need no device for it, and then laid into the image
behind the first MiB. Images are sparse. Odd: without mkntfs the NTFS volume is a likeness: boot sector and label alone, which
is all that is ever looked at by a system without a driver for it.
"""

import os
import shutil
import struct
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from fabriclab.guests.partitions import GPT_TAIL, SECTOR, make_gpt, make_mbr

MEBIBYTE = 1 << 20
FRESH_LABEL = "Temporary Storage"
NTFS, LINUX = 7, 0x83
RESERVED_END = 16 * MEBIBYTE
TOOLS = {"ext3": "e2fsprogs", "ext4": "e2fsprogs", "xfs": "xfsprogs", "btrfs": "btrfs-progs"}
CONTENTS = ("nothing", "noise", "mbr", "ntfs", "gpt-ntfs", *TOOLS)
README = "DATALOSS_WARNING_README.txt"


class NoVolume(OSError):
    """This machine cannot make such a volume; the text says what is missing."""


@dataclass(frozen=True)
class Image:
    """`size` in bytes. `whole`: the volume fills the disk, without a partition. `files`: more files in its root."""

    size: int
    content: str = "ntfs"
    whole: bool = False
    label: str = ""
    files: dict[str, str] = field(default_factory=dict)


def build(path: Path, image: Image) -> None:
    """Writes the image to a new file. Raises NoVolume."""
    path.unlink(missing_ok=True)
    with open(path, "wb") as file:
        file.truncate(image.size)
    if image.content == "nothing":
        return
    gpt = image.content == "gpt-ntfs"
    kind = NTFS if image.content in ("mbr", "ntfs") else LINUX
    start, end = (0, image.size) if image.whole else (RESERVED_END if gpt else MEBIBYTE, image.size - (MEBIBYTE if gpt else 0))
    with open(path, "r+b") as file:
        if gpt:
            head, tail = make_gpt(image.size, RESERVED_END, end)
            file.write(head)
            file.seek(image.size - GPT_TAIL)
            file.write(tail)
        elif not image.whole:
            file.write(make_mbr(image.size, kind))
        if image.content == "noise":
            file.seek(start)
            file.write(b"what nobody knows " * 4000)
    if image.content in ("mbr", "noise"):
        return
    with tempfile.TemporaryDirectory() as place:
        volume = path.with_suffix(".volume")
        with open(volume, "wb") as file:
            file.truncate(end - start)
        try:
            _make(volume, image, start // SECTOR, Path(place))
            _lay(volume, path, start)
        finally:
            volume.unlink()


def _make(volume: Path, image: Image, sector: int, place: Path) -> None:
    name = "ntfs" if image.content == "gpt-ntfs" else image.content
    for file, text in image.files.items():
        (place / file).write_text(text)
    if name == "ntfs":
        _make_ntfs(volume, image.label or FRESH_LABEL, sector, {README: "temporary\n", **image.files}, place)
    elif name in ("ext3", "ext4"):
        _run("e2fsprogs", "mke2fs", "-q", "-F", "-t", name, "-L", image.label, "-d", str(place), str(volume))
    elif name == "btrfs":
        label = ["-L", image.label] if image.label else []
        _run("btrfs-progs", "mkfs.btrfs", "-q", "-f", *label, "--rootdir", str(place), str(volume))
    else:
        if image.files:
            raise NoVolume("an xfs volume of the lab has no files")
        _run("xfsprogs", "mkfs.xfs", "-q", "-f", *(["-L", image.label] if image.label else []), str(volume))


def _make_ntfs(volume: Path, label: str, sector: int, files: dict[str, str], place: Path) -> None:
    if shutil.which("mkntfs") is None:
        if set(files) != {README}:
            raise NoVolume("an NTFS volume with data on it needs the package ntfs-3g")
        volume.write_bytes(likeness(volume.stat().st_size, label))
        return
    _run("ntfs-3g", "mkntfs", "-q", "-F", "-f", "-p", str(sector), "-H", "255", "-S", "63", "-L", label, str(volume))
    for name, text in files.items():
        (place / name).write_text(text)
        _run("ntfs-3g", "ntfscp", "-q", "-f", str(volume), str(place / name), name)


def likeness(size: int, label: str) -> bytes:
    """The first MiB of an NTFS volume of which there is nothing but the boot sector and the label."""
    table, record = 4 * 4096, 1024
    boot = bytearray(512)
    boot[0:11] = b"\xeb\x52\x90NTFS    "
    struct.pack_into("<HB", boot, 11, 512, 8)
    struct.pack_into("<QQ", boot, 40, size // 512 - 1, table // 4096)
    struct.pack_into("<b", boot, 64, -10)
    boot[510:512] = b"\x55\xaa"
    name = label.encode("utf-16-le")
    held = bytearray(record)
    struct.pack_into("<4sHH", held, 0, b"FILE", 0x30, 3)
    struct.pack_into("<H", held, 20, 0x38)
    struct.pack_into("<IIBBHHHIH", held, 0x38, 0x60, 24 + (len(name) + 7) // 8 * 8, 0, 0, 0, 0, 0, len(name), 24)
    held[0x38 + 24 : 0x38 + 24 + len(name)] = name
    struct.pack_into("<I", held, 0x38 + 24 + (len(name) + 7) // 8 * 8, 0xFFFFFFFF)
    whole = bytearray(MEBIBYTE)
    whole[0:512] = boot
    whole[table + 3 * record : table + 4 * record] = held
    return bytes(whole)


def _lay(volume: Path, path: Path, start: int) -> None:
    """Only what was written: holes stay holes."""
    source, target = os.open(volume, os.O_RDONLY), os.open(path, os.O_WRONLY)
    try:
        end, at = os.fstat(source).st_size, 0
        while at < end:
            try:
                at = os.lseek(source, at, os.SEEK_DATA)
            except OSError:
                return
            stop = os.lseek(source, at, os.SEEK_HOLE)
            while at < stop:
                piece = os.pread(source, min(stop - at, MEBIBYTE), at)
                os.pwrite(target, piece, start + at)
                at += len(piece)
    finally:
        os.close(source)
        os.close(target)


def _run(package: str, *command: str) -> None:
    if shutil.which(command[0]) is None:
        raise NoVolume(f"this machine has no {command[0]}; it comes with the package {package}")
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        raise NoVolume(f"{command[0]}: {done.stderr.strip() or done.stdout.strip()}")
