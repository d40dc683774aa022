"""Programs that the lab starts in a guest: spawned, signalled, and their ends told, by a process that reads the lab's channel.

In a plain sandbox that is the guest's first process, which also reaps every orphan. In a guest with a service manager it is the
process outside that waits for the guest: its children are in the guest, their parent is not, as with `nsenter`. Either way the
lab speaks of processes by the numbers that they have inside. Standard library only.
"""

import ctypes
import errno
import json
import os
import select
import signal
import socket
from typing import Any, NoReturn

from fabriclab.guests import cgroups, control
from fabriclab.guests.nodes import Nodes, open_kernel_events


class Server:
    """`first`: the guest's first process, where that is another one; its end is the end of the service."""

    def __init__(self, channel: socket.socket, nodes: Nodes, first: int | None = None) -> None:
        self._channel = channel
        self._nodes = nodes
        self._first = first
        self._waiting: dict[int, tuple[int, int]] = {}  # our number -> the guest's, and the descriptor on which its end is told
        self._status: int | None = None

    def serve(self) -> int | None:
        """Until the channel ends, or the first process does: then what it ended with, negative for a signal."""
        wake_read, wake_write = os.pipe()
        os.set_blocking(wake_write, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        events = open_kernel_events()
        self._nodes.begin()
        sources = [self._channel.fileno(), wake_read, *([events.fileno()] if events is not None else [])]
        self._reap()  # what ended before the signal was listened to
        while self._status is None:
            ready, _, _ = select.select(sources, [], [], self._nodes.patience())
            if not ready:
                self._nodes.complete()
            if events is not None and events.fileno() in ready:
                self._nodes.follow(events.recv(8192))
            if wake_read in ready:
                os.read(wake_read, 512)
                self._reap()
            if self._channel.fileno() in ready and self._status is None and not self._answer():
                break
        return self._status

    def _answer(self) -> bool:
        message, descriptors = control.receive(self._channel)
        if message is None:
            return False
        try:
            if message["do"] == "spawn":
                control.send(self._channel, {"ok": self._spawn(message, descriptors)})
            elif message["do"] == "disk":
                (self._nodes.learn if message["there"] else self._nodes.forget)(message["name"], message["minor"])
                control.send(self._channel, {"ok": None})
            else:
                self._kill(message["process"], message["signal"], message["group"])
                control.send(self._channel, {"ok": None})
        except OSError as problem:
            control.send(self._channel, {"error": str(problem)})
        return True

    def _spawn(self, message: dict[str, Any], descriptors: tuple[int, ...]) -> int:
        """descriptors: standard input, output, error, and where the exit is told."""
        *standard, told = descriptors
        say_read, say_write = os.pipe()
        try:
            process = os.fork()
            if process == 0:
                os.write(say_write, str(os.getpid()).encode())
                _execute(message, standard, from_outside=self._first is not None)
        finally:
            os.close(say_write)
            for descriptor in standard:
                os.close(descriptor)
        inside = int(os.read(say_read, 16) or 0)
        os.close(say_read)
        self._waiting[process] = inside, told
        return inside

    def _kill(self, inside: int, number: int, group: bool) -> None:
        for process, (name, _) in self._waiting.items():
            if name == inside:
                try:
                    (os.killpg if group else os.kill)(process, number)
                except ProcessLookupError:
                    pass
                return

    def _reap(self) -> None:
        while True:
            try:
                process, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if process == 0:
                return
            if process == self._first:
                self._status = os.waitstatus_to_exitcode(status)
            _, told = self._waiting.pop(process, (0, -1))
            if told >= 0:
                try:
                    os.write(told, json.dumps(os.waitstatus_to_exitcode(status)).encode())
                except BrokenPipeError:
                    pass
                os.close(told)


def _execute(message: dict[str, Any], standard: list[int], from_outside: bool) -> NoReturn:
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGPIPE, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    try:
        os.setsid()
        for target, descriptor in enumerate(standard):
            os.dup2(descriptor, target)
        os.closerange(3, 4096)
        if from_outside:
            cgroups.join_as_init()
        if message["terminal"]:
            ctypes.CDLL(None).ioctl(0, 0x540E, 0)  # TIOCSCTTY: our terminal, for job control in a shell
        os.chdir(message["directory"])
        if message["user"]:
            _become(message["user"])
        os.execvpe(message["command"][0], message["command"], message["environment"])
    except (OSError, ValueError, KeyError) as problem:
        missing = isinstance(problem, OSError) and problem.errno == errno.ENOENT
        os.write(2, f"{message['command'][0]}: {problem}\n".encode())
        os._exit(127 if missing else 126)


def _become(user: str) -> None:
    """Only numbers: names are the guest's, and this process may not load name services of the guest's root."""
    identity, group = (int(part) for part in user.split(":"))
    os.setgroups([])
    os.setresgid(group, group, group)
    os.setresuid(identity, identity, identity)
