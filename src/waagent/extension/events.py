"""Collects the events that extensions leave for us (fabric.md 11.4, 11.5; extensions.md 9.2, 9.3).

Two places: ``<log dir>/<Name>/events``, the pipeline of today, which is emptied each time, whatever is in it; and
``<lib>/events/*.tld``, where old extensions drop theirs beside the agent's own files, of which only theirs are taken.
Both are written by programs we do not trust: nothing there is followed, only plain files of a bounded size are read.

Odd: files are removed before their events are sent. Unlike the reference, nothing waits for a file that may be half
written: a young one that cannot be understood stays for the next time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from waagent.codec import event_file, extension_event
from waagent.codec.event_file import EventFile
from waagent.codec.extension_event import ExtensionEvent
from waagent.model.failure import DocumentFailure, SystemFailure
from waagent.system.port import FileFacts, Files, Kind, System

YOUNG_SECONDS = 10.0
LEGACY_LIMIT = 1024 * 1024
LEGACY_FILES = 1000
"""Legacy files of one collection; the newest count, the others are removed unread."""


@dataclass(frozen=True)
class HandlerEvent:
    """One event of the pipeline; ``modified`` (seconds since 1970) is its file's time."""

    handler: str
    event: ExtensionEvent
    modified: float


@dataclass(frozen=True)
class LegacyEvent:
    """One event of an old extension, as its file says it; ``event_file.complete`` makes it one to be sent."""

    file: EventFile
    modified: float


@dataclass(frozen=True)
class Collected:
    """What one collection of the pipeline found; ``dropped`` counts (handler, reason), for one summary each."""

    events: tuple[HandlerEvent, ...]
    dropped: tuple[tuple[str, str, int], ...] = ()


def collect(system: System, log_directory: str, stopped: Callable[[], bool] = lambda: False) -> Collected:
    """Take the events of every handler and empty their directories. Never raises.

    ``stopped`` says that nobody sends events any more: then what was not read stays.
    """
    events: list[HandlerEvent] = []
    dropped: list[tuple[str, str, int]] = []
    for name in _names(system, log_directory):
        directory = f"{log_directory}/{name}/events"
        if not all(_kind(system.files, each) is Kind.DIRECTORY for each in (f"{log_directory}/{name}", directory)):
            continue
        reasons: Counter[str] = Counter()
        kept: set[str] = set()
        events += _handler(system, name, directory, reasons, kept, stopped)
        dropped += [(name, reason, count) for reason, count in sorted(reasons.items())]
        if not stopped():
            _empty(system, directory, kept)
    return Collected(tuple(events), tuple(dropped))


def collect_legacy(system: System, events_directory: str) -> tuple[LegacyEvent, ...]:
    """Take the files of old extensions among the agent's own. Never raises."""
    names = [name for name in _names(system, events_directory) if _is_legacy(name)]
    found: list[LegacyEvent] = []
    for index, name in enumerate(sorted(names, reverse=True)):
        path = f"{events_directory}/{name}"
        facts = _facts(system.files, path)
        if facts is None:
            continue
        if index < LEGACY_FILES and facts.kind is Kind.FILE and facts.size <= LEGACY_LIMIT:
            try:
                found.append(LegacyEvent(event_file.parse(system.files.read(path, LEGACY_LIMIT), legacy=True), facts.modified))
            except (DocumentFailure, SystemFailure) as failure:
                if _is_young(system, facts):
                    continue
                system.log.verbose(f"{path}: {failure.reason}")
        _remove(system, path)
    return tuple(reversed(found))


def _handler(
    system: System, handler: str, directory: str, reasons: Counter[str], kept: set[str], stopped: Callable[[], bool]
) -> list[HandlerEvent]:
    """The newest events of one handler. The limit is looked at after each file, so that a file is taken whole."""
    found: list[HandlerEvent] = []
    names = [name for name in _names(system, directory) if extension_event.is_event_file(name)]
    for name in sorted(names, reverse=True):
        if len(found) >= extension_event.PERIOD_LIMIT or stopped():
            break
        path = f"{directory}/{name}"
        facts = _facts(system.files, path)
        if facts is None or facts.kind is not Kind.FILE or facts.size > extension_event.FILE_LIMIT:
            continue
        try:
            events, dropped = extension_event.parse(system.files.read(path, extension_event.FILE_LIMIT))
        except (DocumentFailure, SystemFailure) as failure:
            if _is_young(system, facts):
                kept.add(name)
            else:
                system.log.verbose(f"{path}: {failure.reason}")
            continue
        reasons.update(dropped)
        found += [HandlerEvent(handler, event, facts.modified) for event in events]
        _remove(system, path)
    return found


def _is_legacy(name: str) -> bool:
    return name.endswith(event_file.LEGACY_SUFFIX) and not name.endswith(event_file.AGENT_SUFFIX)


def _is_young(system: System, facts: FileFacts) -> bool:
    return 0 <= system.clock.now().timestamp() - facts.modified < YOUNG_SECONDS


def _empty(system: System, directory: str, kept: set[str]) -> None:
    for name in _names(system, directory):
        if name not in kept:
            _remove(system, f"{directory}/{name}")


def _remove(system: System, path: str) -> None:
    try:
        system.files.remove(path)
    except (SystemFailure, RecursionError) as failure:  # somebody may have made a tree too deep for us
        system.log.verbose(f"{path} stays: {failure}")


def _names(system: System, directory: str) -> tuple[str, ...]:
    try:
        return system.files.names(directory)
    except SystemFailure as failure:
        system.log.verbose(failure.reason)
        return ()


def _facts(files: Files, path: str) -> FileFacts | None:
    try:
        return files.facts(path)
    except SystemFailure:
        return None


def _kind(files: Files, path: str) -> Kind | None:
    facts = _facts(files, path)
    return None if facts is None else facts.kind
