"""A shell inside a virtual machine, from another process than the lab: through the machine's second serial port.

Nothing of it is seen on the network, and nobody has to be able to log in. One at a time: whoever comes second waits.
"""

import base64
import os
import select
import signal
import socket
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fabriclab.guests.control import ControlError
from fabriclab.guests.namespace import PLACES
from fabriclab.guests.process import ENVIRONMENT
from fabriclab.guests.vm_channel import Channel, VmProcess
from fabriclab.guests.vm_machine import SHELL

GREETING = 30.0
LOST = 255


def door(fabric: int) -> Path | None:
    """The socket of the machine that a lab's fabric has; None: its guest is no virtual machine, or it is off."""
    found = (Path(f"/proc/{fabric}/root{place}/guest/{SHELL}") for place in PLACES)
    return next((path for path in found if path.is_socket()), None)


def converse(path: Path, command: list[str]) -> int:
    """Runs a program to its end, on this terminal where there is one; its exit status. Else it gets no input."""
    with socket.socket(socket.AF_UNIX) as end:
        end.connect(str(path))
        channel = Channel(end)
        if channel.await_boot(None, GREETING) is None:
            raise ControlError("the machine does not answer: it boots, or another shell is in it")
        at_terminal = sys.stdin.isatty()
        environment = {**ENVIRONMENT, "TERM": os.environ.get("TERM", "dumb") if at_terminal else "dumb"}
        more = {"directory": "/root", "environment": environment, "terminal": at_terminal}
        with _raw(at_terminal):
            process = channel.start("stream", command, lambda data: _write(data), **more)
            if at_terminal:
                _follow(channel, process)
            status = process.wait()
        channel.close()
    return LOST if status is None else status if status >= 0 else 128 - status


def _follow(channel: Channel, process: VmProcess) -> None:
    """What is typed goes there until the program has ended, and the size of the terminal with it."""
    seen: os.terminal_size | None = None
    signal.signal(signal.SIGWINCH, lambda *_: None)  # only wakes the wait
    while process.poll() is None:
        size = os.get_terminal_size(sys.stdin.fileno())
        if size != seen:
            channel.tell(do="size", id=process.identity, rows=size.lines, columns=size.columns)
            seen = size
        ready, _, _ = select.select([sys.stdin.fileno(), process.fileno()], [], [], 1.0)
        if sys.stdin.fileno() in ready:
            typed = os.read(sys.stdin.fileno(), 4096)
            channel.tell(do="input", id=process.identity, data=base64.b64encode(typed).decode())


@contextmanager
def _raw(at_terminal: bool) -> Iterator[None]:
    if not at_terminal:
        yield
        return
    before = termios.tcgetattr(sys.stdin.fileno())
    tty.setraw(sys.stdin.fileno())
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, before)


def _write(data: bytes) -> None:
    while data:
        data = data[os.write(sys.stdout.fileno(), data) :]
