"""Partition tables, read from the first bytes of a disk: MBR and GPT.

Layout. MBR: sector 0 ends in 55 AA, four entries of 16 bytes from 446 on: type at +4, first sector at +8, sectors at +12.
GPT: an MBR entry of type EE, header in sector 1: "EFI PART", first sector of the entries at +72, their number at +80, the size
of each at +84; entry: type GUID at +0 (its first three groups little-endian), first and last sector at +32 and +40.

Odd: a boot sector of NTFS or FAT ends in 55 AA too, and what stands at 446 is its code. Entries that cannot be are no table.
"""

from __future__ import annotations

import struct

from waagent.model.disk import Partition, Scheme, Table

HEAD = 128 * 1024
"""Bytes from the start of a disk that hold every table, also with sectors of 4096 bytes."""
MICROSOFT_RESERVED = "E3C9E316-0B5C-4DB8-817D-F92DF00215AE"
_SIGNATURE = b"\x55\xaa"
_PROTECTIVE = 0xEE
_EXTENDED = frozenset({0x05, 0x0F, 0x85})
_ENTRIES = 256
_ENTRY = struct.Struct("<4xB3xII")


def parse(head: bytes, sector: int = 512) -> Table | None:
    """The table at the start of a disk; None without one. ``sector``: bytes of a logical sector."""
    if len(head) < 512 or head[510:512] != _SIGNATURE or sector not in (512, 1024, 2048, 4096):
        return None
    flags = [head[at] for at in range(446, 510, 16)]
    entries = [_ENTRY.unpack_from(head[446:510], at) for at in range(0, 64, 16)]
    if any(kind == _PROTECTIVE for kind, _, _ in entries):
        return _gpt(head, sector)
    if any(flag not in (0x00, 0x80) for flag in flags) or _is_boot_sector(head):
        return None
    found = [
        Partition(number, f"{kind:02x}", start * sector, count * sector)
        for number, (kind, start, count) in enumerate(entries, 1)
        if kind and count
    ]
    return Table(Scheme.MSDOS, tuple(found))


def has_extended(table: Table) -> bool:
    """Whether more partitions stand inside of one of these."""
    return table.scheme is Scheme.MSDOS and any(int(one.kind, 16) in _EXTENDED for one in table.partitions)


def _is_boot_sector(head: bytes) -> bool:
    return head[3:7] in (b"NTFS", b"EXFA") or head[54:58] == b"FAT1" or head[82:87] == b"FAT32"


def _gpt(head: bytes, sector: int) -> Table | None:
    header = head[sector : 2 * sector]
    if header[:8] != b"EFI PART" or len(header) < 92:
        return None
    at, count, size = struct.unpack_from("<QII", header, 72)
    if not 128 <= size <= 4096 or at > HEAD // sector:
        return None
    found = []
    for number in range(1, min(count, _ENTRIES) + 1):
        entry = head[at * sector + (number - 1) * size :][:size]
        if len(entry) < 48:
            break
        first, last = struct.unpack_from("<QQ", entry, 32)
        if any(entry[:16]) and last >= first:
            kind = _guid(entry[:16])
            found.append(Partition(number, kind, first * sector, (last - first + 1) * sector))
    return Table(Scheme.GPT, tuple(found))


def _guid(raw: bytes) -> str:
    first, second, third = struct.unpack_from("<IHH", raw)
    return f"{first:08X}-{second:04X}-{third:04X}-{raw[8:10].hex().upper()}-{raw[10:16].hex().upper()}"
