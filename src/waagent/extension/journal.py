"""What is on disk of an operation under way, so that an agent that was killed finds its commands and their results.

Everything is below ``<handler directory>/.operation/``: ``notes.json``, and for each command a directory with a name nobody
else can guess. In it are ``order.json`` (written before the command starts), ``claim`` (the pid, written by the command's
own shell as its first act), ``scope`` and ``started`` (what the shell in its scope does, and that it does), ``result`` (its
exit status), ``timeout`` (we killed it), ``stdout`` and ``stderr`` (only when the agent was gone at its end). A command whose
directory is gone before it was claimed never runs; that is how a restarted agent makes sure of it.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from waagent.extension.place import Place
from waagent.model.failure import DocumentFailure, SystemFailure
from waagent.system.identifier import new_identifier
from waagent.system.port import Files, System

_LIMIT = 64 * 1024


class Stage(enum.Enum):
    """How far a recorded command came."""

    UNCLAIMED = "unclaimed"
    RUNNING = "running"
    FINISHED = "finished"
    LOST = "lost"
    """It was claimed, does not run, and left no result: the machine went down or somebody killed it."""


@dataclass(frozen=True)
class Entry:
    """One recorded command."""

    directory: str
    key: str
    word: str
    version: str
    extension: str | None
    boot: str
    started: float
    """Monotonic seconds, comparable within one boot only."""
    timeout: float

    @property
    def token(self) -> str:
        return self.directory.rpartition("/")[2]


class Journal:
    """The records of one handler directory."""

    def __init__(self, system: System, place: Place) -> None:
        self._system = system
        self._files: Files = system.files
        self.place = place
        self.directory = place.operation
        self._used: list[Entry] = []

    # notes: what of a longer operation is done

    def notes(self) -> dict[str, str]:
        found = _load(self._files, f"{self.directory}/notes.json")
        return {key: value for key, value in found.items() if isinstance(value, str)}

    def note(self, **notes: str) -> None:
        """Add notes. Errors: ``SystemFailure``."""
        self._files.make_directory(self.directory, 0o700)
        content = json.dumps({**self.notes(), **notes}).encode()
        self._files.write(f"{self.directory}/notes.json", content, mode=0o600)

    def end(self, kept: Callable[[Entry], bool] = lambda entry: False) -> None:
        """The operation is over and its outcome is on disk: forget everything but what is ``kept``, and not asked for yet.

        What a read-only disk does not let go is gone over again by the next operation.
        """
        used, self._used = {entry.directory for entry in self._used}, []
        try:
            self._forget(used, kept)
        except SystemFailure as failure:
            self._system.log.warning(f"{self.place.full_name}: {failure.reason}")

    def _forget(self, used: set[str], kept: Callable[[Entry], bool]) -> None:
        if self._files.facts(self.directory) is None:
            return
        self._files.remove(f"{self.directory}/notes.json")
        for entry in self.entries():
            if entry.directory in used or not kept(entry):
                self.drop(entry)
        self._sweep()
        if not self._files.names(self.directory):
            self._files.remove(self.directory)

    def _sweep(self) -> None:
        """Remove what is no record of a command: an agent was killed before it had written one, or while it removed one."""
        for name in self._files.names(self.directory):
            if self._entry(f"{self.directory}/{name}") is None:
                self._files.remove(f"{self.directory}/{name}")

    # commands

    def entries(self) -> tuple[Entry, ...]:
        names = [name for name in self._files.names(self.directory) if name != "notes.json"]
        found = (self._entry(f"{self.directory}/{name}") for name in names)
        return tuple(entry for entry in found if entry is not None)

    def open(self, *, key: str, word: str, version: str, extension: str | None, timeout: float) -> Entry:
        """Record a command that is about to start. Errors: ``SystemFailure``."""
        directory = f"{self.directory}/{new_identifier()}"
        boot, started = boot_id(self._files), self._system.clock.monotonic()
        entry = Entry(directory, key, word, version, extension, boot, started, timeout)
        self._files.make_directory(self.directory, 0o700)
        self._files.make_directory(directory, 0o700)
        body = {name: value for name, value in vars(entry).items() if name != "directory"}
        self.put(entry, "order.json", json.dumps(body).encode())
        self.use(entry)
        return entry

    def use(self, entry: Entry) -> None:
        """The operation takes what this command led to."""
        self._used.append(entry)

    def stage(self, entry: Entry) -> Stage:
        if self.result(entry) is not None or self.was_killed(entry):
            return Stage.FINISHED
        pid = self.pid(entry)
        if pid is None:
            return Stage.UNCLAIMED
        if alive(self._system, pid, entry.token):
            return Stage.RUNNING
        return Stage.FINISHED if self.result(entry) is not None else Stage.LOST

    def result(self, entry: Entry) -> int | None:
        """The exit status that the command's shell wrote, a whole line or nothing."""
        text = self.read(entry, "result").decode("ascii", "replace")
        return int(text) if text.endswith("\n") and text.strip().isdecimal() else None

    def was_killed(self, entry: Entry) -> bool:
        return self._files.exists(f"{entry.directory}/timeout")

    def mark_killed(self, entry: Entry) -> None:
        """Say that the command is killed for its timeout, before it is."""
        self.put(entry, "timeout", b"")

    def put(self, entry: Entry, name: str, content: bytes) -> None:
        """Write one of a command's files, without waiting for the disk: no command outlives the machine.

        Errors: ``SystemFailure``.
        """
        with self._files.create(f"{entry.directory}/{name}", 0o600) as stream:
            stream.write(content)

    def pid(self, entry: Entry) -> int | None:
        text = self.read(entry, "claim").decode("ascii", "replace").strip()
        return int(text) if text.isdecimal() else None

    def read(self, entry: Entry, name: str) -> bytes:
        """One of a command's files; empty when it is missing."""
        try:
            return self._files.read_if_there(f"{entry.directory}/{name}", _LIMIT) or b""
        except SystemFailure:
            return b""

    def drop(self, entry: Entry) -> bool:
        """Forget a command. False when it was claimed in the very moment: then it is still there, and runs."""
        gone = f"{self.directory}/gone-{entry.token}"
        claimed = self.pid(entry) is not None
        self._files.rename(entry.directory, gone)
        if not claimed and self._files.exists(f"{gone}/claim"):
            self._files.rename(gone, entry.directory)
            return False
        self._files.remove(gone)
        return True

    def _entry(self, directory: str) -> Entry | None:
        found = _load(self._files, f"{directory}/order.json")
        try:
            return Entry(
                directory,
                str(found["key"]),
                str(found["word"]),
                str(found["version"]),
                found["extension"] if isinstance(found["extension"], str) else None,
                str(found["boot"]),
                float(found["started"]),
                float(found["timeout"]),
            )
        except (KeyError, TypeError, ValueError):
            return None


def boot_id(files: Files) -> str:
    """What tells one boot of the machine from another; empty where nothing does."""
    try:
        return (files.read_if_there("/proc/sys/kernel/random/boot_id", 128) or b"").decode("ascii", "replace").strip()
    except SystemFailure:
        return ""


def alive(system: System, pid: int, token: str) -> bool:
    """Whether that process is still the command with this token; a recycled pid is not."""
    return token in _command_line(system, pid)


def _command_line(system: System, pid: int) -> str:
    try:
        raw = system.files.read_if_there(f"/proc/{pid}/cmdline", 1024 * 1024)
        if raw is not None or system.files.exists("/proc/self/stat"):
            return (raw or b"").decode("utf-8", "replace")
        return system.commands.run(["ps", "-ww", "-p", str(pid), "-o", "command="], timeout=10, ok=None).stdout
    except SystemFailure:
        return ""


def _load(files: Files, path: str) -> dict[str, Any]:
    try:
        found = json.loads(files.read_if_there(path, _LIMIT) or b"{}")
    except (SystemFailure, DocumentFailure, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
