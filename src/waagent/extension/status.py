"""The status of an extension, as its file says it or on its behalf (extensions.md 1.5, 3.5, 4.4; fabric.md 7.4).

Odd: extensions write over their file in place, so a bad file may only be half written (fabric.md trap 53). The contract
is to look five times, two seconds apart; nothing waits here, because the lane that uploads the status must not: while a
bad file is younger than those eight seconds, what it said before is reported (or transitioning), and the next upload looks
again. A link is not followed: the beginning of a bad file is shown to the fabric.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from waagent.codec import handler_files, handler_status
from waagent.config.paths import HandlerPaths
from waagent.model.failure import DocumentFailure, SystemFailure
from waagent.model.status import ExtensionStatus
from waagent.system.action import MakeDirectory, Plan, WriteFile
from waagent.system.port import Clock, FileFacts, Files, Kind, Log

TERMINAL = ("success", "error")
"""Status words after which nothing more is expected."""
READ_LIMIT = 4 * 1024 * 1024
SETTLE_SECONDS = 8.0
"""How long a bad file may still be one that is being written: the contract's five looks."""
_COARSE = 2.0
"""Seconds after which a new content cannot have the same time any more."""


@dataclass
class _Known:
    """What was last seen of one extension."""

    path: str
    mark: tuple[float, int] | None = None
    result: ExtensionStatus | None = None
    """What the file with that time and size says."""
    good: ExtensionStatus | None = None
    said: str | None = None


class StatusReader:
    """Reads status files for upload after upload: remembers the last good one of each, and reads only what changed."""

    def __init__(self, files: Files, clock: Clock, log: Log) -> None:
        self._files = files
        self._clock = clock
        self._log = log
        self._known: dict[tuple[str, str | None], _Known] = {}

    def read(self, place: HandlerPaths, name: str, sequence_number: int, *, multi_config: bool = False) -> ExtensionStatus:
        """The status to report for the settings instance ``name``. Never raises and never waits."""
        extension = name if multi_config else None
        path = place.extension_status(extension, sequence_number)
        known = self._known.setdefault((place.base, extension), _Known(path))
        if known.path != path:
            known = self._known[(place.base, extension)] = _Known(path)
        try:
            facts = self._files.facts(path)
            if facts is None:
                return handler_status.missing(name, sequence_number, path)
            if known.result is not None and known.mark == (facts.modified, facts.size):
                return known.result
            return self._parse(known, facts, name, sequence_number)
        except SystemFailure as failure:
            return self._tell(known, handler_status.unreadable(name, sequence_number, path, failure.reason))

    def forget(self, place: HandlerPaths) -> None:
        """Drop what is remembered of a handler that is gone."""
        for key in [key for key in self._known if key[0] == place.base]:
            del self._known[key]

    def _parse(self, known: _Known, facts: FileFacts, name: str, sequence_number: int) -> ExtensionStatus:
        if facts.kind is not Kind.FILE:
            raise SystemFailure(f"it is a {facts.kind.value}, not a file")
        data = self._files.read_if_there(known.path, READ_LIMIT)
        if data is None:
            return handler_status.missing(name, sequence_number, known.path)
        age = self._clock.now().timestamp() - facts.modified
        try:
            status = known.good = handler_status.parse(data, name, sequence_number)
            known.said = None
        except DocumentFailure as failure:
            if 0 <= age < SETTLE_SECONDS:
                return known.good or handler_status.missing(name, sequence_number, known.path)
            status = self._tell(known, handler_status.invalid(name, sequence_number, known.path, failure, data))
        known.result = status
        known.mark = (facts.modified, facts.size) if age > _COARSE else None
        return status

    def _tell(self, known: _Known, status: ExtensionStatus) -> ExtensionStatus:
        """Say once in the log what is wrong with a file."""
        if status.message != known.said:
            known.said = status.message
            self._log.warning(f"{known.path}: {(status.message or '').splitlines()[0]}")
        return status


def placeholder(place: HandlerPaths, status: ExtensionStatus, now: datetime, *, extension: str | None) -> Plan:
    """Write a status in the extension's place (extensions.md 3.5); whether it may replace one is the caller's rule.

    ``extension`` names an instance of a multi-config handler; ``status.name`` is then ``<handler>.<extension>``.
    """
    path = place.extension_status(extension, status.sequence_number)
    return (
        MakeDirectory(place.status, 0o700),
        WriteFile(path, handler_files.render_placeholder(status, now), 0o644, why="report in the extension's place"),
    )
