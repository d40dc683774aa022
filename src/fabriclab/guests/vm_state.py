"""A machine's saved state: memory and disk of a guest that has booted, kept beside its image: the next one need not boot.

It is made once for an image, a QEMU and a set of devices; another of these makes another one. The network cable is out while it
boots, and is plugged in when a guest goes on from it: then its DHCP client asks. Memory is moved to a file as in a migration.
"""

import fcntl
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from fabriclab.guests import qemu, vm_disk, workshop
from fabriclab.guests.control import ControlError
from fabriclab.guests.namespace import FabricNamespace
from fabriclab.guests.qemu import Hardware
from fabriclab.guests.qmp import Monitor
from fabriclab.guests.vm_image import Image
from fabriclab.guests.vm_machine import CONSOLE, VmMachine

DISK, MEMORY = "root.qcow2", "memory.zst"
FIRST_BOOT = 300.0  # seconds for a boot on a busy machine
MOVING = 120.0
TURN = 0.02

Tell = Callable[[str], None]


def obtain(namespace: FabricNamespace, image: Image, hardware: Hardware, tell: Tell = lambda text: None) -> Path:
    """The directory of the state, made when it is not there yet (a boot). Raises ControlError."""
    place = image.directory / f"state-{qemu.fingerprint(hardware)}"
    with open(image.directory / f".{place.name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.is_dir():
            workshop.sweep(place)
            tell("booting a virtual machine once, to go on from there")
            with tempfile.TemporaryDirectory(prefix=f".{place.name}.", dir=image.directory) as directory:
                _make(namespace, image, hardware, Path(directory) / "made")
                (Path(directory) / "made").rename(place)
    return place


def resume(machine: VmMachine, state: Path) -> None:
    """A machine that was started with `-incoming defer` goes on from the state."""
    machine.monitor.ask("migrate-incoming", uri=f"exec:zstd -dc '{state / MEMORY}'")
    _await_status(machine.monitor, "query-status", ("paused", "running", "prelaunch"), ("inmigrate",))
    machine.monitor.ask("cont")


def _make(namespace: FabricNamespace, image: Image, hardware: Hardware, made: Path) -> None:
    made.mkdir()
    name = f"making-{made.parent.name.strip('.')}"
    (namespace.work / name).mkdir(exist_ok=True)
    vm_disk.overlay(namespace, str(made / DISK), str(image.disk), "raw")
    devices = [*qemu.arguments(hardware), *qemu.disk(hardware, str(made / DISK))]
    machine = VmMachine(namespace, name, [*devices, *qemu.boot(image, qemu.kernel_line(hardware)), "-S"])
    try:
        machine.monitor.ask("set_link", name="card", up=False)
        machine.monitor.ask("cont")
        if machine.channel.await_boot(None, FIRST_BOOT) is None:
            said = (namespace.work / name / CONSOLE).read_text(errors="replace")[-500:]
            raise ControlError(f"the virtual machine did not boot: {machine.log[-200:]} its console: {said}")
        settle = "systemctl is-system-running --wait; sync; echo 3 >/proc/sys/vm/drop_caches"
        machine.channel.run(["/bin/sh", "-c", settle], b"", FIRST_BOOT, "/", {})
        machine.monitor.ask("stop")
        machine.monitor.ask("migrate-set-parameters", max_bandwidth=1 << 32)
        machine.monitor.ask("migrate", uri=f"exec:zstd -1 -q -o '{made / MEMORY}'")
        _await_status(machine.monitor, "query-migrate", ("completed",), ("setup", "active", "device", None))
    finally:
        machine.end()


def _await_status(monitor: Monitor, command: str, good: tuple[str, ...], going: tuple[str | None, ...]) -> None:
    end = time.monotonic() + MOVING
    while (status := monitor.ask(command).get("status")) not in good:
        if status not in going or time.monotonic() > end:
            raise ControlError(f"the machine's state could not be moved: {status}")
        time.sleep(TURN)
