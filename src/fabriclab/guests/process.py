"""A program running in a guest, as the lab holds it: started by the guest's first process, its end told over a pipe."""

import json
import os
import select
import signal
import time
from dataclasses import dataclass
from typing import IO

from fabriclab.guests import control

ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "TERM": "dumb",
}


class GuestTimeout(Exception):
    """The program did not end in time."""


@dataclass(frozen=True)
class Completed:
    """Exit status (negative: the signal that ended it) and what was written."""

    status: int
    output: str
    errors: str

    @property
    def ok(self) -> bool:
        return self.status == 0


class GuestProcess:
    """`number` is the process id inside the guest."""

    def __init__(self, channel: control.Channel, number: int, told: int) -> None:
        self.number = number
        self._channel = channel
        self._told = told
        self._status: int | None = None

    def fileno(self) -> int:
        """Becomes readable when the program has ended: for an event loop."""
        return self._told

    def poll(self) -> int | None:
        return self.wait(0.0)

    def wait(self, timeout: float | None = None) -> int | None:
        """Exit status, negative for a signal; None when it still runs after `timeout` seconds."""
        if self._status is None and select.select([self._told], [], [], timeout)[0]:
            text = os.read(self._told, 64)
            os.close(self._told)
            self._told = -1
            self._status = json.loads(text) if text else -signal.SIGKILL  # end of file: the whole guest is gone
        return self._status

    def send_signal(self, number: int, group: bool = False) -> None:
        if self._status is None:
            self._channel.ask("kill", process=self.number, signal=int(number), group=group)

    def stop(self, patience: float = 10.0) -> int:
        """SIGTERM, and SIGKILL to its session's group when that does not end it within `patience` seconds."""
        self.send_signal(signal.SIGTERM)
        status = self.wait(patience)
        if status is None:
            self.send_signal(signal.SIGKILL, group=True)
            status = self.wait(patience)
        if status is None:
            raise GuestTimeout(f"process {self.number} survives SIGKILL")
        return status


def spawn(
    channel: control.Channel,
    command: list[str],
    *,
    standard: tuple[int, int, int],
    environment: dict[str, str] | None = None,
    directory: str = "/",
    user: str = "",
    terminal: bool = False,
) -> GuestProcess:
    told_read, told_write = os.pipe()
    try:
        number, _ = channel.ask(
            "spawn",
            descriptors=(*standard, told_write),
            command=command,
            environment={**ENVIRONMENT, **(environment or {})},
            directory=directory,
            user=user,
            terminal=terminal,
        )
    except control.ControlError:
        os.close(told_read)
        raise
    finally:
        os.close(told_write)
    return GuestProcess(channel, int(number), told_read)


def run(
    channel: control.Channel,
    command: list[str],
    *,
    given: bytes = b"",
    timeout: float = 60.0,
    environment: dict[str, str] | None = None,
    directory: str = "/",
    user: str = "",
) -> Completed:
    """Runs a program to its end. Output goes to memory files, so that a child that keeps it open cannot hold us up."""
    with _memory(given) as inward, _memory() as output, _memory() as errors:
        standard = (inward.fileno(), output.fileno(), errors.fileno())
        process = spawn(channel, command, standard=standard, environment=environment, directory=directory, user=user)
        before = time.monotonic()
        status = process.wait(timeout)
        if status is None:
            process.send_signal(signal.SIGKILL, group=True)
            process.wait(5.0)
            raise GuestTimeout(f"{command[0]} did not end within {time.monotonic() - before:.0f} s")
        return Completed(status, _text(output), _text(errors))


def _memory(content: bytes = b"") -> IO[bytes]:
    file = os.fdopen(os.memfd_create("lab", os.MFD_CLOEXEC), "w+b", buffering=0)
    file.write(content)
    file.seek(0)
    return file


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "replace")
