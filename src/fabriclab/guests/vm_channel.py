"""The lab's end of a virtual machine's serial port: programs are started and their ends told, as inside/hands.py says.

Odd: the port outlives the machine's boots. What was asked of the boot before is lost; its hands greet the lab when they are
back, with another boot id.
"""

import base64
import itertools
import json
import os
import secrets
import select
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fabriclab.guests.control import ControlError
from fabriclab.guests.process import ENVIRONMENT, Completed, GuestTimeout

LATE = 30.0  # seconds within which the start of a program is told

Write = Callable[[bytes], None]


class Channel:
    """`write`s of programs are called in the channel's own thread."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._sending = threading.Lock()
        self._changed = threading.Condition()
        self._numbers = itertools.count(1)
        self._programs: dict[int, VmProcess] = {}
        self._boot: str | None = None
        self._closed = False
        threading.Thread(target=self._listen, daemon=True).start()

    def await_boot(self, other_than: str | None, patience: float) -> str | None:
        """The id of a boot whose hands have greeted us, another than this one; None when none does in time."""
        if other_than is None:
            self._send({"do": "hello"})
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._boot not in (None, other_than), patience)
            return self._boot if self._boot != other_than else None

    @property
    def boot(self) -> str | None:
        return self._boot

    def start(self, do: str, command: list[str], write: Write | None = None, **more: Any) -> "VmProcess":
        """Raises ControlError when the machine does not tell that the program has started."""
        number = next(self._numbers)
        process = VmProcess(self, number, write)
        with self._changed:
            self._programs[number] = process
        self._send({"do": do, "id": number, "command": command, **more})
        process.await_start(LATE)
        return process

    def run(self, command: list[str], given: bytes, timeout: float, directory: str, environment: dict[str, str]) -> Completed:
        before = time.monotonic()
        process = self.start(
            "run",
            command,
            input=base64.b64encode(given).decode(),
            directory=directory,
            environment={**ENVIRONMENT, **environment},
        )
        if process.wait(timeout) is None:
            process.send_signal(signal.SIGKILL, group=True)
            process.wait(10.0)
            raise GuestTimeout(f"{command[0]} did not end within {time.monotonic() - before:.0f} s")
        return process.completed()

    def spawn(self, command: list[str], log: Path | None, directory: str, environment: dict[str, str]) -> "VmProcess":
        """Starts a program; what it writes is appended to `log`."""
        write: Write | None = None
        if log is not None:

            def write(data: bytes) -> None:
                with open(log, "ab") as file:
                    file.write(data)

        variables = {**ENVIRONMENT, **environment}
        return self.start("stream", command, write, directory=directory, environment=variables, terminal=False)

    def set_clock(self, patience: float = LATE) -> None:
        """Now, and randomness of its own: for a machine that goes on from a saved state."""
        number = next(self._numbers)
        process = VmProcess(self, number, None)
        with self._changed:
            self._programs[number] = process
        seed = base64.b64encode(secrets.token_bytes(64)).decode()
        self._send({"do": "clock", "id": number, "seconds": time.time(), "seed": seed})
        if process.wait(patience) != 0:
            raise ControlError("the machine's clock could not be set")

    def forget(self) -> None:
        """What runs there is gone: the machine has been reset."""
        with self._changed:
            programs, self._programs = list(self._programs.values()), {}
        for program in programs:
            program.end(-signal.SIGKILL, b"", b"")

    def tell(self, **message: Any) -> None:
        self._send(message)

    def close(self) -> None:
        try:
            self._end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._end.close()

    def _send(self, message: dict[str, Any]) -> None:
        try:
            with self._sending:
                self._end.sendall(json.dumps(message).encode() + b"\n")
        except OSError as problem:
            raise ControlError(f"the virtual machine is gone ({problem.strerror})") from problem

    def _listen(self) -> None:
        try:
            with self._end.makefile("rb") as lines:
                for line in lines:
                    self._take(line)
        except (OSError, ValueError):
            pass
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self.forget()

    def _take(self, line: bytes) -> None:
        try:
            message = json.loads(line)
        except ValueError:
            return  # half a line of a boot that has ended
        if "hello" in message:
            with self._changed:
                is_other = self._boot not in (None, message["hello"])
            if is_other:
                self.forget()
            with self._changed:
                self._boot = message["hello"]
                self._changed.notify_all()
            return
        process = self._programs.get(message.get("id"))
        if process is None:
            return
        if "number" in message:
            process.begin(message["number"])
        elif "data" in message:
            process.write(base64.b64decode(message["data"]))
        elif "status" in message:
            with self._changed:
                self._programs.pop(message["id"], None)
            process.end(message["status"], *(base64.b64decode(message[name]) for name in ("output", "errors")))


class VmProcess:
    """As process.GuestProcess. `number` is the process id inside the guest."""

    def __init__(self, channel: Channel, identity: int, write: Write | None) -> None:
        self.number = 0
        self.identity = identity
        self.write: Write = write or (lambda data: None)
        self._channel = channel
        self._begun = threading.Event()
        self._told, self._tell = os.pipe()
        self._status: int | None = None
        self._words = (b"", b"")

    def __del__(self) -> None:
        for end in (self._told, self._tell):
            if end >= 0:
                os.close(end)

    def fileno(self) -> int:
        """Becomes readable when the program has ended."""
        return self._told

    def poll(self) -> int | None:
        return self._status

    def wait(self, timeout: float | None = None) -> int | None:
        if self._status is None:
            select.select([self._told], [], [], timeout)
        return self._status

    def send_signal(self, number: int, group: bool = False) -> None:
        if self._status is None:
            self._channel.tell(do="signal", id=self.identity, number=int(number), group=group)

    def stop(self, patience: float = 10.0) -> int:
        self.send_signal(signal.SIGTERM)
        status = self.wait(patience)
        if status is None:
            self.send_signal(signal.SIGKILL, group=True)
            status = self.wait(patience)
        if status is None:
            raise GuestTimeout(f"process {self.number} survives SIGKILL")
        return status

    def completed(self) -> Completed:
        output, errors = (part.decode("utf-8", "replace") for part in self._words)
        return Completed(self._status if self._status is not None else -signal.SIGKILL, output, errors)

    def await_start(self, patience: float) -> None:
        if not self._begun.wait(patience):
            raise ControlError(f"the machine did not start a program within {patience:g} s")

    def begin(self, number: int) -> None:
        self.number = number
        self._begun.set()

    def end(self, status: int, output: bytes, errors: bytes) -> None:
        self._words, self._status = (output, errors), status
        tell, self._tell = self._tell, -1
        if tell >= 0:
            os.close(tell)
        self._begun.set()
