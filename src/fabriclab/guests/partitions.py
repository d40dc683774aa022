"""Partition tables, for kernels that are built without a reader of them: MBR and GPT, first level only.

Layout: an MBR is sector 0 with four 16-byte entries at 446 (type at +4, first sector at +8, count at +12) and 55 AA at its
end; type 0xEE says GPT: header in sector 1 ("EFI PART"; first sector of the entries at +72, their number at +80, their size at
+84), entry: type GUID at +0, first and last sector at +32 and +40.
"""

import struct
import uuid
import zlib
from typing import BinaryIO

SECTOR = 512
_GPT = 0xEE
_MOST = 16


def read(disk: BinaryIO) -> tuple[tuple[int, int, int], ...]:
    """(number, first byte, bytes) of each partition; empty for a disk without a table."""
    disk.seek(0)
    first = disk.read(SECTOR)
    if len(first) < SECTOR or first[510:] != b"\x55\xaa":
        return ()
    entries = [first[446 + 16 * at : 462 + 16 * at] for at in range(4)]
    if any(entry[4] == _GPT for entry in entries):
        return _read_gpt(disk)
    found = []
    for number, entry in enumerate(entries, 1):
        start, count = struct.unpack_from("<II", entry, 8)
        if entry[4] and count:
            found.append((number, start * SECTOR, count * SECTOR))
    return tuple(found)


def _read_gpt(disk: BinaryIO) -> tuple[tuple[int, int, int], ...]:
    disk.seek(SECTOR)
    header = disk.read(SECTOR)
    if header[:8] != b"EFI PART":
        return ()
    at, count, size = struct.unpack_from("<QII", header, 72)
    disk.seek(at * SECTOR)
    table = disk.read(min(count, _MOST) * size)
    found = []
    for number in range(len(table) // size):
        entry = table[number * size : (number + 1) * size]
        first, last = struct.unpack_from("<QQ", entry, 32)
        if any(entry[:16]):
            found.append((number + 1, first * SECTOR, (last - first + 1) * SECTOR))
    return tuple(found)


def make_mbr(size: int, kind: int) -> bytes:
    """First sector of a disk of `size` bytes with one partition of type `kind` over all of it but the first MiB."""
    first = (1 << 20) // SECTOR
    entry = struct.pack("<B3sB3sII", 0, b"\xfe\xff\xff", kind, b"\xfe\xff\xff", first, size // SECTOR - first)
    return bytes(440) + b"FLAB\0\0" + entry + bytes(48) + b"\x55\xaa"


_RESERVED = uuid.UUID("e3c9e316-0b5c-4db8-817d-f92df00215ae")
_DATA = uuid.UUID("ebd0a0a2-b9e5-4433-87c0-68b6b72699c7")
_ENTRIES = 128
GPT_TAIL = 33 * SECTOR


def make_gpt(size: int, first_end: int, second_end: int) -> tuple[bytes, bytes]:
    """First 34 sectors and last 33 of a disk with a reserved partition of Microsoft's and one for data, up to these bytes."""
    last = size // SECTOR - 1
    parts = ((_RESERVED, 34, first_end // SECTOR - 1), (_DATA, first_end // SECTOR, second_end // SECTOR - 1))
    entries = b"".join(
        struct.pack("<16s16sQQQ72s", kind.bytes_le, uuid.uuid4().bytes_le, start, end, 0, "Basic data".encode("utf-16-le"))
        for kind, start, end in parts
    ).ljust(_ENTRIES * 128, b"\0")
    disk = uuid.uuid4().bytes_le

    def header(here: int, other: int, table: int) -> bytes:
        fields = (here, other, 34, last - 33, disk, table, _ENTRIES, 128, zlib.crc32(entries))
        plain = struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, 0, 0, *fields)
        return (plain[:16] + struct.pack("<I", zlib.crc32(plain)) + plain[20:]).ljust(SECTOR, b"\0")

    protective = struct.pack("<B3sB3sII", 0, b"\0\2\0", _GPT, b"\xff\xff\xff", 1, min(last, 0xFFFFFFFF))
    mbr = bytes(446) + protective + bytes(48) + b"\x55\xaa"
    return mbr + header(1, last, 2) + entries, entries + header(last, 1, last - 32)
