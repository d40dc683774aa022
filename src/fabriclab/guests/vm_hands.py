"""What is run and read in a virtual machine, through the port to the lab's service in it (vm_channel.py)."""

import base64
from pathlib import Path

from fabriclab.guests.control import ControlError
from fabriclab.guests.process import Completed
from fabriclab.guests.vm_channel import VmProcess
from fabriclab.guests.vm_machine import VmMachine

SLOWNESS = 10.0
"""An emulated processor is 17 to 40 times slower, but most of what is waited for is not work of the processor."""


class Hands:
    """`files`: the guest's corner of the work file system."""

    slowness = SLOWNESS

    def __init__(self, files: Path) -> None:
        self._corner = files
        self._running: VmMachine | None = None

    @property
    def files(self) -> Path:
        return self._corner

    @property
    def _machine(self) -> VmMachine:
        if self._running is None:
            raise ControlError("the guest is not running")
        return self._running

    def run(self, command: list[str], *, given: bytes = b"", timeout: float = 60.0, directory: str = "/") -> Completed:
        """Runs a program in the guest as root, to its end. `timeout`: of a machine that is not emulated."""
        return self._machine.channel.run(command, given, timeout * self.slowness, directory, {})

    def shell(self, text: str, timeout: float = 60.0) -> Completed:
        return self.run(["/bin/sh", "-c", text], timeout=timeout)

    def spawn(
        self, command: list[str], *, log: str | None = None, environment: dict[str, str] | None = None, directory: str = "/"
    ) -> VmProcess:
        """Starts a program and comes back. `log`: file beside the guest's disks that takes what it writes."""
        return self._machine.channel.spawn(command, self.files / log if log else None, directory, environment or {})

    def read(self, path: str) -> bytes | None:
        """A file as the guest sees it, following the guest's own links; None when there is none."""
        done = self.run(["/bin/sh", "-c", 'test -f "$1" && base64 -w0 "$1"', "read", path], timeout=20)
        return base64.b64decode(done.output) if done.ok else None

    def peek(self, path: str) -> bytes | None:
        """A file as the host sees it; what the guest made a link of is not followed."""
        done = self.run(["/bin/sh", "-c", 'test ! -L "/$1" && test -f "/$1" && base64 -w0 "/$1"', "peek", path], timeout=20)
        return base64.b64decode(done.output) if done.ok else None
