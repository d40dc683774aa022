"""The agent's log: ``2026-03-01T08:15:30.123456Z INFO Daemon Daemon text`` (guest.md 8.3).

Non-ASCII is escaped and credentials are redacted. The file is opened for every line, so that logrotate needs no signal.
A warning or error that says the same again within an hour is counted instead of written, so that the log cannot be
flooded; the console gets nothing but one line per boot phase (promises.md, "serial console").
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

from waagent.model.failure import Failure
from waagent.model.secret import redact
from waagent.system.port import Clock, Files

REPEAT_SECONDS = 3600.0
"""How long the same warning or error stays silent after it was written."""
REMEMBERED = 256
"""Different warnings and errors remembered; the oldest is forgotten first."""


def line(moment: datetime, level: str, thread: str, prefix: str, text: str) -> str:
    """One log line, newline included; inner line breaks are kept, as the reference does."""
    stamp = moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    middle = f"{thread} {prefix}" if prefix else thread
    shown = redact(text).encode("ascii", "backslashreplace").decode("ascii")
    return f"{stamp} {level} {middle} {shown}\n"


class AgentLog:
    """The ``Log`` port. ``echo`` takes every line too (standard output), ``console`` takes the boot phases."""

    def __init__(
        self,
        files: Files,
        clock: Clock,
        path: str | None,
        *,
        prefix: str = "",
        verbose: bool = False,
        echo: Callable[[str], object] | None = None,
        console: Callable[[str], object] | None = None,
    ) -> None:
        self._files = files
        self._clock = clock
        self._path = path
        self._prefix = prefix
        self._verbose = verbose
        self._echo = echo
        self.console = console
        self._lock = threading.Lock()
        self._said: dict[tuple[str, str], tuple[float, int]] = {}

    def phase(self, text: str) -> None:
        self._write("INFO", text)
        if self.console is not None:
            self.console(f"waagent: {redact(text)}\r\n")

    def verbose(self, text: str) -> None:
        if self._verbose:
            self._write("VERBOSE", text)

    def info(self, text: str) -> None:
        self._write("INFO", text)

    def warning(self, text: str) -> None:
        self._write_once("WARNING", text)

    def error(self, text: str) -> None:
        self._write_once("ERROR", text)

    def _write_once(self, level: str, text: str) -> None:
        now = self._clock.monotonic()
        with self._lock:
            since, silent = self._said.get((level, text), (-REPEAT_SECONDS, 0))
            if now - since < REPEAT_SECONDS:
                self._said[level, text] = (since, silent + 1)
                return
            self._said.pop((level, text), None)
            self._said[level, text] = (now, 0)
            if len(self._said) > REMEMBERED:
                del self._said[next(iter(self._said))]
        self._write(level, f"{text} (said {silent} more times in the last hour)" if silent else text)

    def _write(self, level: str, text: str) -> None:
        shown = line(self._clock.now(), level, threading.current_thread().name, self._prefix, text)
        if self._path is not None:
            try:
                self._files.append(self._path, shown.encode("ascii"))
            except Failure:
                pass  # a full disk must not stop the agent; the line still reaches standard output
        if self._echo is not None:
            self._echo(shown)
