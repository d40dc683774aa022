"""Hard caps on what is kept on the disk, oldest first (promises.md, "disk, inodes"; extensions.md 9.2, 1.1).

Ours: the history of goal states, the events of agents before this one and of old extensions, and the agent's log where
nobody rotates it. Of extensions: the log folders that we made for them. Odd: what was written within the last hour may be
open somewhere, and its room would not come back; it stays, and is named when it alone is too much. Folders that are no
handler's belong to somebody else and are not looked into.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from waagent.config.paths import Paths
from waagent.model.failure import SystemFailure
from waagent.system.action import Plan, Rename
from waagent.system.apply import apply
from waagent.system.port import Files, Kind, System

YOUNG = 3600.0
"""Seconds since it was last written within which a file of an extension is taken for open."""
MIB = 1024 * 1024
DEPTH = 4
ENTRIES = 20_000
"""Entries of one place that are looked at."""
COMMAND_LOG = "CommandExecution"


@dataclass(frozen=True)
class Cap:
    """What may be kept in one place."""

    count: int
    size: int


@dataclass(frozen=True)
class Caps:
    """Of everything that is kept. ``folder`` is for the logs of one extension, ``log`` (bytes) for the agent's own, which a
    machine's logrotate cuts long before.
    """

    history: Cap = Cap(50, 64 * MIB)
    events: Cap = Cap(1000, 32 * MIB)
    folder: Cap = Cap(5000, 512 * MIB)
    log: int = 100 * MIB


@dataclass(frozen=True)
class Aged:
    """One thing that is kept; ``modified`` in seconds since 1970."""

    path: str
    size: int
    modified: float


@dataclass(frozen=True)
class Place:
    """A place with its cap. ``spared``: what is younger than so many seconds stays."""

    path: str
    cap: Cap
    found: tuple[Aged, ...]
    spared: float = 0.0


def run(system: System, paths: Paths, caps: Caps = Caps()) -> None:
    """Look at every place and remove what is too much. One line tells of a place, however many files go."""
    now = system.clock.now().timestamp()
    for place in observe(system.files, paths, caps):
        doomed = surplus(place, now)
        freed = [each for each in doomed if _removed(system, each)]
        if freed:
            size = sum(each.size for each in freed)
            system.log.info(f"{place.path} held too much: the {len(freed)} oldest were removed, {size} bytes")
        _complain(system, place, doomed)
    apply(system, rotate(system.files, paths, caps.log))


def observe(files: Files, paths: Paths, caps: Caps) -> Iterator[Place]:
    """The places, one after the other, with what is in them. A place that cannot be read is left alone."""
    yield Place(paths.history, caps.history, tuple(_entries(files, paths.history, lambda name: "__" in name)))
    yield Place(paths.events, caps.events, tuple(_entries(files, paths.events, lambda name: True)))
    for folder in folders(files, paths):
        yield Place(folder, caps.folder, tuple(_below(files, folder, DEPTH)), spared=YOUNG)


def folders(files: Files, paths: Paths) -> tuple[str, ...]:
    """The log folders that are handlers': those with our log of its commands, or with a handler of the name installed."""
    installed = {name.rpartition("-")[0] for name in _names(files, paths.lib)}
    found = []
    for name in _names(files, paths.extension_logs):
        path = f"{paths.extension_logs}/{name}"
        if _kind(files, path) is Kind.DIRECTORY:
            ours = name in installed or any(each.startswith(COMMAND_LOG) for each in _names(files, path))
            found += [path] if ours else []
    return tuple(found)


def surplus(place: Place, now: float) -> tuple[Aged, ...]:
    """The oldest, as many as have to go until the rest fits; pure."""
    count, size = len(place.found), sum(each.size for each in place.found)
    doomed: list[Aged] = []
    for each in sorted(place.found, key=lambda one: (one.modified, one.path)):
        if count <= place.cap.count and size <= place.cap.size:
            break
        if not place.spared or now - each.modified >= place.spared:
            doomed.append(each)
            count, size = count - 1, size - each.size
    return tuple(doomed)


def rotate(files: Files, paths: Paths, limit: int) -> Plan:
    """The agent's log, where it has grown although somebody should rotate it: one of before is kept."""
    try:
        facts = files.facts(paths.log)
    except SystemFailure:
        return ()
    if facts is None or facts.kind is not Kind.FILE or facts.size <= limit:
        return ()
    return (Rename(paths.log, f"{paths.log}.1", optional=True, why="keep the log small, which nobody rotates"),)


def _removed(system: System, each: Aged) -> bool:
    try:
        system.files.remove(each.path)
        return True
    except SystemFailure as failure:
        system.log.warning(failure.reason)
        return False


def _complain(system: System, place: Place, doomed: tuple[Aged, ...]) -> None:
    """Say whose logs are too much although nothing old is left."""
    left = set(place.found) - set(doomed)
    size = sum(each.size for each in left)
    if size > place.cap.size:
        largest = max(left, key=lambda each: each.size)
        system.log.warning(f"{place.path} holds too much that was written within the hour, most of it in {largest.path}")


def _entries(files: Files, directory: str, wanted: Callable[[str], bool]) -> Iterator[Aged]:
    """What is directly in a directory, directories as one each."""
    if _kind(files, directory) is not Kind.DIRECTORY:
        return
    for name in filter(wanted, _names(files, directory)):
        yield from _aged(files, f"{directory}/{name}", whole=True)


def _below(files: Files, directory: str, depth: int) -> Iterator[Aged]:
    """The files below a directory that is not ours alone; events are another duty's."""
    for name in _names(files, directory):
        path = f"{directory}/{name}"
        if _kind(files, path) is not Kind.DIRECTORY:
            if not (depth == DEPTH and name.startswith(COMMAND_LOG)):  # ours, and never long
                yield from _aged(files, path, whole=False)
        elif depth > 1 and not (depth == DEPTH and name == "events"):
            yield from _below(files, path, depth - 1)


def _aged(files: Files, path: str, *, whole: bool) -> Iterable[Aged]:
    try:
        facts = files.facts(path)
    except SystemFailure:
        return ()
    if facts is None or (facts.kind is Kind.DIRECTORY and not whole):
        return ()
    return (Aged(path, facts.size, facts.modified),)


def _names(files: Files, directory: str) -> tuple[str, ...]:
    try:
        return files.names(directory, ENTRIES)
    except SystemFailure:
        return ()


def _kind(files: Files, path: str) -> Kind | None:
    try:
        facts = files.facts(path)
    except SystemFailure:
        return None
    return None if facts is None else facts.kind
