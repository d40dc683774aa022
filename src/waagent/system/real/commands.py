"""The ``Commands`` port: argv only, a rebuilt environment, a session of its own, a deadline always.

A command is over when its process has ended, not when its output is closed: a service that was started and kept our pipe
must not hold us up. Output beyond ``OUTPUT_LIMIT`` is read and thrown away, so that a mad command cannot eat our memory.
"""

from __future__ import annotations

import os
import select
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import IO, BinaryIO

from waagent.model.failure import CommandFailure
from waagent.model.secret import Secret
from waagent.system.port import Child, Completed

_TOOLS = sys._xoptions.get("waagent_tools")  # what a portable build brings, for systems that lack it
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" + (f":{_TOOLS}" if _TOOLS else "")
ENVIRONMENT = {"PATH": PATH, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
OUTPUT_LIMIT = 16 * 1024 * 1024
"""Bytes kept of each output of a command that is run to its end."""
PidfdOpen = Callable[[int], int]
PIDFD_OPEN: PidfdOpen | None = getattr(os, "pidfd_open", None)
_PIECE = 64 * 1024
_FAREWELL = 2.0
"""Seconds for a killed command to disappear; one that sits in the kernel is reported, not waited for."""


class RealCommands:
    """``output_limit`` bytes are kept of each output; ``pidfd_open`` is None where the kernel has none.

    ``exports`` are added to the environment of every command that runs to its end; a PATH among them is also where
    programs are looked for.
    """

    def __init__(
        self,
        *,
        output_limit: int = OUTPUT_LIMIT,
        pidfd_open: PidfdOpen | None = PIDFD_OPEN,
        exports: Mapping[str, str] | None = None,
    ) -> None:
        self._environment = {**ENVIRONMENT, **(exports or {})}
        self._output_limit = output_limit
        self._pidfd_open = pidfd_open

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes | Secret | None = None,
        timeout: float = 60.0,
        ok: Iterable[int] | None = (0,),
        environment: Mapping[str, str] | None = None,
        directory: str | None = None,
    ) -> Completed:
        text = stdin.reveal().encode() if isinstance(stdin, Secret) else stdin
        process = self._start(
            argv,
            environment={**self._environment, **(environment or {})},
            directory=directory or "/",
            stdin=subprocess.DEVNULL if text is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        child = RealChild(process, self._pidfd_open)
        end = time.monotonic() + timeout
        try:
            outputs = _converse(child, process, text or b"", end, self._output_limit)
            code = child.wait(max(0.0, end - time.monotonic()))
            if code is None:
                child.kill_group()
                child.wait(_FAREWELL)
        except BaseException:
            child.kill_group()
            raise
        finally:
            child.close()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    _close(stream)
        return _judge(tuple(argv), code, outputs, timeout, None if ok is None else tuple(ok))

    def spawn(
        self,
        argv: Sequence[str],
        *,
        directory: str,
        environment: Mapping[str, str],
        stdout: BinaryIO | None,
        stderr: BinaryIO | None,
    ) -> Child:
        return RealChild(
            self._start(
                argv,
                environment=dict(environment),
                directory=directory,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL if stdout is None else stdout,
                stderr=subprocess.DEVNULL if stderr is None else stderr,
            ),
            self._pidfd_open,
        )

    def find(self, program: str) -> str | None:
        if "/" in program:
            return program if _executable(program) else None
        for directory in self._environment["PATH"].split(":"):
            if _executable(f"{directory}/{program}"):
                return f"{directory}/{program}"
        return None

    def _start(
        self,
        argv: Sequence[str],
        *,
        environment: dict[str, str],
        directory: str,
        stdin: int,
        stdout: int | BinaryIO,
        stderr: int | BinaryIO,
    ) -> subprocess.Popen[bytes]:
        executable = argv[0] if "/" in argv[0] else self.find(argv[0])
        if executable is None:
            raise CommandFailure(f"{argv[0]} is not installed", argv=argv)
        try:
            return subprocess.Popen(
                list(argv),
                executable=executable,
                env=environment,
                cwd=directory,
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            cause = error.strerror if isinstance(error, OSError) else str(error)
            raise CommandFailure(f"cannot start {argv[0]}: {cause}", argv=argv) from error


class RealChild:
    """The ``Child`` port over a process in a session of its own; its group has its pid."""

    def __init__(self, process: subprocess.Popen[bytes], pidfd_open: PidfdOpen | None) -> None:
        self._process = process
        self._handle = _ending(process, pidfd_open)

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Give the descriptor back; only ``poll`` and ``kill_group`` may follow."""
        handle, self._handle = self._handle, -1
        if handle >= 0:
            os.close(handle)

    @property
    def pid(self) -> int:
        return self._process.pid

    def fileno(self) -> int:
        return self._handle

    def poll(self) -> int | None:
        return self._process.poll()

    def wait(self, timeout: float | None = None) -> int | None:
        poller = select.poll()
        poller.register(self._handle, select.POLLIN)
        if not poller.poll(None if timeout is None else max(0.0, timeout) * 1000):
            return None
        return self._process.wait()  # it has ended: this only reaps

    def kill_group(self) -> None:
        """Kill what is left of the group, also after its leader has ended."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass  # nobody left, or only a zombie (FreeBSD says EPERM)


def _ending(process: subprocess.Popen[bytes], pidfd_open: PidfdOpen | None) -> int:
    """A descriptor that is readable from the end of the process on: a pidfd, else a pipe closed by a thread that waits."""
    if pidfd_open is not None:
        try:
            return pidfd_open(process.pid)
        except OSError:
            pass  # kernels before 5.3
    receiver, sender = os.pipe()

    def wait() -> None:
        process.wait()
        os.close(sender)

    threading.Thread(target=wait, name=f"wait-{process.pid}", daemon=True).start()
    return receiver


def _converse(
    child: RealChild, process: subprocess.Popen[bytes], text: bytes, end: float, limit: int
) -> tuple[bytearray, bytearray]:
    """Feed stdin and collect both outputs until the process ends or the deadline comes."""
    assert process.stdout is not None and process.stderr is not None
    outputs = {process.stdout.fileno(): bytearray(), process.stderr.fileno(): bytearray()}
    out, err = outputs.values()
    left = memoryview(text)
    with selectors.DefaultSelector() as selector:
        selector.register(child.fileno(), selectors.EVENT_READ)
        for handle in outputs:
            os.set_blocking(handle, False)
            selector.register(handle, selectors.EVENT_READ)
        if process.stdin is not None:
            os.set_blocking(process.stdin.fileno(), False)
            selector.register(process.stdin, selectors.EVENT_WRITE)
        while (remaining := end - time.monotonic()) > 0:
            ready = {key.fileobj for key, _ in selector.select(remaining)}
            if process.stdin in ready:
                left = _feed(process.stdin, left)
                if not left:
                    selector.unregister(process.stdin)
                    _close(process.stdin)
            for handle in [handle for handle in outputs if handle in ready]:
                if not _collect(handle, outputs[handle], limit):
                    selector.unregister(handle)
            if child.fileno() in ready:
                break
        for handle, kept in outputs.items():
            _drain(handle, kept, limit)
    return out, err


def _feed(stream: IO[bytes] | None, left: memoryview) -> memoryview:
    assert stream is not None
    try:
        return left[os.write(stream.fileno(), left[:_PIECE]) :]
    except BlockingIOError:
        return left
    except OSError:
        return left[len(left) :]  # it does not want to read; its exit status says whether that was wrong


def _collect(handle: int, kept: bytearray, limit: int) -> bool:
    """Take one piece of what is there; False at the end of the output."""
    try:
        piece = os.read(handle, _PIECE)
    except BlockingIOError:
        return True
    except OSError:
        return False
    kept += piece[: max(0, limit - len(kept))]
    return bool(piece)


def _drain(handle: int, kept: bytearray, limit: int) -> None:
    """What an ended process left in the pipe; a grandchild that goes on writing is not listened to for ever."""
    for _ in range(limit // _PIECE + 1):
        before = len(kept)
        if not _collect(handle, kept, limit) or len(kept) == before:
            return


def _close(stream: IO[bytes]) -> None:
    try:
        stream.close()
    except OSError:
        pass


def _judge(
    argv: tuple[str, ...], code: int | None, outputs: tuple[bytearray, bytearray], timeout: float, ok: tuple[int, ...] | None
) -> Completed:
    out, err = bytes(outputs[0]), bytes(outputs[1])
    stdout, stderr = (text.decode("utf-8", "backslashreplace") for text in (out, err))
    if code is None:
        raise CommandFailure(
            f"{argv[0]} did not end within {timeout:g} s", argv=argv, timed_out=True, stdout=stdout, stderr=stderr
        )
    if ok is not None and code not in ok:
        last = next((line for line in reversed((stderr or stdout).splitlines()) if line.strip()), "")
        how = f"was killed by signal {-code}" if code < 0 else f"ended with status {code}"
        raise CommandFailure(
            f"{argv[0]} {how}", argv=argv, exit_code=code, stdout=stdout, stderr=stderr, hint=last.strip()[:500]
        )
    return Completed(argv=argv, exit_code=code, stdout=stdout, stderr=stderr, stdout_bytes=out)


def _executable(path: str) -> bool:
    return os.path.isfile(path) and os.access(path, os.X_OK)
