"""The virtual machine as a guest: an emulated computer with a kernel of its own on the fabric's bridge (guests recipe, part C).

Its first start goes on from a saved state where there can be one (vm_state.py), in about two seconds; else, and after a
power-off, it boots. Then the files of machine and agent are laid, and the disk as it is at that moment is the untouched guest.
Odd: the agent of the first start is started by the service manager of a machine that is up already; after a reboot it is part
of the boot. One that can only be part of a boot (`held_by`) is started by a second one, of the machine that was prepared.
"""

import subprocess
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from fabriclab.guests import machine, qemu, systemd, vm_card, vm_disk, vm_state, volumes
from fabriclab.guests.control import ControlError
from fabriclab.guests.diff import Change
from fabriclab.guests.machine import Machine
from fabriclab.guests.namespace import FabricNamespace
from fabriclab.guests.process import GuestTimeout
from fabriclab.guests.qemu import Hardware
from fabriclab.guests.sandbox import Disk
from fabriclab.guests.systemd import link
from fabriclab.guests.vm_drives import Drive, Drives
from fabriclab.guests.vm_hands import Hands
from fabriclab.guests.vm_image import Image
from fabriclab.guests.vm_machine import CONSOLE, VmMachine

BOOT_PATIENCE = 300.0
_OPEN = "{ read it </run/lab/reached; echo now >/run/lab/open; }"


class VmGuest(Hands):
    """`gate`, `idle`, `drop_in`, `on_end` and `boots` as of a SystemdGuest. `hardware`: also from the next power-on on.
    `held_by`: the word of the kernel's command line that keeps the agent out of a boot; to open the gate is to boot without."""

    is_enterable = True

    def __init__(
        self,
        namespace: FabricNamespace,
        look: Machine,
        image: Image,
        hardware: Hardware | None = None,
        name: str = "guest",
        held_by: str = "",
    ) -> None:
        super().__init__(namespace.work / name)
        self.namespace = namespace
        self.machine = look
        self.image = image
        own = Hardware.of(look, look.system_disk)
        self.hardware = hardware if hardware is not None else own
        self.gate: str | None = None
        self.drop_in = ""
        self.idle = False
        self.on_end: Callable[[bool], None] = lambda again: None
        self.boots = 0
        self._name = name
        self._held_by = held_by
        self._knows_cards = False  # whether it has the files for a second card
        self._is_kept_out = False  # whether this boot is one without an agent that is part of a boot
        self._static = look.address if look.address != Machine.address else None
        self._wanted: dict[str, Drive] = {}
        self._drives: Drives | None = None
        self._files = 0
        self._layers = 0  # of the system disk: what was written before the last one is a state to compare with
        self._holds = ""  # how the agent is let go
        self._has_gate = False  # whether this machine's boots stop before the agent
        self._changed = threading.Condition(threading.RLock())
        self._mounted = vm_disk.Mounted(namespace, f"{name}/seen")

    @property
    def agent_layer(self) -> Path:
        return self.files / "agent"

    @property
    def system_disk(self) -> str:
        """The file of the disk as the namespaces see it: a qcow2 image that is the running machine's alone."""
        return self._disk(self._layers)

    @property
    def process(self) -> int:
        """QEMU's, as this machine numbers it: what runs in the guest has no number here."""
        return self._machine.number

    @property
    def is_running(self) -> bool:
        return self._running is not None and self._running.is_running

    @property
    def console(self) -> str:
        """What was written to the serial line, over all boots."""
        path = self.files / CONSOLE
        return path.read_text(errors="replace") if path.exists() else ""

    def prepare(self, checkout: Path | None = None) -> None:
        for name in ("agent", "machine", "disks"):
            (self.files / name).mkdir(parents=True, exist_ok=True)
        layer = self.files / "machine"
        machine.write_layer(layer, self.machine, stand_ins=False)
        if self._static is not None:
            machine.write(layer / "etc/systemd/network/10-eth0.network", systemd.network(self.machine, self._static), 0o644)
        if self.machine.second_card is not None:
            vm_card.write(layer, self.machine.second_card)

    def enable(self, unit: str) -> None:
        """Has systemd start the agent's unit at boot, in the agent's layer."""
        link(self.agent_layer / "etc/systemd/system/multi-user.target.wants" / unit, f"/lib/systemd/system/{unit}")

    # -- disks

    def insert(self, disk: Disk, content: bytes, size: int | None = None) -> None:
        """A disk for the next boot, from its first bytes; `size`: bytes in all, the rest empty."""
        self._make(disk, lambda path: _write(path, content, size))

    def insert_image(self, disk: Disk, image: volumes.Image) -> None:
        """A disk that is made for the next boot; one of that name that is in the machine stays what it is until then."""
        self._make(disk, lambda path: volumes.build(path, image))

    def remove(self, name: str) -> None:
        """Takes a disk out, from the next boot on."""
        self._wanted.pop(name, None)

    @property
    def disks(self) -> tuple[str, ...]:
        """Names of what is in it, or will be with the next boot."""
        return tuple(self._wanted)

    def attach_image(self, disk: Disk, image: volumes.Image) -> None:
        """Puts a disk into the running machine, with its partitions."""
        self.insert_image(disk, image)
        self._bring()

    def attach(self, disk: Disk, content: bytes, size: int | None = None) -> None:
        """Puts a disk into the running machine."""
        self.insert(disk, content, size)
        self._bring()

    def detach(self, name: str) -> None:
        self.remove(name)
        if self.is_running:
            self._bring()

    # -- power

    def start(self) -> None:
        """Comes back when the guest is up and, where there is one to hold, the agent is not started yet."""
        if self.is_running:
            raise ControlError("the guest is running already")
        if self._layers == 0:
            self._start_first()
        else:
            self._start_again()

    def stop(self) -> None:
        """Power off: as if the plug was pulled."""
        with self._changed:
            running, self._running = self._running, None
            self._drives = None
            self._changed.notify_all()
        if running is not None:
            running.end()

    def reboot(self) -> None:
        """A shutdown as the platform asks for one, and a start."""
        if self.is_running:
            self._write_everything()
            self.run(["systemctl", "poweroff", "--no-block"], timeout=20)
            self.await_end(BOOT_PATIENCE)
        self.stop()
        self.start()

    def await_boot(self, patience: float = BOOT_PATIENCE) -> str:
        """Until systemd has started everything: "running", or "degraded" when a unit failed."""
        done = self.run(["timeout", f"{patience:g}", "systemctl", "is-system-running", "--wait"], timeout=patience)
        return done.output.strip()

    def await_boots(self, count: int, patience: float = BOOT_PATIENCE) -> None:
        """Until the guest has come up for the `count`th time, after a reboot from inside."""
        with self._changed:
            if not self._changed.wait_for(lambda: self.boots >= count and self.is_running, patience):
                raise ControlError(f"no reboot within {patience:g} s; console: {self.console[-500:]}")

    def await_end(self, patience: float) -> bool:
        """Until the guest has powered itself off."""
        running = self._running
        return running is None or running.await_end(patience)

    def open_gate(self) -> bool:
        """Lets the agent start; False when it is not held back: then whoever asks may start the unit."""
        self.idle = False
        if self._is_kept_out:
            self._shut_down()
            self._start_again()
            return True
        held, self._holds = self._holds, ""
        return bool(held) and self.shell(held).ok

    def pause(self, *, over: bool = False) -> None:
        """The machine stands still, as while it is moved; `over`: it goes on, with the clock that it has then."""
        self._machine.monitor.ask("cont" if over else "stop")

    def look_like(self, **changes: object) -> None:
        self.machine = replace(self.machine, **changes)  # type: ignore[arg-type]

    # -- inside

    def keep(self, place: Path) -> None:
        """Copies what differs to a new directory."""
        place.mkdir()
        names = [change.path.lstrip("/") for change in self.changes() if change.after is not None]
        command = ["tar", "-c", "-C", str(self.upper), "--no-recursion", "--null", "-T", "-"]
        packed = subprocess.run(command, input="\0".join(names).encode(), capture_output=True, timeout=120, check=True).stdout
        subprocess.run(["tar", "-x", "-p", "-C", str(place)], input=packed, timeout=120, check=True)

    @property
    def upper(self) -> Path:
        """The whole disk, as it was when it was last looked at."""
        return self._mounted.place("after")

    @property
    def untouched(self) -> Path:
        """The disk before the agent's first start, once `changes` has looked at it."""
        return self._mounted.place("before")

    def changes(self) -> tuple[Change, ...]:
        """What differs from the guest before the agent's first start, on its disk; the machine stands still for it."""
        after = self._look()
        if not self._mounted.has("before"):
            self._mounted.mount("before", self._disk(1))
        own = tuple(f"{name}/" for name in (*systemd.OF_THE_MACHINE, "/lost+found"))
        found = vm_disk.compare(self._mounted.place("before"), after)
        return tuple(change for change in found if not f"{change.path}/".startswith((*own, "/tmp/systemd-private-")))

    def _look(self) -> Path:
        """The disk as it is now, mounted."""
        running = self.is_running
        if running:
            self._write_everything()
            self.pause()
        try:
            return self._mounted.mount("after", self._disk(self._layers))
        finally:
            if running:
                self.pause(over=True)
                self._machine.channel.set_clock()

    # -- from within

    @property
    def _generation(self) -> int:
        return 2 if any(drive.seat.at == "gen2" for drive in self._wanted.values()) else 1

    def _disk(self, layer: int) -> str:
        return f"{self.namespace.place}/{self._name}/disks/system-{layer}.qcow2"

    def _shut_down(self) -> None:
        """A power-off that the lab wants: it is no end of the guest by itself."""
        self._write_everything()
        self.run(["systemctl", "poweroff", "--no-block"], timeout=20)
        with self._changed:
            running, self._running = self._machine, None
        running.await_end(BOOT_PATIENCE)
        running.end()

    def _start_first(self) -> None:
        words = (self._held_by,) if self._held_by else ()
        first = replace(self.hardware, words=words)
        state = vm_state.obtain(self.namespace, self.image, first) if self.hardware.root == qemu.SCSI else None
        below = (str(state / vm_state.DISK), "qcow2") if state is not None else (str(self.image.disk), "raw")
        vm_disk.overlay(self.namespace, self._disk(1), *below)
        self._layers = 1
        self._launch(() if state is None else ("-incoming", "defer"), words)
        if state is not None:
            vm_state.resume(self._machine, state)
        self._await_hands(None)
        self._machine.channel.set_clock()
        if self._generation != self.hardware.generation:
            self.run(["/bin/sh", "/usr/lib/fabriclab/machine.sh", str(self._generation)])
        self._bring()
        self._lay()
        self._machine.monitor.ask("set_link", name="card", up=True)
        self._write_everything()
        self._keep_untouched()
        self._is_kept_out = bool(self._held_by)
        self._holds = f"systemctl start --no-block {self.gate}" if self.gate is not None else ""
        self._count()

    def _start_again(self) -> None:
        if self._held_by:
            self._start_with_agent()
            return
        held = self.gate is not None and not self.idle
        words = ("lab.gate",) if held else (f"systemd.mask={self.gate}",) if self.gate is not None else ()
        self._has_gate = held
        self._launch((), words)
        self._await_hands(None)
        self._holds = _OPEN if held else self._unmask() if self.gate is not None else ""
        if not held:
            self.await_boot()
        self._count()

    def _start_with_agent(self) -> None:
        """A boot of which the agent is a part, unless it is to be complete without."""
        mask = () if self.gate is None else (f"systemd.mask={self.gate}",)
        self._launch((), (self._held_by, *mask) if self.idle else ())
        self._is_kept_out = self.idle
        self._await_hands(None)
        if self.idle:
            self.await_boot()
        self._count()

    def _unmask(self) -> str:
        place = f"/run/systemd/generator.early/{self.gate}"
        return f"rm -f {place}; systemctl daemon-reload; systemctl start --no-block {self.gate}"

    def _make(self, disk: Disk, write: Callable[[Path], None]) -> None:
        """Another file for each: the one before may be in use."""
        self._files += 1
        name = f"{self._files}-{disk.image}"
        write(self.files / "disks" / name)
        self._wanted[disk.name] = Drive(disk.name, f"{self.namespace.place}/{self._name}/disks/{name}", disk.seat)

    def _launch(self, more: tuple[str, ...], words: tuple[str, ...] = ()) -> None:
        line = qemu.kernel_line(replace(self.hardware, generation=self._generation), words)
        arguments = [
            *qemu.arguments(self.hardware),
            *qemu.disk(self.hardware, self._disk(self._layers), starts=self.image.own is not None),
            *qemu.boot(self.image, line),
            *self._firmware(),
            *(more or ("-S",)),
        ]
        running = VmMachine(self.namespace, self._name, arguments, self._hear, self._has_ended)
        with self._changed:
            self._running, self._drives = running, Drives(running.monitor)
        if not more:
            self._bring()
            if self._knows_cards:
                self._plug()
            running.monitor.ask("cont")

    def _firmware(self) -> list[str]:
        """Of a machine that does not start straight into a kernel of the lab's."""
        return []

    def _plug(self) -> None:
        """The second card: in the first boot once the machine has the files for it."""
        if self.machine.second_card is not None:
            vm_card.plug(self.namespace, self._machine.monitor)

    def _lay(self) -> None:
        """The files of machine and agent, over those of the image."""
        for layer in (self.files / "machine", self.agent_layer):
            packed = subprocess.run(["tar", "-c", "-C", str(layer), "."], capture_output=True, timeout=60, check=True).stdout
            options = ["--numeric-owner", "--no-overwrite-dir", "--keep-directory-symlink"]
            done = self.run(["tar", "-x", "-C", "/", *options], given=packed)
            if not done.ok:
                raise ControlError(f"the agent's files could not be laid: {done.errors.strip()}")
        script = "hostname -F /etc/hostname; systemctl try-restart systemd-hostnamed"
        if self._static is not None:
            script += "; networkctl reload"
        if self.drop_in and self.gate is not None:
            place = f"/etc/systemd/system/{self.gate}.d"
            done = self.run(["/bin/sh", "-c", f"mkdir -p {place} && cat >{place}/lab.conf"], given=self.drop_in.encode())
        self.shell(f"{script}; udevadm settle")
        self._knows_cards = True
        if self.machine.second_card is not None:
            self._plug()
            self.shell(vm_card.SETTLED)

    def _keep_untouched(self) -> None:
        self._layers += 1
        self._machine.monitor.ask(
            "blockdev-snapshot-sync", node_name="root", snapshot_file=self._disk(2), snapshot_node_name="root-2", format="qcow2"
        )

    def _write_everything(self) -> None:
        self.run(["sync"], timeout=30)

    def _bring(self) -> None:
        assert self._drives is not None
        self._drives.bring(self._wanted)

    def _await_hands(self, other_than: str | None) -> None:
        if self._machine.channel.await_boot(other_than, BOOT_PATIENCE) is None:
            raise ControlError(f"the guest did not boot; its console: {self.console[-500:]} {self._machine.log[-200:]}")

    def _count(self) -> None:
        with self._changed:
            self.boots += 1
            self._changed.notify_all()

    def _hear(self, name: str, data: dict[str, Any]) -> None:
        """Events of the machine, in the monitor's thread: nothing may be asked of the monitor here."""
        if self._drives is not None:
            self._drives.hear(name, data)
        if name == "RESET" and data.get("guest"):
            threading.Thread(target=self._come_up, daemon=True).start()

    def _come_up(self) -> None:
        """The guest boots again by itself. A boot that the lab began holds the agent back: so does this one, for a moment."""
        running = self._running
        if running is None:
            return
        before = running.channel.boot
        running.channel.forget()
        self.on_end(True)
        try:
            self._bring()
            if running.channel.await_boot(before, BOOT_PATIENCE) is None:
                return
            if self._has_gate:
                self.shell(_OPEN, timeout=BOOT_PATIENCE)
            self._count()
        except (ControlError, GuestTimeout):
            pass  # the lab has ended, or whoever waits for this boot is told that it did not come

    def _has_ended(self, running: VmMachine) -> None:
        with self._changed:
            by_itself = self._running is running
            self._changed.notify_all()
        if by_itself:
            self.on_end(False)


def _write(path: Path, content: bytes, size: int | None) -> None:
    with open(path, "wb") as file:
        file.write(content)
        file.truncate(size)
