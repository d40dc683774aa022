"""guests.vm_firmware: which firmware starts a disk is read off its first sectors, and a disk that none starts is refused."""

import struct
import uuid

import pytest

from fabriclab.guests import vm_firmware
from fabriclab.guests.root import RootUnavailable
from fabriclab.guests.vm_firmware import BIOS, UEFI

EFI_SYSTEM = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
BIOS_BOOT = "21686148-6449-6e6f-744e-656564454649"
LINUX = "0fc63daf-8483-4772-8e79-3d69d8477de4"


def sector(*kinds: int, code: bool = False) -> bytes:
    entries = b"".join(bytes([0, 0, 0, 0, kind]) + bytes(11) for kind in kinds).ljust(64, b"\0")
    return (b"\xeb\x63" if code else b"").ljust(446, b"\0") + entries + b"\x55\xaa"


def gpt(*kinds: str, code: bool = False, size: int = 128) -> bytes:
    header = bytearray(512)
    header[:8] = b"EFI PART"
    struct.pack_into("<QII", header, 72, 2, 128, size)
    entries = b"".join(uuid.UUID(kind).bytes_le.ljust(size, b"\1") for kind in kinds)
    return sector(0xEE, code=code) + bytes(header) + entries.ljust(128 * 128, b"\0")


@pytest.mark.parametrize(
    ("head", "firmware"),
    [
        (sector(0x83, code=True), BIOS),
        (sector(0x83), None),
        (sector(0xEF, 0x83), UEFI),
        (sector(0xEF, 0x83, code=True), BIOS),
        (gpt(LINUX, EFI_SYSTEM), UEFI),
        (gpt(LINUX, EFI_SYSTEM, code=True), UEFI),
        (gpt(LINUX, EFI_SYSTEM, BIOS_BOOT, code=True), BIOS),
        (gpt(LINUX, BIOS_BOOT, code=True), BIOS),
        (gpt(LINUX), None),
        (gpt(LINUX, EFI_SYSTEM, size=256), UEFI),
        (gpt(LINUX, EFI_SYSTEM, size=0), None),
        (gpt(LINUX, EFI_SYSTEM)[:600], None),
        (bytes(4096), None),
        (b"short", None),
    ],
)
def test_the_first_sectors_say_what_starts_a_disk(head: bytes, firmware: str | None) -> None:
    assert vm_firmware.named(head) == firmware


def test_uefi_is_two_flash_chips_and_bios_is_the_machines_own() -> None:
    assert vm_firmware.arguments(BIOS, "/v") == []
    first, second = vm_firmware.arguments(UEFI, "/v")[1::2]
    assert "unit=0,readonly=on" in first and second.endswith("unit=1,file=/v")


def test_firmware_that_is_not_installed_is_named_by_its_package() -> None:
    vm_firmware.demand(BIOS)
    if vm_firmware.CODE.is_file():
        vm_firmware.demand(UEFI)
    else:
        with pytest.raises(RootUnavailable, match="ovmf"):
            vm_firmware.demand(UEFI)
