"""A virtual machine on a disk of somebody's own, with the boot loader, agent and accounts that are on it.

The lab has no hands in it: it can put discs and disks in, press the power button, watch the serial line (where the system
writes to it) and the network; it cannot run anything, look at files, or tell when the boot is over. What is on the disk says
by which firmware it is started (vm_firmware.py). The file itself stays as it is: what the machine writes goes into the work
file system. Odd: the disk is on virtio SCSI or on NVMe, not on IDE as of a generation 1 VM: a kernel that reads Azure's SMBIOS
data leaves IDE disks to Hyper-V's driver.
"""

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

from fabriclab.guests import qemu, vm_disk, vm_firmware
from fabriclab.guests.control import ControlError
from fabriclab.guests.diff import Change
from fabriclab.guests.machine import Machine
from fabriclab.guests.namespace import FabricNamespace
from fabriclab.guests.process import Completed
from fabriclab.guests.qemu import Hardware
from fabriclab.guests.root import RootUnavailable
from fabriclab.guests.vm import VmGuest
from fabriclab.guests.vm_image import Image

SHUTDOWN = 120.0
_VARIABLES = "firmware.fd"
FORMATS = ("qcow2", "raw", "vpc", "vhdx")  # vpc: what everybody else calls VHD


def kind_of(path: Path) -> str:
    """The format of a disk image. Raises RootUnavailable for one that the lab cannot take."""
    command = ["qemu-img", "info", "--output=json", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise RootUnavailable(f"{path} is no disk image: {done.stderr.strip()}")
    kind = str(json.loads(done.stdout)["format"])
    if kind not in FORMATS:
        raise RootUnavailable(f"{path} is an image of the format {kind}; the lab takes qcow2, raw, VHD and VHDX.")
    return kind


class OwnVmGuest(VmGuest):
    is_enterable = False

    def __init__(self, namespace: FabricNamespace, look: Machine, image: Image, name: str = "guest") -> None:
        super().__init__(namespace, look, image, Hardware.of(look, look.system_disk), name)
        self._knows_cards = True  # or not: that is its own business
        self._started_by = vm_firmware.BIOS

    def prepare(self, checkout: Path | None = None) -> None:
        for name in ("agent", "disks"):
            (self.files / name).mkdir(parents=True, exist_ok=True)

    def start(self) -> None:
        """Presses the power button; comes back at once."""
        if self.is_running:
            raise ControlError("the guest is running already")
        if self._layers == 0:
            kind = kind_of(self.image.disk)
            self._started_by = self.machine.firmware or vm_firmware.of_disk(self.image.disk, kind)
            if self._started_by == vm_firmware.UEFI:
                vm_firmware.demand(self._started_by)
                self.hardware = replace(self.hardware, drive=qemu.SCSI)
                shutil.copy(vm_firmware.VARIABLES, self.files / "disks" / _VARIABLES)
            vm_disk.overlay(self.namespace, self._disk(1), str(self.image.disk), kind)
            self._layers = 1
        self._launch(())
        self._count()

    def reboot(self) -> None:
        """The power button is pressed, as the platform does; who does not heed it loses power."""
        if self.is_running:
            self._machine.monitor.ask("system_powerdown")
            self.await_end(SHUTDOWN)
        self.stop()
        self.start()

    def await_boot(self, patience: float = 0.0) -> str:
        return "unknown"

    def open_gate(self) -> bool:
        return False

    def run(self, command: list[str], *, given: bytes = b"", timeout: float = 60.0, directory: str = "/") -> Completed:
        raise ControlError("the lab can run nothing on a disk of your own")

    def read(self, path: str) -> bytes | None:
        return None

    def peek(self, path: str) -> bytes | None:
        return None

    def keep(self, place: Path) -> None:
        """Nothing is known of what it has written."""

    def changes(self) -> tuple[Change, ...]:
        return ()

    def _firmware(self) -> list[str]:
        return vm_firmware.arguments(self._started_by, f"{self.namespace.place}/{self._name}/disks/{_VARIABLES}")

    def _come_up(self) -> None:
        """It boots again by itself."""
        self.on_end(True)
        if self.is_running:
            self._bring()
            self._count()
