"""guests.partitions: tables as the platform and the usual tools write them."""

import io
import struct

from hypothesis import given
from hypothesis import strategies as st

from fabriclab.guests.partitions import SECTOR, make_mbr, read


@given(st.integers(min_value=4 << 20, max_value=1 << 40).map(lambda size: size // SECTOR * SECTOR))
def test_a_made_disk_has_one_partition_up_to_its_end(size: int) -> None:
    ((number, start, length),) = read(io.BytesIO(make_mbr(size, 7)))
    assert (number, start, start + length) == (1, 1 << 20, size)


def test_a_blank_or_short_disk_has_none() -> None:
    assert read(io.BytesIO(bytes(4096))) == ()
    assert read(io.BytesIO(b"short")) == ()


def gpt(entries: list[tuple[bytes, int, int]]) -> io.BytesIO:
    header = b"EFI PART" + bytes(64) + struct.pack("<QII", 2, 128, 128)
    table = b"".join(kind + bytes(16) + struct.pack("<QQ", first, last) + bytes(80) for kind, first, last in entries)
    return io.BytesIO(make_mbr(1 << 26, 0xEE) + header.ljust(SECTOR, b"\0") + table.ljust(128 * 128, b"\0"))


def test_a_gpt_is_read_behind_its_protective_entry_and_empty_entries_keep_their_number() -> None:
    disk = gpt([(bytes(16), 0, 0), (b"\x01" * 16, 2048, 4095)])
    assert read(disk) == ((2, 2048 * SECTOR, 2048 * SECTOR),)


def test_a_protective_entry_without_a_header_names_nothing() -> None:
    assert read(io.BytesIO(make_mbr(1 << 26, 0xEE).ljust(4096, b"\0"))) == ()
