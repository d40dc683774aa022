"""codec.partition_table: tables that the lab writes on its own, and bytes that are none."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from fabriclab.guests.partitions import make_gpt, make_mbr
from fabriclab.guests.volumes import likeness
from waagent.codec.partition_table import HEAD, MICROSOFT_RESERVED, has_extended, parse
from waagent.model.disk import Partition, Scheme, Table

MEBIBYTE = 1 << 20


def test_the_platforms_mbr_has_one_partition_of_type_7() -> None:
    assert parse(make_mbr(64 * MEBIBYTE, 7)) == Table(Scheme.MSDOS, (Partition(1, "07", MEBIBYTE, 63 * MEBIBYTE),))


def test_the_platforms_gpt_has_a_reserved_partition_before_the_one_for_data() -> None:
    head, _ = make_gpt(64 * MEBIBYTE, 16 * MEBIBYTE, 63 * MEBIBYTE)
    table = parse(head)
    assert table is not None and table.scheme is Scheme.GPT
    first, second = table.partitions
    assert (first.number, first.kind) == (1, MICROSOFT_RESERVED)
    assert (second.number, second.start, second.size) == (2, 16 * MEBIBYTE, 47 * MEBIBYTE)


def test_a_gpt_on_sectors_of_4096_bytes_is_read_where_it_stands() -> None:
    kind = bytes.fromhex("a2a0d0ebe5b9334487c068b6b72699c7")
    entry = kind + bytes(16) + struct.pack("<QQ", 256, 511) + bytes(80)
    head = bytearray(HEAD)
    head[:512] = make_mbr(1 << 30, 0xEE)
    head[4096 : 4096 + 92] = b"EFI PART".ljust(72, b"\0") + struct.pack("<QIII", 2, 128, 128, 0)
    head[8192 : 8192 + 128] = entry
    table = parse(bytes(head), 4096)
    assert table is not None
    assert table.partitions == (Partition(1, "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7", 1 << 20, 1 << 20),)


def test_a_volume_without_a_table_is_not_taken_for_one() -> None:
    assert parse(likeness(MEBIBYTE, "Temporary Storage")) is None
    fat = bytearray(512)
    fat[82:87], fat[510:512] = b"FAT32", b"\x55\xaa"
    assert parse(bytes(fat)) is None
    code = bytearray(512)
    code[440:510], code[510:512] = b"\x91" * 70, b"\x55\xaa"
    assert parse(bytes(code)) is None


def test_a_gpt_without_its_header_is_no_table() -> None:
    assert parse(make_mbr(1 << 30, 0xEE).ljust(4096, b"\0")) is None


def test_an_extended_partition_is_seen() -> None:
    table = parse(make_mbr(64 * MEBIBYTE, 0x0F))
    assert table is not None and has_extended(table)


def test_nothing_and_less_than_a_sector_are_no_table() -> None:
    assert parse(bytes(HEAD)) is None
    assert parse(b"") is None
    assert parse(make_mbr(1 << 26, 7), 333) is None


@given(st.binary(max_size=2048), st.sampled_from([512, 4096, 0, -1]), st.booleans())
def test_no_bytes_are_too_odd(noise: bytes, sector: int, protective: bool) -> None:
    head = bytearray(noise.ljust(1024, b"\0"))
    head[510:512] = b"\x55\xaa"
    if protective:
        head[450] = 0xEE
        head[512:520] = b"EFI PART"
    table = parse(bytes(head), sector)
    assert table is None or all(one.size > 0 for one in table.partitions)
