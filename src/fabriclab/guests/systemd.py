"""The guest with a service manager: a sandbox whose first process is /sbin/init of a Debian root (guests recipe, part B).

What systemd does in it is real: units, slices, limits, journal, networkd, logind, `systemctl reboot` (same disk, new boot) and
`poweroff`. eth0 is networkd's. Odd: no udev runs, for the kernel's devices are the machine's; and the unit of the agent can
be held back by a gate that exists below /run only, so that what a scenario does before the agent starts is done in a booted
guest while systemd itself starts the agent.
"""

import os
import re
import select
import threading
import tty
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from fabriclab.guests import control, machine
from fabriclab.guests.diff import Change
from fabriclab.guests.machine import Machine
from fabriclab.guests.namespace import FabricNamespace
from fabriclab.guests.process import GuestTimeout
from fabriclab.guests.sandbox import Sandbox

# What a root needs for it. udev: for its rules, which packages come with.
PACKAGES = ("dbus", "init-system-helpers", "libpam-systemd", "systemd", "systemd-sysv", "udev")
OF_SUITE = {"trixie": ("python3-crypt-r",), "sid": ("python3-crypt-r",)}
# From 256 on systemd takes version 1 control groups only when it is told so; from 258 on not at all.
ENVIRONMENT = {"SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE": "1"}
ONLY_UNIFIED = 258
REBOOTED = 128 + 1  # what guest_init makes of the signal; another is a power-off

CONSOLE = "console.log"  # beside the guest's layers: what is written to /dev/console
BOOT_PATIENCE = 60.0

# What a Debian machine itself writes when it boots and when somebody logs in: no agent's doing.
OF_THE_MACHINE = (
    "/etc/machine-id",
    "/etc/.updated",
    "/etc/.pwd.lock",
    "/var/.updated",
    "/var/cache/ldconfig",
    "/var/lib/dbus",
    "/var/lib/private",
    "/var/lib/systemd",
    "/var/log/btmp",
    "/var/log/journal",
    "/var/log/lastlog",
    "/var/log/private",
    "/var/log/wtmp",
    "/var/tmp",
)

_ETC = "etc/systemd/system"
_LIB = "/lib/systemd/system"
LINKS = {  # as `systemctl enable systemd-networkd` makes them; ifupdown, which the root has as well, is not to do anything
    f"{_ETC}/networking.service": "/dev/null",
    f"{_ETC}/dbus-org.freedesktop.network1.service": f"{_LIB}/systemd-networkd.service",
    f"{_ETC}/multi-user.target.wants/systemd-networkd.service": f"{_LIB}/systemd-networkd.service",
    f"{_ETC}/network-online.target.wants/systemd-networkd-wait-online.service": f"{_LIB}/systemd-networkd-wait-online.service",
    f"{_ETC}/sockets.target.wants/systemd-networkd.socket": f"{_LIB}/systemd-networkd.socket",
}
_WANTED = "/run/lab/agent"
_BEACON = """[Unit]
Description=the lab: {about}
Wants=network-online.target
After=network-online.target
{order}

[Service]
Type=oneshot
TimeoutStartSec=infinity
ExecStart=/bin/sh -c 'echo here >/run/lab/reached{then}'
"""


class SystemdGuest(Sandbox):
    """`gate`: the agent's unit, which waits for `open_gate` in boots that the lab begins; `drop_in`: what the lab adds to it;
    `idle`: boots are to be complete without the agent, until somebody starts it.
    `on_end` is called when the guest has ended by itself, with whether it comes up again: after a reboot from inside."""

    def __init__(self, namespace: FabricNamespace, look: Machine, root: Path, name: str = "guest") -> None:
        super().__init__(namespace, replace(look, address=None, routes=()), root, name)
        self.gate: str | None = None
        self.drop_in = ""
        self.idle = False
        self.on_end: Callable[[bool], None] = lambda again: None
        self.boots = 0
        self._static = look.address if look.address != Machine.address else None
        self._look = look
        self._holds = False
        self._changed = threading.Condition(threading.RLock())
        self._console: _Console | None = None

    def prepare(self, checkout: Path | None = None) -> None:
        super().prepare(checkout)
        layer = self.files / "machine"
        machine.write(layer / "etc/machine-id", "", 0o444)
        machine.write(layer / "etc/systemd/network/10-eth0.network", network(self._look, self._static), 0o644)
        for name, target in LINKS.items():
            link(layer / name, target)

    def enable(self, unit: str) -> None:
        """Has systemd start the agent's unit at boot, in the agent's layer."""
        link(self.agent_layer / f"{_ETC}/multi-user.target.wants" / unit, f"{_LIB}/{unit}")

    def start(self) -> None:
        """Boots the guest; comes back when the gate is reached, or without one when the boot is complete."""
        self._boot(None if self.idle else self.gate)

    def open_gate(self) -> bool:
        """Lets the boot go on; False when it is not held back: then whoever asks may start the unit."""
        if self.idle:
            self.idle = False
            self.run(["touch", _WANTED], timeout=20)
        held, self._holds = self._holds, False
        return held and self.run(["/bin/sh", "-c", "echo now >/run/lab/open"], timeout=20).ok

    def await_boot(self, patience: float = BOOT_PATIENCE) -> str:
        """Until systemd has started everything: "running", or "degraded" when a unit failed."""
        return self.shell(f"timeout {patience:g} systemctl is-system-running --wait", timeout=patience + 5).output.strip()

    def await_boots(self, count: int, patience: float = BOOT_PATIENCE) -> None:
        """Until the guest has come up for the `count`th time, after a reboot from inside."""
        with self._changed:
            if not self._changed.wait_for(lambda: self.boots >= count and self.is_running, patience):
                raise control.ControlError(f"no reboot within {patience:g} s; console: {self.console[-500:]}")

    def await_end(self, patience: float) -> bool:
        """Until the guest has powered itself off."""
        with self._changed:
            return self._changed.wait_for(lambda: not self.is_running, patience)

    def stop(self) -> None:
        with self._changed:
            super().stop()
            console, self._console = self._console, None
            self._changed.notify_all()
        if console is not None:
            console.close()

    def reboot(self) -> None:
        """A shutdown as the platform asks for one, and a start."""
        if self.is_running:
            self.run(["systemctl", "poweroff", "--no-block"], timeout=20)
            self.await_end(BOOT_PATIENCE)
        self.stop()
        self.start()

    @property
    def console(self) -> str:
        path = self.files / CONSOLE
        return path.read_text(errors="replace") if path.exists() else ""

    def changes(self) -> tuple[Change, ...]:
        """As a sandbox's, without what every Debian machine writes itself."""
        own = tuple(f"{name}/" for name in OF_THE_MACHINE)
        return tuple(change for change in super().changes() if not f"{change.path}/".startswith(own))

    def _boot(self, gate: str | None) -> None:
        with self._changed:
            self._holds = gate is not None
            if self._console is None:
                self._console = _Console(self.files / CONSOLE)
            super().start()
            booted = self._running()
        threading.Thread(target=self._watch, args=(booted.waiter, os.dup(booted.watch)), daemon=True).start()
        reached = self.run(["/bin/sh", "-c", "read it </run/lab/reached"], timeout=BOOT_PATIENCE)
        if not reached.ok:
            raise control.ControlError(f"the guest did not boot: {reached.errors}; its console: {self.console[-500:]}")
        if gate is None:
            self.await_boot()
        with self._changed:
            self.boots += 1
            self._changed.notify_all()

    def _watch(self, waiter: int, watch: int) -> None:
        """Sees the guest end by itself: it comes up again after a reboot, and stays off after a power-off."""
        select.select([watch], [], [])
        os.close(watch)
        with self._changed:
            if self._booted is None or self._booted.waiter != waiter:
                return
            status = self._ended(waiter)
            self._changed.notify_all()
        if status is not None:
            self.on_end(status == REBOOTED)
        if status == REBOOTED:
            try:
                self._boot(None)
            except (control.ControlError, GuestTimeout):
                pass  # the lab has ended, or whoever waits for this boot is told that it did not come

    def _ended(self, waiter: int) -> int | None:
        try:
            status, _ = self.namespace.channel.ask("await", waiter=waiter)
            super().stop()
        except control.ControlError:
            return None
        return int(status)

    def _specification(self, place: str, devices: list[list[Any]], media: list[list[str]]) -> dict[str, Any]:
        assert self._console is not None
        unit = "systemd/system/lab-beacon.service"
        order, then = (f"Before={self.gate}", "; read it </run/lab/open") if self._holds else ("After=sysinit.target", "")
        about = "what is done before the agent starts" if self._holds else "the guest is up"
        runtime: dict[str, str | None] = {
            "lab/reached": None,
            "lab/open": None,
            unit: _BEACON.format(about=about, order=order, then=then),
            "systemd/system/multi-user.target.wants/lab-beacon.service": f"-> /run/{unit}",
        }
        condition = f"[Unit]\nConditionPathExists={_WANTED}\n" if self.idle else ""
        if self.gate is not None and (self.drop_in or condition):
            runtime[f"systemd/system/{self.gate}.d/lab.conf"] = self.drop_in + condition
        return {
            **super()._specification(place, devices, media),
            "init": ["/sbin/init"],
            "environment": ENVIRONMENT,
            "unified": version(self._root) >= ONLY_UNIFIED,
            "runtime": runtime,
            "console": self._console.name,
        }


class _Console:
    """A terminal whose far end is the guest's /dev/console; what comes out of it is appended to a file."""

    def __init__(self, log: Path) -> None:
        try:
            self._near, self._far = os.openpty()
        except OSError as problem:
            raise control.ControlError(f"no terminal for the guest's console: {problem}") from problem
        tty.setraw(self._far)
        self.name = os.ttyname(self._far)
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._leave, self._left = os.pipe()
        self._thread = threading.Thread(target=self._copy, daemon=True)
        self._thread.start()

    def close(self) -> None:
        os.close(self._left)
        self._thread.join(5.0)
        for descriptor in (self._near, self._far, self._log, self._leave):
            os.close(descriptor)

    def _copy(self) -> None:
        while True:
            ready, _, _ = select.select([self._near, self._leave], [], [])
            if self._near in ready:
                os.write(self._log, os.read(self._near, 65536))
            elif ready:
                return


def version(root: Path) -> int:
    """Of the root's systemd, by the library that carries it in its name; 0 when it cannot be told."""
    found = next(iter(root.glob("usr/lib/*/systemd/libsystemd-shared-*.so")), None)
    number = re.match(r"libsystemd-shared-(\d+)", found.name) if found is not None else None
    return int(number[1]) if number is not None else 0


def network(look: Machine, static: str | None) -> str:
    """networkd's file for eth0: by DHCP, or `static`. Nothing that would make the network wait for IPv6."""
    lines = ["[Match]", "Name=eth0", "", "[Network]", "LinkLocalAddressing=no", "IPv6AcceptRA=no"]
    if static is None:
        return "\n".join([*lines, "DHCP=ipv4"]) + "\n"
    lines += [f"Address={static}", f"Gateway={look.gateway}"]
    for route in look.routes:
        lines += ["", "[Route]", f"Destination={route}", f"Gateway={look.gateway}"]
    return "\n".join(lines) + "\n"


def link(path: Path, target: str) -> None:
    for parent in reversed([parent for parent in path.parents if not parent.exists()]):
        parent.mkdir(mode=0o755)
    if not path.is_symlink():
        path.symlink_to(target)
