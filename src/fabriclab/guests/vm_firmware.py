"""What somebody's own disk is started by: read off its first sectors, as firmware does, before a machine is made for it.

A disk that both can start (a GPT disk with a BIOS boot partition and an EFI system partition) is started by BIOS, as in a
generation 1 VM: it costs an emulated processor less.
"""

import struct
import subprocess
import tempfile
import uuid
from pathlib import Path

from fabriclab.guests.root import RootUnavailable

BIOS, UEFI = "bios", "uefi"
FIRMWARES = (BIOS, UEFI)
CODE, VARIABLES = Path("/usr/share/OVMF/OVMF_CODE_4M.fd"), Path("/usr/share/OVMF/OVMF_VARS_4M.fd")
_SECTORS = 64
_EFI_SYSTEM = uuid.UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")
_BIOS_BOOT = uuid.UUID("21686148-6449-6e6f-744e-656564454649")
_MBR_EFI, _MBR_PROTECTIVE = 0xEF, 0xEE


def of_disk(path: Path, kind: str) -> str:
    """BIOS or UEFI. Raises RootUnavailable for a disk that neither starts, or when the firmware is not installed."""
    found = named(_head(path, kind))
    if found is None:
        raise RootUnavailable(f"{path}: neither a boot sector nor an EFI system partition is on this disk: nothing starts it.")
    demand(found)
    return found


def demand(firmware: str) -> None:
    if firmware == UEFI and not (CODE.is_file() and VARIABLES.is_file()):
        raise RootUnavailable("A disk that UEFI firmware starts needs what this Debian package brings: ovmf.")


def named(head: bytes) -> str | None:
    """By the first sectors of a disk."""
    if len(head) < 512 or head[510:512] != b"\x55\xaa":
        return None
    kinds = {head[446 + 16 * number + 4] for number in range(4)}
    has_code = any(head[:440])
    if _MBR_PROTECTIVE in kinds and head[512:520] == b"EFI PART":
        partitions = _partitions(head)
        if _EFI_SYSTEM in partitions and _BIOS_BOOT not in partitions:
            return UEFI
    elif _MBR_EFI in kinds and not has_code:
        return UEFI
    return BIOS if has_code else None


def arguments(firmware: str, variables: str) -> list[str]:
    """`variables`: the file that the machine's firmware keeps its own in."""
    if firmware == BIOS:
        return []
    flash = "if=pflash,format=raw"
    return ["-drive", f"{flash},unit=0,readonly=on,file={CODE}", "-drive", f"{flash},unit=1,file={variables}"]


def _partitions(head: bytes) -> set[uuid.UUID]:
    """The types of the partitions of a GPT."""
    first, count, size = struct.unpack_from("<Q", head, 512 + 72)[0], *struct.unpack_from("<II", head, 512 + 80)
    places = [512 * first + size * number for number in range(min(count, 128))] if size >= 128 else []
    return {uuid.UUID(bytes_le=head[place : place + 16]) for place in places if place + 16 <= len(head)}


def _head(path: Path, kind: str) -> bytes:
    with tempfile.NamedTemporaryFile() as file:
        command = ["qemu-img", "dd", "-f", kind, "-O", "raw", f"if={path}", f"of={file.name}", "bs=512", f"count={_SECTORS}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode != 0:
            raise RootUnavailable(f"{path} cannot be read: {done.stderr.strip()}")
        return Path(file.name).read_bytes()
