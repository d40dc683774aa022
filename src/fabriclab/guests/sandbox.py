"""The sandbox guest: a throw-away machine on private namespaces, up in a fraction of a second (guests recipe, part A).

Its root is an overlay: upper layer (what the guest writes, in memory) over the agent's layer, over the machine's own files,
over a root, by default this machine's. A reboot keeps the upper layer. Users, sudo, sshd, network and mounts are real,
the kernel is the machine's.
"""

import os
import re
import shutil
import socket
import subprocess
import uuid
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fabriclab.guests import control, dvd, machine, volumes
from fabriclab.guests import process as programs
from fabriclab.guests.diff import Change, compare
from fabriclab.guests.machine import Machine, Seat
from fabriclab.guests.namespace import FabricNamespace, has_ended, process_of

LOOP_MAJOR = 7
PEEK_LIMIT = 1 << 22


@dataclass(frozen=True)
class Disk:
    """A block device of the guest over a file of the work file system."""

    name: str
    image: str
    read_only: bool = False
    seat: Seat = field(default_factory=Seat)


class Sandbox:
    """A guest that is made but not yet started. Several can exist in one fabric, one at a time is on the bridge."""

    slowness = 1.0
    is_enterable = True

    def __init__(self, namespace: FabricNamespace, look: Machine, root: Path = Path("/"), name: str = "guest") -> None:
        self.namespace = namespace
        self.machine = look
        self._root = root
        self._name = name
        self._layers: list[str] = []
        self._disks: list[Disk] = []
        self._loops: dict[str, int] = {}
        self._hot: dict[str, int] = {}  # put in while it runs
        self._booted: Booted | None = None

    @property
    def files(self) -> Path:
        """This guest's corner of the work file system."""
        return self.namespace.work / self._name

    @property
    def upper(self) -> Path:
        return self.files / "upper"

    @property
    def untouched(self) -> Path:
        """The file tree before its first start."""
        return self.files / "untouched"

    @property
    def process(self) -> int:
        """The guest's first process, as this machine numbers it."""
        return self._running().process

    @property
    def is_running(self) -> bool:
        return self._booted is not None and not has_ended(self._booted.watch)

    def prepare(self, checkout: Path | None = None) -> None:
        """Lays the machine's own files. `checkout`: a directory of the root that the guest must not see."""
        for name in ("upper", "work", "root", "hidden", "machine", "agent", "class", "untouched", "disks", "bus", "block"):
            (self.files / name).mkdir(parents=True, exist_ok=True)
            (self.files / name).chmod(0o755)
        hidden = self.machine.hidden
        if checkout is not None and checkout.resolve().is_relative_to(self._root.resolve()):
            hidden = (*hidden, str(checkout.resolve().relative_to(self._root.resolve())))
        machine.hide(self.files / "hidden", self._root, hidden)
        machine.write_layer(self.files / "machine", self.machine)
        machine.write_dmi(self.files / "class", self.machine)

    @property
    def agent_layer(self) -> Path:
        """Where an agent's files are laid before the first start."""
        return self.files / "agent"

    def insert(self, disk: Disk, content: bytes, size: int | None = None) -> None:
        """A disk for the next start, from its first bytes; `size`: bytes in all, the rest empty."""
        with open(self.files / "disks" / disk.image, "wb") as file:
            file.write(content)
            file.truncate(size)
        self._disks = [*(other for other in self._disks if other.name != disk.name), disk]

    def insert_image(self, disk: Disk, image: volumes.Image) -> None:
        """A disk that is made for the next start; one of that name that is in use stays what it is until then."""
        if not self.namespace.has_drives:
            raise control.ControlError("without root, a guest has no disks: run this scenario as root")
        volumes.build(self.files / "disks" / disk.image, image)
        self._disks = [*(other for other in self._disks if other.name != disk.name), disk]

    def remove(self, name: str) -> None:
        """Takes a disk out, from the next start on."""
        self._disks = [disk for disk in self._disks if disk.name != name]

    @property
    def disks(self) -> tuple[str, ...]:
        """Names of what is in it, or will be with the next start."""
        return tuple(disk.name for disk in self._disks)

    def attach(self, disk: Disk, content: bytes) -> None:
        """A disk in the running guest."""
        self.insert(disk, content)
        self._put_in(disk)

    def attach_image(self, disk: Disk, image: volumes.Image) -> None:
        """A disk in the running guest, with its partitions. The likeness of Hyper-V's bus shows it from the next start on."""
        if disk.seat.at.startswith("nvme"):
            raise control.ControlError(f"{disk.name}: an NVMe disk comes with the next boot only, except in a virtual machine")
        self.insert_image(disk, image)
        self._put_in(disk)

    def detach(self, name: str) -> None:
        """Takes a disk out of the running guest. A loop device cannot be pulled from under a mount: that is refused."""
        mounts = self.run(["cat", "/proc/mounts"], timeout=20).output
        used = re.findall(rf"^/dev/{re.escape(name)}(?:p?\d+)? (\S+)", mounts, re.MULTILINE)
        is_disc = name in (disk.name for disk in self._disks if disk.read_only)
        if used and not is_disc:
            raise control.ControlError(
                f"{name} is mounted at {used[0]}: only a virtual machine lets go of a disk that is in use"
            )
        self.run(["rm", "-f", f"/dev/{name}"])
        self.remove(name)
        number = self._hot.pop(name, None)
        if number is None and not is_disc:
            number = self._loops.pop(name, None)
        if number is not None:
            self._running().channel.ask("disk", name=name, minor=number, there=False)
            self.namespace.detach_disk(number)

    def start(self) -> None:
        """Boots the guest. Raises ControlError with what failed."""
        if self.is_running:
            raise control.ControlError("the guest is running already")
        (self.files / "boot_id").write_text(f"{uuid.uuid4()}\n")
        devices = [[disk.name, LOOP_MAJOR, self._attach(disk)] for disk in self._disks if self.namespace.has_drives]
        media = [] if self.namespace.has_drives else [self._unpack(disk) for disk in self._disks if disk.read_only]
        specification = self._specification(f"{self.namespace.place}/{self._name}", devices, media)
        answer, (watch, channel) = self.namespace.channel.ask("guest", **specification)
        self._booted = Booted(process_of(watch), watch, control.Channel(socket.socket(fileno=channel)), answer["waiter"])

    def stop(self) -> None:
        """Power off: every process of the guest is killed, its files stay."""
        booted, self._booted = self._booted, None
        if booted is not None:
            self.namespace.channel.ask("stop", waiter=booted.waiter)
            booted.channel.close()
            os.close(booted.watch)
        for number in (*self._loops.values(), *self._hot.values()):
            self.namespace.detach_disk(number)
        self._loops, self._hot = {}, {}

    def reboot(self) -> None:
        """The same disk, new processes and a new boot id."""
        self.stop()
        self.start()

    def look_like(self, **changes: object) -> None:
        """Changes the machine from the next start on."""
        self.machine = replace(self.machine, **changes)  # type: ignore[arg-type]

    def run(self, command: list[str], *, given: bytes = b"", timeout: float = 60.0, directory: str = "/") -> programs.Completed:
        """Runs a program in the guest as root, to its end."""
        return programs.run(self._running().channel, command, given=given, timeout=timeout, directory=directory)

    def shell(self, text: str, timeout: float = 60.0) -> programs.Completed:
        return self.run(["/bin/sh", "-c", text], timeout=timeout)

    def pause(self, *, over: bool = False) -> None:
        """Every process but the first stands still, as while a VM is moved; `over`: they go on."""
        self.shell(f"kill -{'CONT' if over else 'STOP'} -1 2>/dev/null || true", timeout=20)

    def spawn(
        self, command: list[str], *, log: str | None = None, environment: dict[str, str] | None = None, directory: str = "/"
    ) -> programs.GuestProcess:
        """Starts a program and comes back. `log`: file beside the guest's layers that takes what it writes."""
        inward = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        output = os.open(self.files / log if log else "/dev/null", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            return programs.spawn(
                self._running().channel,
                command,
                standard=(inward, output, output),
                environment=environment,
                directory=directory,
            )
        finally:
            os.close(inward)
            os.close(output)

    def read(self, path: str) -> bytes | None:
        """A file as the guest sees it, following the guest's own links; None when there is none."""
        done = self.run(["/bin/sh", "-c", 'test -f "$1" && base64 -w0 "$1"', "read", path], timeout=20)
        if not done.ok:
            return None
        import base64

        return base64.b64decode(done.output)

    def peek(self, path: str) -> bytes | None:
        """A file as the host sees it. What the guest made a link of is not followed."""
        try:
            descriptor = os.open(self.upper / path.lstrip("/"), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return None
        with os.fdopen(descriptor, "rb") as file:
            return file.read(PEEK_LIMIT)

    def keep(self, place: Path) -> None:
        """Copies what the guest wrote, with owners, modes and the overlay's marks of deletion, to a new directory."""
        subprocess.run(["cp", "-a", str(self.upper), str(place)], check=True, timeout=120)

    def changes(self) -> tuple[Change, ...]:
        """What differs from the guest before its first start."""
        return compare(self.upper, self.untouched)

    def _specification(self, place: str, devices: list[list[Any]], media: list[list[str]]) -> dict[str, Any]:
        """What guest_init makes the guest from."""
        return {
            "root": f"{place}/root",
            "layers": self._lower_layers(place),
            "upper": f"{place}/upper",
            "work": f"{place}/work",
            "untouched": f"{place}/untouched",
            "sysfs": self._sysfs(place),
            "boot_id": f"{place}/boot_id",
            "hostname": self.machine.hostname,
            "mac": self.machine.mac,
            "second_card": self.machine.second_card,
            "address": self.machine.address,
            "gateway": self.machine.gateway,
            "routes": list(self.machine.routes),
            "devices": devices,
            "media": media,
            "init": [],
            "environment": {},
            "runtime": {},
            "console": "",
        }

    def _lower_layers(self, place: str) -> list[str]:
        return [f"{place}/agent", f"{place}/machine", f"{place}/hidden", str(self._root)]

    def _sysfs(self, place: str) -> list[list[str]]:
        """[layer, place in the guest] of what is laid over the kernel's own view of devices."""
        disks = [
            (disk.name, self._loops[disk.name], disk.seat)
            for disk in self._disks
            if disk.name in self._loops and not disk.read_only
        ]
        machine.write_disks(self.files / "bus", self.files / "block", self.files / "class", disks)
        layers = [[f"{place}/class", "sys/class"]] if any((self.files / "class").iterdir()) else []
        return [*layers, [f"{place}/bus", "sys/bus"], [f"{place}/block", "sys/block"]]

    def _put_in(self, disk: Disk) -> None:
        number = self._hot[disk.name] = self._loop(disk)
        made = self.run(["mknod", "-m", "0660", f"/dev/{disk.name}", "b", str(LOOP_MAJOR), str(number)])
        if not made.ok:
            raise control.ControlError(f"{disk.name} could not be inserted: {made.errors.strip()}")
        if not disk.read_only:
            self._running().channel.ask("disk", name=disk.name, minor=number, there=True)

    def _attach(self, disk: Disk) -> int:
        number = self._loops[disk.name] = self._loop(disk)
        return number

    def _loop(self, disk: Disk) -> int:
        """The number of a loop device with what is on the disk."""
        image = f"{self._name}/disks/{disk.image}"
        return self.namespace.attach_disk(image, disk.read_only, scan_partitions=not disk.read_only)

    def _unpack(self, disk: Disk) -> list[str]:
        """[device, directory as the namespaces see it] of a medium for a guest that can have no drive."""
        directory = f"{self._name}/disks/{disk.name}.files"
        shutil.rmtree(self.namespace.work / directory, ignore_errors=True)
        (self.namespace.work / directory).mkdir()
        for name, content in dvd.files((self.files / "disks" / disk.image).read_bytes()).items():
            (self.namespace.work / directory / name).write_bytes(content)
        return [disk.name, f"{self.namespace.place}/{directory}"]

    def _running(self) -> "Booted":
        if self._booted is None:
            raise control.ControlError("the guest is not running")
        return self._booted


@dataclass(frozen=True)
class Booted:
    """One boot: its first process, a descriptor that tells its end, the channel, and the process that waits for it."""

    process: int
    watch: int
    channel: control.Channel
    waiter: int
