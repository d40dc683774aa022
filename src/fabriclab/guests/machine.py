"""What a sandbox guest looks like from the inside before its first boot: names, addresses, DMI data, disks, hidden files.

The DMI values are Azure's (guest contract, trap 46; the VM id of section 2.12): an agent that proves its platform before it
speaks finds what it looks for. All of it is configurable, also to look like another hypervisor.
"""

import os
import shutil
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from fabriclab.guests import kernel, swapping

RESOURCE_DISK = "00000000-0001-8899-0000-000000000000"
AZURE_ASSET_TAG = "7783-7084-3265-9085-8269-3286-77"
HYPER_V_ASSET_TAG = "0815-4711-1234-5678-9012-3456-78"

# Traces of an Azure VM's own agents: a guest that shares the root of such a machine must not inherit them.
TRACES = (
    "etc/waagent.conf",
    "usr/sbin/waagent",
    "usr/sbin/waagent2.0",
    "usr/lib/python3/dist-packages/waagent",
    "usr/lib/python3/dist-packages/azurelinuxagent",
    "etc/cloud",
    "usr/bin/cloud-init",
    "var/lib/cloud",
    "var/lib/waagent",
    "var/log/waagent.log",
    "var/log/azure",
)

MOUNT_HELPER = """#!/bin/sh
# mount(8) calls this for a kernel that knows neither UDF nor ISO 9660: DEVICE DIRECTORY -o OPTIONS
exec fuseiso -n "$1" "$2" -o ro,allow_other,default_permissions
"""

# ntfs-3g's own would wait for itself for ever when the guest ends, and hold its disk; this one shows names and no content.
NTFS_HELPER = """#!/bin/sh
# mount(8) calls this for NTFS: DEVICE DIRECTORY -o OPTIONS
command -v ntfsls >/dev/null || { echo "mount: $2: unknown filesystem type 'ntfs'." >&2; exit 32; }
names=$(ntfsls "$1") || exit 32
mount -t tmpfs -o nosuid,nodev,noexec "$1" "$2" || exit 32
cd "$2" && echo "$names" | while read -r name; do [ -z "$name" ] || : >"$name"; done
case "$4" in ro,*|*,ro|*,ro,*|ro) cd / && mount -o remount,ro "$2" ;; esac
"""


# Host routes that the machine's DHCP client has set up from option 249 before any agent starts (fabric 1.1).
FABRIC_ROUTES = ("168.63.129.16", "169.254.169.254")


@dataclass(frozen=True)
class Machine:
    """`address` None leaves eth0 without one, and without routes (the guest configures it itself, by DHCP)."""

    hostname: str = "guest"
    mac: str = "00:0d:3a:11:22:33"
    address: str | None = "10.77.0.4/24"
    gateway: str = "10.77.0.1"
    routes: tuple[str, ...] = FABRIC_ROUTES
    nameserver: str = "168.63.129.16"
    dmi: dict[str, str] = field(default_factory=dict)
    hidden: tuple[str, ...] = TRACES
    files: dict[str, str] = field(default_factory=dict)
    second_card: str | None = None
    """Address of a second network card, in a network of its own that has no DHCP server; None: there is none."""
    system_disk: str = "scsi"
    """What the system disk of a virtual machine is on."""
    firmware: str = ""
    """Of a virtual machine on somebody's own disk; empty: what the disk is made for."""


def azure_dmi(vm_id: str) -> dict[str, str]:
    """DMI files of a generation 1 VM: the first three groups of the id have their bytes the other way round."""
    return {
        "sys_vendor": "Microsoft Corporation",
        "product_name": "Virtual Machine",
        "board_vendor": "Microsoft Corporation",
        "board_name": "Virtual Machine",
        "chassis_vendor": "Microsoft Corporation",
        "chassis_asset_tag": AZURE_ASSET_TAG,
        "bios_vendor": "American Megatrends Inc.",
        "product_uuid": swap_identity(vm_id),
    }


def hyper_v_dmi(vm_id: str) -> dict[str, str]:
    """The same machine on somebody's own Hyper-V: all but the asset tag is alike (guest contract 6.8)."""
    return azure_dmi(vm_id) | {"chassis_asset_tag": HYPER_V_ASSET_TAG}


LOOKS: dict[str, Callable[[str], dict[str, str]]] = {
    "azure": azure_dmi,
    "hyper-v": hyper_v_dmi,
    "none": lambda vm_id: {},
}
"""What a scenario may ask for; each makes the DMI files of a VM of some id."""


def swap_identity(text: str) -> str:
    """The id with the bytes of its first three groups reversed, in upper case (fabric 9.5)."""
    groups = text.split("-")
    turned = ["".join(reversed([group[at : at + 2] for at in range(0, len(group), 2)])) for group in groups[:3]]
    return "-".join(turned + groups[3:]).upper()


def write_layer(layer: Path, machine: Machine, *, stand_ins: bool = True) -> None:
    """The files that make the root this machine: they lie under the agent and belong to the untouched guest. `stand_ins`: for
    what a guest on the machine's own kernel cannot have."""
    files = {
        "etc/resolv.conf": f"nameserver {machine.nameserver}\n",
        "etc/hosts": f"127.0.0.1 localhost\n127.0.1.1 {machine.hostname}\n",
        "etc/hostname": f"{machine.hostname}\n",
        **{path.lstrip("/"): text for path, text in machine.files.items()},
    }
    for name, text in files.items():
        write(layer / name, text, 0o644)
    if not stand_ins:
        return
    for name in swapping.PROGRAMS:
        write(layer / name, swapping.STAND_IN, 0o755)
    for kind in ("udf", "iso9660"):
        write(layer / f"usr/sbin/mount.{kind}", MOUNT_HELPER, 0o755)
    for kind in ("ntfs", "ntfs-3g"):
        write(layer / f"usr/sbin/mount.{kind}", NTFS_HELPER, 0o755)


def write_dmi(layer: Path, machine: Machine) -> None:
    """A layer for /sys/class."""
    for name, text in machine.dmi.items():
        write(layer / "dmi/id" / name, f"{text}\n", 0o400 if name.endswith(("uuid", "serial")) else 0o444)


@dataclass(frozen=True)
class Seat:
    """Where a disk hangs (guest contract 4.1): `gen1` is IDE port 1, the temporary disk of a generation 1 VM (`gen1-old` as old
    kernels show it); `gen2` the first SCSI controller, `data` the second; `nvme` a local disk, `nvme-remote` a data disk."""

    at: str = "gen1"
    lun: int = 0
    serial: str = "00000001"


SYSTEM_DISKS = ("scsi", "nvme")
SEATS = ("gen1", "gen1-old", "gen2", "data", "nvme", "nvme-remote")
_SCSI = {"gen2": "f8b3781a-1e82-4818-a1c3-63d806ec15bb", "data": "f8b3781b-1e82-4818-a1c3-63d806ec15bb"}
_NVME = {"nvme": "Microsoft NVMe Direct Disk v2", "nvme-remote": "MSFT NVMe Accelerator v1.0"}


def write_disks(bus: Path, block: Path, classes: Path, disks: list[tuple[str, int, Seat]]) -> None:
    """Layers for /sys/bus, /sys/block and /sys/class: each disk is (name, loop number, seat)."""
    devices = bus / "vmbus/devices"
    shutil.rmtree(bus / "vmbus", ignore_errors=True)
    shutil.rmtree(classes / "nvme", ignore_errors=True)
    devices.mkdir(parents=True)
    os.setxattr(bus / "vmbus", kernel.opaque(), b"y")  # a machine on Hyper-V has devices of its own there
    for link in block.iterdir():
        link.unlink()
    for number, (name, loop, seat) in enumerate(disks, 1):
        (block / name).symlink_to(f"../devices/virtual/block/loop{loop}")
        if seat.at in _NVME:
            controller = classes / "nvme" / name.partition("n1")[0]
            write(controller / "model", f"{_NVME[seat.at]}          \n", 0o444)
            write(controller / "serial", f"{seat.serial}\n", 0o444)
            write(controller / name / "dev", f"7:{loop}\n", 0o444)
            continue
        identity = _SCSI.get(seat.at, RESOURCE_DISK)
        lun = seat.lun if seat.at in _SCSI else 0
        host = number if seat.at not in _SCSI else 8 + list(_SCSI).index(seat.at)
        device = devices / (f"{number:08x}-{RESOURCE_DISK[9:]}" if seat.at not in _SCSI else identity)
        write(device / "device_id", f"{{{identity}}}\n", 0o444)
        inner = f"block:{name}" if seat.at == "gen1-old" else f"block/{name}"
        write(device / f"host{host}/target{host}:0:0/{host}:0:0:{lun}/{inner}/dev", f"7:{loop}\n", 0o444)


def hide(layer: Path, root: Path, names: tuple[str, ...]) -> None:
    """Overlay whiteouts for what exists in `root`."""
    for name in names:
        if not os.path.lexists(root / name) or (root / name).parent.resolve() != root.resolve() / Path(name).parent:
            continue
        at = layer
        for part in Path(name).parent.parts:
            at = at / part
            if not at.exists():
                there = os.stat(root / at.relative_to(layer))
                at.mkdir()
                at.chmod(stat.S_IMODE(there.st_mode))
                os.chown(at, there.st_uid, there.st_gid)
        os.mknod(layer / name, stat.S_IFCHR, os.makedev(0, 0))


def write(path: Path, text: str, mode: int) -> None:
    for parent in reversed([parent for parent in path.parents if not parent.exists()]):
        parent.mkdir(mode=0o755)
    path.write_text(text)
    path.chmod(mode)
