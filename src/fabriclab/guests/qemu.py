"""The command line of a virtual machine: which devices an emulated machine of the lab has, and where (guests recipe, part C).

The processor is emulated (TCG): where /dev/kvm exists it need not be one that an ordinary kernel runs on. Like a generation 1
VM on Azure: an IDE drive for the DVD, SCSI adapters for the system disk (0000:00:07.0), the temporary one (08.0) and the data
disks (09.0), a serial console, Azure's SMBIOS data. Not like it: adapters and network card are virtio devices. Or the system
disk is on NVMe, as of newer VMs, or the DVD on SCSI, as of generation 2.
"""

import hashlib
import json
import subprocess
from dataclasses import dataclass

from fabriclab.guests.machine import AZURE_ASSET_TAG, Machine
from fabriclab.guests.vm_image import PORTS, Image

PROGRAM = "qemu-system-x86_64"
TAP = "vm0"
TEMPORARY, DATA = "temporary", "data"  # the SCSI adapters
SCSI, NVME = "scsi", "nvme"  # what the root can be on: with Azure's SMBIOS data a kernel ignores every disk on IDE
# no_timer_check: on a busy computer the kernel would find that the emulated timer does not tick, and give up.
_QUIET = "console=ttyS0 no_timer_check mitigations=off nokaslr random.trust_cpu=on systemd.show_status=0 quiet net.ifnames=0"


@dataclass(frozen=True)
class Hardware:
    """`identity` None: no Azure names in the SMBIOS tables. `root`: what the system disk is on. `words`: of every boot's kernel
    command line."""

    identity: str | None = None
    mac: str = "00:0d:3a:11:22:33"
    generation: int = 1
    memory: int = 1024
    processors: int = 2
    accelerator: str = "tcg"
    root: str = SCSI
    words: tuple[str, ...] = ()
    asset: str = AZURE_ASSET_TAG
    drive: str = "ide"
    """Where the DVD is: of a generation 2 VM on SCSI. What UEFI firmware has looked at on IDE, a kernel does not find there."""

    @classmethod
    def of(cls, look: Machine, root: str = SCSI) -> "Hardware":
        """What a machine that looks so has."""
        identity, asset = look.dmi.get("product_uuid"), look.dmi.get("chassis_asset_tag", AZURE_ASSET_TAG)
        return cls(identity=identity, mac=look.mac, root=root, asset=asset)


def kernel_line(hardware: Hardware, words: tuple[str, ...] = ()) -> str:
    """`words`: more of it, for this boot."""
    return " ".join(["rw", _QUIET, f"lab.generation={hardware.generation}", *hardware.words, *words])


def arguments(hardware: Hardware) -> list[str]:
    """All that is part of a saved machine's state, but the disk itself, kernel and sockets."""
    processor = "max,tcg-cpuid=off,-hypervisor" if hardware.accelerator == "tcg" else "host,-arch-capabilities"
    accelerator = "tcg,thread=multi,tb-size=256" if hardware.accelerator == "tcg" else hardware.accelerator
    return [
        *("-machine", "pc,hpet=off,vmport=off", "-accel", accelerator, "-cpu", processor),
        *("-smp", str(hardware.processors), "-m", str(hardware.memory)),
        *("-nodefaults", "-no-user-config", "-display", "none", "-rtc", "base=utc,clock=host"),
        *_smbios(hardware),
        *("-device", "virtio-rng-pci,addr=0x4"),
        *("-device", "virtio-serial-pci,id=ports,addr=0x5"),
        *("-device", f"virtio-net-pci,id=card,netdev=net0,romfile=,addr=0x6,mac={hardware.mac}"),
        *("-device", "virtio-scsi-pci,id=system,addr=0x7"),
        *("-device", f"virtio-scsi-pci,id={TEMPORARY},addr=0x8"),
        *("-device", f"virtio-scsi-pci,id={DATA},addr=0x9"),
        *("-device", "scsi-cd,id=drive,bus=system.0,scsi-id=1" if hardware.drive == SCSI else "ide-cd,id=drive,bus=ide.1"),
        *(part for number, name in enumerate(PORTS) for part in ("-device", _port(number, name))),
        *("-device", "isa-serial,chardev=console"),
    ]


def disk(hardware: Hardware, path: str, *, starts: bool = False) -> list[str]:
    """The system disk, a qcow2 file. `starts`: firmware starts what is on it."""
    device = {
        SCSI: "scsi-hd,bus=system.0,scsi-id=0,lun=0,serial=root",
        NVME: "nvme,serial=root,addr=0x1f",
    }[hardware.root]
    file = {"driver": "file", "filename": path, "aio": "threads"}
    node = {"driver": "qcow2", "node-name": "root", "file": file, "cache": {"no-flush": True}, "discard": "unmap"}
    return ["-blockdev", json.dumps(node), "-device", f"{device},drive=root,id=disk-system{',bootindex=0' if starts else ''}"]


def boot(image: Image, line: str) -> list[str]:
    """Straight into the image's kernel; a disk with a boot loader of its own has none."""
    if image.base is None:
        return []
    return ["-kernel", str(image.kernel), "-initrd", str(image.initial), "-append", line]


def sockets(monitor: int, port: int, shell: str, console: str) -> list[str]:
    """`monitor`, `port`: descriptors of connected sockets."""
    return [
        *("-chardev", f"socket,id=monitor,fd={monitor}", "-mon", "chardev=monitor,mode=control"),
        *("-chardev", f"socket,id=port0,fd={port}"),
        *("-chardev", f"socket,id=port1,path={shell},server=on,wait=off"),
        *("-chardev", f"file,id=console,path={console},append=on"),
        *("-netdev", f"tap,id=net0,ifname={TAP},script=no,downscript=no"),
    ]


def fingerprint(hardware: Hardware) -> str:
    """Names a saved state: another QEMU or other devices cannot go on from it."""
    version = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, timeout=30, check=True).stdout
    text = "\0".join([version, *arguments(hardware), kernel_line(hardware)])
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _port(number: int, name: str) -> str:
    return f"virtserialport,bus=ports.0,nr={number + 1},chardev=port{number},name={name}"


def _smbios(hardware: Hardware) -> list[str]:
    if hardware.identity is None:
        return []
    maker = "manufacturer=Microsoft Corporation"
    return [
        *("-smbios", "type=0,vendor=American Megatrends Inc.,version=090008"),
        # the version is a generation 2 VM's: by it systemd tells Microsoft's hypervisor where the processor does not say so
        *("-smbios", f"type=1,{maker},product=Virtual Machine,version=Hyper-V UEFI Release v4.1,uuid={hardware.identity}"),
        *("-smbios", f"type=2,{maker},product=Virtual Machine,version=7.0"),
        *("-smbios", f"type=3,{maker},version=7.0,asset={hardware.asset}"),
    ]
