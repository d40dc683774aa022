"""Machines in memory with disks on Hyper-V's bus, for the tests of the temporary disk."""

from __future__ import annotations

from fabriclab.guests.partitions import make_gpt, make_mbr
from fabriclab.guests.volumes import likeness
from unit.fakes import FrozenClock, ListLog, MemoryFiles, ScriptedCommands
from unit.fakes import system as fake_system
from waagent.config.parse import parse
from waagent.config.paths import Paths
from waagent.config.sections import Config
from waagent.resourcedisk.observe import Facts, observe, record_path

MEBIBYTE = 1 << 20
SIZE = 64 * MEBIBYTE
"""What the kernel says; the bytes that nobody wrote are not kept."""
TOOLS = ("mount", "umount", "parted", "sfdisk", "blockdev", "mkfs.ext4", "mkfs.xfs", "mkfs.btrfs", "chattr", "mkswap", "swapon")
BUS = "/sys/bus/vmbus/devices"
GEN1 = "00000000-0001-8899-0000-000000000000"
GEN2 = "f8b3781a-1e82-4818-a1c3-63d806ec15bb"
DATA = "f8b3781b-1e82-4818-a1c3-63d806ec15bb"
HELP = " --part-type <dev> <part> [<type>] print or change partition type\n"


def fresh_mbr(label: str = "Temporary Storage", kind: int = 7) -> bytes:
    return make_mbr(SIZE, kind).ljust(MEBIBYTE, b"\0") + likeness(MEBIBYTE, label)


def fresh_gpt() -> bytes:
    head, _ = make_gpt(SIZE, 16 * MEBIBYTE, SIZE - MEBIBYTE)
    return head.ljust(16 * MEBIBYTE, b"\0") + likeness(MEBIBYTE, "Temporary Storage")


def ext4(kind: int = 0x83) -> bytes:
    volume = bytearray(4096)
    volume[0x438:0x43A], volume[0x460] = b"\x53\xef", 0x40
    return make_mbr(SIZE, kind).ljust(MEBIBYTE, b"\0") + bytes(volume)


class Machine:
    """``disk``: the first bytes of /dev/sdb; the commands of a plan succeed unless a test says otherwise."""

    def __init__(self, disk: bytes | None = None, settings: str = "", tools: tuple[str, ...] = TOOLS) -> None:
        self.files = MemoryFiles({"/proc/mounts": "/dev/sda1 / ext4 rw 0 0\n", "/etc/fstab": "", "/dev/null": ""})
        self.files.put_directory("/var/lib/waagent")
        self.commands = ScriptedCommands(tools)
        self.commands.on("sfdisk", "--help", stdout=HELP)
        self.clock = FrozenClock()
        self.log = ListLog()
        self.config: Config = parse(settings)[0]
        self.paths = Paths.of(self.config)
        self.system = fake_system(files=self.files, commands=self.commands, clock=self.clock, log=self.log)
        if disk is not None:
            self.attach("sdb", disk)

    def attach(self, name: str, content: bytes, device: str = GEN1, lun: int = 0, size: int = SIZE, node: bool = True) -> None:
        instance = f"{device[:8]}-0000-0000-0000-{abs(hash(device)) % 10**12:012d}"
        self.files.put(f"{BUS}/{instance}/device_id", f"{{{device}}}\n")
        self.files.put(f"{BUS}/{instance}/host2/target2:0:0/2:0:0:{lun}/block/{name}/size", "")
        self.files.put(f"/sys/block/{name}/size", f"{size // 512}\n").put(f"/sys/block/{name}/ro", "0\n")
        self.files.put(f"/dev/{name}", content)
        if node:
            self.files.put(f"/dev/{name}1", content[MEBIBYTE:])

    def mount(self, line: str) -> None:
        self.files.put("/proc/mounts", self.files.text("/proc/mounts") + line + "\n")

    def facts(self, name: str = "sdb") -> Facts:
        return observe(self.system, self.config.resource_disk, self.paths, name, record_path(self.paths))

    def no_driver(self) -> None:
        """A kernel without NTFS."""
        for driver in ("ntfs3", "ntfs"):
            self.commands.on("mount", "-t", driver, ..., exit_code=32, stderr=f"mount: unknown filesystem type '{driver}'.")

    def driver(self, *names: str) -> None:
        """A kernel that lists these names in the root of the NTFS volume."""
        place = f"{self.paths.lib}/resource_disk_look"
        self.commands.on("mount", "-t", "ntfs3", ..., effect=lambda call: [self.files.put(f"{place}/{name}") for name in names])
        self.commands.on("umount", place, effect=lambda call: [self.files.remove(f"{place}/{name}") for name in names])
