"""Inside a virtual machine: starts what the lab asks for, over virtio serial ports, one line of JSON per message.

The file is copied into the guest as it is: standard library only, and little of it, for a start of Python takes half a second
there. It is a unit of the guest's service manager, and comes back with every boot.

From the lab: {"do": "hello"}; {"do": "run" | "stream", "id", "command", "environment", "directory", "input", "terminal"};
{"do": "signal", "id", "number", "group"}; {"do": "input", "id", "data"}; {"do": "size", "id", "rows", "columns"};
{"do": "clock", "seconds", "seed"}. To the lab: {"hello": boot id}; {"id", "number"} when a program has started; {"id", "data"}
as it writes; {"id", "status", "output", "errors"} at its end. Bytes are base64.
Odd: a port whose far end is closed says so for ever; the kernel sends SIGIO when that changes.
"""

import array
import base64
import errno
import fcntl
import json
import os
import pty
import select
import signal
import sys
import termios
import time
from typing import Any, NoReturn

PORTS = "/dev/virtio-ports"
ADD_ENTROPY_NOW = 0x5207  # RNDRESEEDCRNG
PIECE = 1 << 16

Message = dict[str, Any]


class Port:
    """One virtio serial port. `here`: whether the far end is open."""

    def __init__(self, name: str) -> None:
        self.descriptor = os.open(os.path.join(PORTS, name), os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
        self.here = True
        self._rest = b""
        fcntl.fcntl(self.descriptor, fcntl.F_SETOWN, os.getpid())
        flags = fcntl.fcntl(self.descriptor, fcntl.F_GETFL)
        fcntl.fcntl(self.descriptor, fcntl.F_SETFL, flags | os.O_ASYNC)

    def look(self) -> None:
        """Whether the far end is open now."""
        poll = select.poll()
        poll.register(self.descriptor, 0)
        self.here = not any(events & select.POLLHUP for _, events in poll.poll(0))

    def lines(self) -> list[bytes]:
        try:
            data = os.read(self.descriptor, PIECE)
        except BlockingIOError:
            return []
        except OSError:
            data = b""
        if not data:
            self.here, self._rest = False, b""
            return []
        *whole, self._rest = (self._rest + data).split(b"\n")
        return whole

    def say(self, **message: Any) -> None:
        data = json.dumps(message).encode() + b"\n"
        while data and self.here:
            try:
                data = data[os.write(self.descriptor, data[: PIECE // 2]) :]
            except BlockingIOError:
                select.select([], [self.descriptor], [], 1.0)
                self.look()
            except OSError:
                self.here = False


class Program:
    """A program that runs. `outputs`: files in memory, or the one descriptor that is read as it writes."""

    def __init__(self, port: Port, number: int, process: int, outputs: tuple[int, ...], stream: int | None) -> None:
        self.port, self.number, self.process, self.outputs, self.stream = port, number, process, outputs, stream
        self.status: int | None = None


class Hands:
    def __init__(self, ports: list[Port]) -> None:
        self._ports = ports
        self._programs: dict[int, Program] = {}  # process id -> Program

    def serve(self) -> NoReturn:
        wake_read, wake_write = os.pipe()
        for end in (wake_read, wake_write):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        for port in self._ports:
            port.look()
            port.say(hello=boot())
        while True:
            poll = select.poll()
            poll.register(wake_read, select.POLLIN)
            for port in self._ports:
                if port.here:
                    poll.register(port.descriptor, select.POLLIN)
            for program in self._programs.values():
                if program.stream is not None:
                    poll.register(program.stream, select.POLLIN)
            ready = {descriptor for descriptor, _ in poll.poll()}
            if wake_read in ready:
                os.read(wake_read, 4096)
                for port in self._ports:
                    if not port.here:
                        port.look()
                self._reap()
            for program in list(self._programs.values()):
                if program.stream in ready:
                    self._copy(program)
            for port in self._ports:
                if port.descriptor in ready:
                    for line in port.lines():
                        self._do(port, line)

    def _do(self, port: Port, line: bytes) -> None:
        try:
            message = json.loads(line)
            verb = message["do"]
        except (ValueError, KeyError, TypeError):
            return  # the rest of something that was said to the boot before
        try:
            getattr(self, f"_do_{verb}")(port, message)
        except (OSError, AttributeError, KeyError) as problem:
            port.say(id=message.get("id"), status=126, output="", errors=encode(f"lab: {verb}: {problem}\n".encode()))

    def _do_hello(self, port: Port, message: Message) -> None:
        port.say(hello=boot())

    def _do_clock(self, port: Port, message: Message) -> None:
        """A machine that went on from a saved state believes it is the moment at which it was saved."""
        time.clock_settime(time.CLOCK_REALTIME, message["seconds"])
        with open("/dev/urandom", "wb", buffering=0) as file:
            file.write(base64.b64decode(message["seed"]))
            fcntl.ioctl(file.fileno(), ADD_ENTROPY_NOW)
        port.say(id=message["id"], status=0, output="", errors="")

    def _do_run(self, port: Port, message: Message) -> None:
        given, output, errors = (os.memfd_create("lab") for _ in range(3))
        os.write(given, base64.b64decode(message["input"]))
        os.lseek(given, 0, os.SEEK_SET)
        process = start(message, (given, output, errors))
        os.close(given)
        self._begin(Program(port, message["id"], process, (output, errors), None))

    def _do_stream(self, port: Port, message: Message) -> None:
        if message["terminal"]:
            near, far = pty.openpty()
            process = start(message, (far, far, far))
            os.close(far)
        else:
            near, far = os.pipe()
            null = os.open("/dev/null", os.O_RDONLY)
            process = start(message, (null, far, far))
            os.close(null)
            os.close(far)
        self._begin(Program(port, message["id"], process, (), near))

    def _begin(self, program: Program) -> None:
        self._programs[program.process] = program
        program.port.say(id=program.number, number=program.process)

    def _find(self, port: Port, message: Message) -> Program | None:
        for program in self._programs.values():
            if program.port is port and program.number == message["id"]:
                return program
        return None

    def _do_signal(self, port: Port, message: Message) -> None:
        program = self._find(port, message)
        if program is not None and program.status is None:
            try:
                (os.killpg if message["group"] else os.kill)(program.process, message["number"])
            except ProcessLookupError:
                pass

    def _do_input(self, port: Port, message: Message) -> None:
        program = self._find(port, message)
        if program is not None and program.stream is not None:
            os.write(program.stream, base64.b64decode(message["data"]))

    def _do_size(self, port: Port, message: Message) -> None:
        program = self._find(port, message)
        if program is not None and program.stream is not None:
            size = array.array("H", [message["rows"], message["columns"], 0, 0])
            fcntl.ioctl(program.stream, termios.TIOCSWINSZ, size)

    def _copy(self, program: Program) -> None:
        try:
            data = os.read(program.stream or 0, PIECE)
        except OSError as problem:
            if problem.errno != errno.EIO:
                raise
            data = b""  # nobody has the terminal open any more
        if data:
            program.port.say(id=program.number, data=encode(data))
        else:
            self._close(program)
            self._end(program)

    def _reap(self) -> None:
        while True:
            try:
                process, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if process == 0:
                return
            program = self._programs.get(process)
            if program is not None:
                program.status = os.waitstatus_to_exitcode(status)
                if program.stream is not None:  # what it has written up to now, though a child may keep it open
                    os.set_blocking(program.stream, False)
                    self._drain(program)
                self._end(program)

    def _drain(self, program: Program) -> None:
        try:
            while data := os.read(program.stream or 0, PIECE):
                program.port.say(id=program.number, data=encode(data))
        except OSError:
            pass
        self._close(program)

    def _close(self, program: Program) -> None:
        if program.stream is not None:
            os.close(program.stream)
        program.stream = None

    def _end(self, program: Program) -> None:
        if program.status is None or program.stream is not None:
            return
        del self._programs[program.process]
        texts = [encode(content(file)) for file in program.outputs] or ["", ""]
        program.port.say(id=program.number, status=program.status, output=texts[0], errors=texts[1])


def start(message: Message, standard: tuple[int, int, int]) -> int:
    """The process id of a program in a session of its own."""
    process = os.fork()
    if process:
        return process
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGIO, signal.SIGPIPE, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    try:
        os.setsid()
        for target, descriptor in enumerate(standard):
            os.dup2(descriptor, target)
        os.closerange(3, 1024)
        if message.get("terminal"):
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        os.chdir(message["directory"])
        os.execvpe(message["command"][0], message["command"], message["environment"])
    except OSError as problem:
        os.write(2, f"{message['command'][0]}: {problem}\n".encode())
        os._exit(127 if problem.errno == errno.ENOENT else 126)


def content(file: int) -> bytes:
    os.lseek(file, 0, os.SEEK_SET)
    with os.fdopen(file, "rb") as opened:
        return opened.read()


def encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


def boot() -> str:
    with open("/proc/sys/kernel/random/boot_id") as file:
        return file.readline().strip()


def ready() -> None:
    """Tells the service manager that we serve."""
    import socket

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"].replace("@", "\0", 1))


if __name__ == "__main__":
    os.umask(0o022)
    for number in (signal.SIGCHLD, signal.SIGIO):
        signal.signal(number, lambda *_: None)
    hands = Hands([Port(name) for name in sys.argv[1:]])
    if "NOTIFY_SOCKET" in os.environ:
        ready()
    hands.serve()
