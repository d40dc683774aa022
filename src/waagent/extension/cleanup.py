"""What is left over in the library directory, and what of it goes (extensions.md 2.10, 1.1; trap 16).

After a goal state was processed, directories of handlers that it does not name are removed without any command, packages
without a handler too, and what a killed agent left of unpacking or removing. Not to be asked for when the goal state was
on hold or asked for features we do not have.

Odd: other versions of a handler that the goal state names stay; names are compared with their case. The contract takes any
``<x>-<version>`` for a handler's; we only do when something in it is an agent's, or nothing at all is in it, because the
directory is also a favourite place for backups.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from waagent.config.paths import Paths
from waagent.extension.place import AGENT, Place
from waagent.model.version import Version
from waagent.system.action import Action, MakeDirectory, Plan, Remove, Rename
from waagent.system.port import Files, Kind

SIGNATURE = ".zip_signature.pem"
_LEFTOVERS = (".unpacking", ".removed")
_LEGACY_STATE = "handler_state"


@dataclass(frozen=True)
class Found:
    """One entry of the library directory; ``ours`` for directories that look like an agent's work inside."""

    name: str
    kind: Kind
    ours: bool = False


def observe(files: Files, paths: Paths) -> tuple[Found, ...]:
    """The entries that may concern us. Errors: ``SystemFailure``."""
    found: list[Found] = []
    for name in files.names(paths.lib):
        if "-" not in name and "__" not in name:
            continue
        facts = files.facts(f"{paths.lib}/{name}")
        if facts is not None:
            found.append(Found(name, facts.kind, facts.kind is Kind.DIRECTORY and _is_ours(files, paths, name)))
    return tuple(found)


def plan(paths: Paths, found: Collection[Found], wanted: Collection[str]) -> Plan:
    """Remove what belongs to no handler of the goal state; ``wanted`` are the names it has, whatever their state.

    No package may be being unpacked meanwhile. Every step is optional: one that fails stops nothing.
    """
    directories = {each.name for each in found if each.kind is Kind.DIRECTORY}
    actions: list[Action] = []
    for each in found:
        if each.kind is Kind.DIRECTORY:
            actions += _directory(paths, each, wanted)
        elif each.kind is Kind.FILE and _is_orphan(each.name, directories, wanted):
            actions.append(Remove(f"{paths.lib}/{each.name}", optional=True))
    return tuple(actions)


def migrate(files: Files, paths: Paths) -> Plan:
    """Move states of handlers from where agents of long ago kept them; asked for once, at the start."""
    top = f"{paths.lib}/{_LEGACY_STATE}"
    facts = files.facts(top)
    if facts is None or facts.kind is not Kind.DIRECTORY:
        return ()
    actions: list[Action] = []
    for directory in files.names(top):
        parts = _split(directory)
        if parts is None or not files.exists(f"{paths.lib}/{directory}"):
            continue
        place = Place.of(paths, *parts)
        moves = (("state", place.state), ("status", place.handler_status))
        for source, target in ((f"{top}/{directory}/{name}", target) for name, target in moves):
            if files.exists(source) and not files.exists(target):
                actions += [MakeDirectory(place.config, 0o700, optional=True), Rename(source, target, optional=True)]
    return (*actions, Remove(top, optional=True))


def _directory(paths: Paths, found: Found, wanted: Collection[str]) -> Plan:
    path = f"{paths.lib}/{found.name}"
    for suffix in _LEFTOVERS:
        if found.name.endswith(suffix):
            leftover = _split(found.name.removesuffix(suffix)) is not None
            return (Remove(path, optional=True),) if leftover else ()
    parts = _split(found.name)
    if parts is None or parts[0] in wanted or not found.ours:
        return ()
    removed = Place.of(paths, *parts).removed
    why = "remove a handler that the goal state does not name"
    return Rename(path, removed, optional=True, why=why), Remove(removed, optional=True, why=why)


def _is_orphan(name: str, directories: Collection[str], wanted: Collection[str]) -> bool:
    """Whether a file is a package nobody will unpack, or what a check of a signature left."""
    if name.endswith(SIGNATURE):
        return _split(name.removesuffix(SIGNATURE), "__") is not None
    if not name.endswith(".zip"):
        return False
    stem = name.removesuffix(".zip")
    current = _split(stem, "__")
    if current is not None:
        return current[0] not in wanted
    return _split(stem) is not None and stem not in directories


def _split(name: str, separator: str = "-") -> tuple[str, str] | None:
    """Name and version of a handler; None when it is none, or the agent."""
    handler, _, version = name.rpartition(separator)
    if not handler or handler == AGENT or Version.parse(version) is None:
        return None
    return handler, version


def _is_ours(files: Files, paths: Paths, name: str) -> bool:
    parts = _split(name)
    if parts is None:
        return False
    place = Place.of(paths, *parts)
    signs = (place.state, place.handler_status, place.manifest, place.environment)
    return any(files.facts(sign) is not None for sign in signs) or not files.names(place.base)
