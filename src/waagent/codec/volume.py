"""What lies on a device, by its looks: magic numbers and labels at fixed places, and the label of NTFS.

Layout of NTFS: bytes per sector at 11, sectors per cluster at 13, cluster of the master file table at 48, size of its records
at 64 (clusters, or 2^-n bytes where negative). Record 3 is the volume; its attribute 0x60 is the label in UTF-16. In a record
the last two bytes of each sector are kept elsewhere: their place at 4, their number at 6.
"""

from __future__ import annotations

import struct

from waagent.model.disk import Volume

HEAD = 128 * 1024
"""Bytes from the start of a device in which all of this stands."""
EXT = ("ext2", "ext3", "ext4")
_AT = (
    (0, b"XFSB", "xfs", (0x6C, 12)),
    (0x10040, b"_BHRfS_M", "btrfs", (0x1012B, 256)),
    (3, b"NTFS    ", "ntfs", None),
    (3, b"EXFAT   ", "exfat", None),
    (82, b"FAT32", "vfat", (71, 11)),
    (54, b"FAT1", "vfat", (43, 11)),
    (0, b"LUKS\xba\xbe", "LUKS", None),
    (4096, b"\xfc\x4e\x2b\xa9", "RAID", None),
    (0, b"\xfc\x4e\x2b\xa9", "RAID", None),
    (4086, b"SWAPSPACE2", "swap", (1024 + 28, 16)),
    (65526, b"SWAPSPACE2", "swap", (1024 + 28, 16)),
    (0x8001, b"CD001", "iso9660", None),
)
_LABEL = 0x60
_VOLUME_RECORD = 3


def identify(head: bytes) -> Volume:
    """The file system that the first ``HEAD`` bytes show, and its label; of NTFS without the label."""
    if head[0x438:0x43A] == b"\x53\xef":
        return Volume(_ext(head), _text(head[0x478 : 0x478 + 16]))
    if any(head[at : at + 8] == b"LABELONE" for at in range(0, 2048, 512)):
        return Volume("LVM")
    for at, magic, name, label in _AT:
        if head[at : at + len(magic)] == magic:
            return Volume(name, _text(head[label[0] : label[0] + label[1]]) if label else "")
    return Volume()


def _ext(head: bytes) -> str:
    compatible, incompatible = struct.unpack_from("<II", head.ljust(0x464, b"\0"), 0x45C)
    if incompatible & 0x2C0:  # extents, 64 bit, flexible groups
        return "ext4"
    return "ext3" if compatible & 0x4 else "ext2"


def _text(raw: bytes) -> str:
    return raw.split(b"\0")[0].decode("utf-8", "replace").strip()


def ntfs_volume_record(head: bytes) -> tuple[int, int] | None:
    """Offset and size in bytes of the record with the label of an NTFS volume; None where its boot sector makes no sense."""
    if len(head) < 72 or head[3:11] != b"NTFS    ":
        return None
    sector, per_cluster = struct.unpack_from("<HB", head, 11)
    (first,) = struct.unpack_from("<Q", head, 48)
    (clusters,) = struct.unpack_from("<b", head, 64)
    cluster = sector * (per_cluster if per_cluster <= 128 else 1 << (256 - per_cluster))
    size = cluster * clusters if clusters > 0 else 1 << min(-clusters, 31)
    if sector not in (512, 1024, 2048, 4096) or not cluster or not 512 <= size <= 64 * 1024 or first >= 1 << 48:
        return None
    return first * cluster + _VOLUME_RECORD * size, size


def ntfs_label(record: bytes) -> str:
    """The label in a volume record; empty where there is none."""
    if record[:4] != b"FILE" or len(record) < 48:
        return ""
    whole = bytearray(record)
    kept, count = struct.unpack_from("<HH", record, 4)
    for number in range(1, min(count, len(record) // 512 + 1)):
        end = number * 512
        if end <= len(whole) and kept + 2 * number + 2 <= len(record):
            whole[end - 2 : end] = record[kept + 2 * number : kept + 2 * number + 2]
    (at,) = struct.unpack_from("<H", whole, 20)
    while at + 24 <= len(whole):
        kind, length = struct.unpack_from("<II", whole, at)
        if kind == 0xFFFFFFFF or length < 24:
            return ""
        if kind == _LABEL and not whole[at + 8]:
            size, offset = struct.unpack_from("<IH", whole, at + 16)
            return bytes(whole[at + offset : at + offset + min(size, 512)]).decode("utf-16-le", "replace").strip("\0 ")
        at += length
    return ""
