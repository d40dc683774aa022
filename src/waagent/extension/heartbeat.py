"""What a handler's heartbeat makes of its status (extensions.md 9.4; fabric.md 7.2).

Only for handlers whose manifest has ``reportHeartbeat``, at every status report. Odd: only the word and the message are
taken, never the code; a heartbeat older than 600 s makes the handler ``Unresponsive`` and leaves the rest.

Unlike the reference, a missing or bad heartbeat is not written into the handler's own status, where its code would stay
until the next enable. As there, the first report that finds one says nothing of it: it may not be written yet, or half.
"""

from __future__ import annotations

from dataclasses import replace

from waagent.codec import heartbeat
from waagent.config.paths import HandlerPaths
from waagent.model.failure import DocumentFailure, Failure, SystemFailure
from waagent.model.status import HandlerStatus
from waagent.system.port import Clock, FileFacts, Files, Kind

READ_LIMIT = 1024 * 1024
UNRESPONSIVE = "Unresponsive"
_NOT_READY = "NotReady"


class Heartbeats:
    """Merges heartbeats into statuses, report after report."""

    def __init__(self, files: Files, clock: Clock) -> None:
        self._files = files
        self._clock = clock
        self._missed: set[str] = set()

    def merge(self, place: HandlerPaths, status: HandlerStatus, *, disallowed: bool = False) -> HandlerStatus:
        """The status to report. Never raises; a disallowed handler stays as it is, with the message added."""
        try:
            facts = self._files.facts(place.heartbeat)
            if facts is None:
                raise SystemFailure(f"{place.heartbeat} is missing")
            found = self._read(place, facts)
        except Failure as failure:
            return self._bad(place, status, failure, disallowed)
        self._missed.discard(place.base)
        if disallowed:
            return status if not found.message else replace(status, message=_joined(status.message, found.message))
        if self._clock.now().timestamp() - facts.modified > heartbeat.MAXIMUM_AGE:
            return replace(status, status=UNRESPONSIVE)
        message = status.message if found.message is None else found.message
        return replace(status, status=found.status, message=message)

    def forget(self, place: HandlerPaths) -> None:
        """Drop what is remembered of a handler that is gone or was enabled again."""
        self._missed.discard(place.base)

    def _read(self, place: HandlerPaths, facts: FileFacts) -> heartbeat.Heartbeat:
        if facts.kind is not Kind.FILE:
            raise SystemFailure(f"{place.heartbeat} is a {facts.kind.value}, not a file")
        return heartbeat.parse(self._files.read(place.heartbeat, READ_LIMIT))

    def _bad(self, place: HandlerPaths, status: HandlerStatus, failure: Failure, disallowed: bool) -> HandlerStatus:
        if disallowed:
            return status
        if place.base not in self._missed:
            self._missed.add(place.base)
            return status
        only_message = isinstance(failure, DocumentFailure) and failure.path == heartbeat.MESSAGE_PATH
        text = f"[ExtensionError] Failed to get heart beat file\nInner error: {failure.reason}"
        return replace(status, status=_NOT_READY, code=3 if only_message else -1, message=text)


def _joined(own: str | None, added: str) -> str:
    return f"{own}\n{added}" if own else added
