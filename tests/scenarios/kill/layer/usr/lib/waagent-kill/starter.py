"""Starts the agent as /usr/sbin/waagent does, and kills it with SIGKILL right after one of its effects.

An effect is a call through the door that changes something outside the process: a file changed, a command run or started,
a request sent. Effects are counted in each thread by itself, because the order of the threads' work differs from run to run.
Within them there are strokes, told by the interpreter's audit events: each single change of the file system, with the kill
right before it. They are counted as those of the thread ``LANE~``.
Environment: KILL_TRACE, a file that gets one line per effect; KILL_AT, ``LANE:NUMBER``, or empty to let the agent live.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from waagent.cli import legacy, wiring
from waagent.system.port import System

FILES = (
    *("write", "append", "append_shared", "make_directory", "remove", "rename", "symlink", "set_mode", "set_owner"),
    *("set_modified", "create", "allocate"),
)
COMMANDS = ("run", "spawn")
HTTP = ("send",)
STROKES = (
    *("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.chmod", "os.chown", "os.symlink", "os.setxattr", "os.utime"),
    *("os.truncate", "open"),
)
CHANGING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
UNTOLD = ("waagent.log", "/dev/null")


class Effects:
    """Counts and writes down effects, and ends the process right after the wanted one."""

    def __init__(self, trace: str, wanted: str) -> None:
        self._trace = os.open(trace, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._wanted = wanted
        self._counted: Counter[str] = Counter()

    def door(self, system: System) -> System:
        return replace(
            system,
            files=Counted(system.files, FILES, self.happened),
            commands=Counted(system.commands, COMMANDS, self.happened),
            http=Counted(system.http, HTTP, self.happened),
        )

    def audit(self, event: str, given: tuple[Any, ...]) -> None:
        if event not in STROKES or (event == "open" and not given[2] & CHANGING) or given[0] in UNTOLD:
            return
        self.happened(f"{event} {given[0]}", "~")

    def happened(self, text: str, kind: str = "") -> None:
        lane = threading.current_thread().name + kind
        self._counted[lane] += 1
        point = f"{lane}:{self._counted[lane]}"
        os.write(self._trace, f"{point} {text}\n".encode())
        if point == self._wanted:
            os.kill(os.getpid(), signal.SIGKILL)


class Counted:
    """A port that tells of the calls of some of its methods, after them, also when they fail."""

    def __init__(self, port: object, methods: tuple[str, ...], happened: Callable[[str], None]) -> None:
        self._port = port
        self._methods = methods
        self._happened = happened

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)
        if name not in self._methods:
            return method

        def call(*given: Any, **named: Any) -> Any:
            try:
                return method(*given, **named)
            finally:
                self._happened(f"{name} {described(given[0])}")

        return call


def described(what: Any) -> str:
    if isinstance(what, str):
        return what
    if hasattr(what, "url"):
        return f"{what.method} {what.url.partition('?')[0]}"
    return " ".join(what).replace("\n", "; ")  # a program among the arguments has lines


def main() -> int:
    effects = Effects(os.environ["KILL_TRACE"], os.environ.get("KILL_AT", ""))
    sys.addaudithook(effects.audit)
    invocation = legacy.parse(sys.argv[1:])
    return wiring.VERBS[invocation.verb.word](invocation, effects.door)  # type: ignore[call-arg]


if __name__ == "__main__":
    sys.exit(main())
