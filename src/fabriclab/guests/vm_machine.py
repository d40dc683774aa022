"""One run of an emulated machine: its QEMU, monitor and serial port, inside the fabric's namespaces.

QEMU is in the namespaces' process namespace: the kernel ends it with their first process, that is with the lab, also by
kill -9. Its network card is a tap on the fabric's bridge.
"""

import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fabriclab.guests import qemu, vm_disk
from fabriclab.guests.control import ControlError
from fabriclab.guests.namespace import FabricNamespace
from fabriclab.guests.qmp import Monitor
from fabriclab.guests.vm_channel import Channel

SHELL = "shell.sock"  # beside the guest's files: where `fabriclab shell` goes in
CONSOLE = "console.log"
LOG = "qemu.log"
ENDING = 20.0
_INTO = ("nsenter", "--mount", "--net", "--pid", "--target")

Ended = Callable[["VmMachine"], None]


class VmMachine:
    """`hear`: events of QEMU; `ended`: QEMU has ended. Both are called in threads of the machine's own."""

    def __init__(
        self,
        namespace: FabricNamespace,
        name: str,
        arguments: list[str],
        hear: Callable[[str, dict[str, Any]], None] = lambda name, data: None,
        ended: Ended = lambda machine: None,
    ) -> None:
        self._namespace = namespace
        self._files = namespace.work / name
        (self._files / SHELL).unlink(missing_ok=True)
        ours, theirs = zip(*(socket.socketpair() for _ in range(2)), strict=True)
        place = f"{namespace.place}/{name}"
        sockets = qemu.sockets(theirs[0].fileno(), theirs[1].fileno(), f"{place}/{SHELL}", f"{place}/{CONSOLE}")
        tap(namespace)
        with open(self._files / LOG, "ab") as log:
            self._process = subprocess.Popen(
                [*_INTO, str(namespace.process), "--", qemu.PROGRAM, *arguments, *sockets],
                pass_fds=[end.fileno() for end in theirs],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        for end in theirs:
            end.close()
        self._ended = threading.Event()
        threading.Thread(target=self._await, args=(ended,), daemon=True).start()
        try:
            self.monitor = Monitor(ours[0], hear)
        except ControlError as problem:
            ours[1].close()
            self._ended.wait(ENDING)
            raise ControlError(f"the virtual machine did not start: {self.log[-500:] or problem}") from problem
        self.channel = Channel(ours[1])

    @property
    def is_running(self) -> bool:
        return not self._ended.is_set()

    @property
    def number(self) -> int:
        """QEMU's process id, as this machine numbers it."""
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        return int(children[0])

    @property
    def log(self) -> str:
        """What QEMU itself has said."""
        return (self._files / LOG).read_text(errors="replace").strip()

    def await_end(self, patience: float) -> bool:
        return self._ended.wait(patience)

    def end(self) -> None:
        """As if the plug was pulled."""
        if self.is_running:
            try:
                os.kill(self.number, signal.SIGKILL)
            except (OSError, IndexError):
                pass  # it has ended just now
            self._ended.wait(ENDING)
        self.monitor.close()
        self.channel.close()

    def _await(self, ended: Ended) -> None:
        self._process.wait()
        self._ended.set()
        ended(self)


def tap(namespace: FabricNamespace) -> None:
    """The machine's plug on the bridge: made once, and it stays when QEMU ends."""
    script = (
        'ip link show "$1" >/dev/null 2>&1 || '
        '{ ip tuntap add dev "$1" mode tap && ip link set "$1" master fab0 && ip link set "$1" up; }'
    )
    vm_disk.do(namespace, "sh", "-c", script, "sh", qemu.TAP)
