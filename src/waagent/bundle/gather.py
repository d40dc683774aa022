"""From the manifest's patterns to paths. Directories of extensions are hostile: none is entered through a link, and of a
directory with very many entries only some are looked at.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator

from waagent.bundle.manifest import Manifest
from waagent.model.failure import SystemFailure
from waagent.system.pattern import is_pattern
from waagent.system.port import Files, Kind

ENTRIES = 2000
"""Entries of one directory that are looked at."""
PATHS = 10_000
"""Paths of one bundle."""


def gather(files: Files, manifest: Manifest) -> tuple[str, ...]:
    """What the manifest names and this machine has, each once: first what comes first, the rest by its path."""
    found = dict.fromkeys(_each(files, manifest.first))
    found.update(dict.fromkeys(sorted(set(_each(files, manifest.files)) - found.keys())))
    return tuple(found)[:PATHS]


def _each(files: Files, patterns: Iterable[str]) -> Iterator[str]:
    for pattern in patterns:
        yield from expand(files, pattern)


def expand(files: Files, pattern: str) -> tuple[str, ...]:
    """The sorted paths that match and are no directories.

    Up to the first component with a pattern it is our own path, where a link is the administrator's; after it every
    directory must be one, and not a link to one.
    """
    found = [""]
    ours = True
    for part in (part for part in pattern.split("/") if part):
        entered = found if ours else [path for path in found if _kind(files, path) is Kind.DIRECTORY]
        if is_pattern(part):
            found = [f"{path}/{name}" for path in entered for name in _matching(files, path or "/", part)]
            ours = False
        else:
            found = [f"{path}/{part}" for path in entered]
    return tuple(path for path in sorted(found) if _kind(files, path) not in (None, Kind.DIRECTORY))


def _matching(files: Files, directory: str, part: str) -> list[str]:
    try:
        names = files.names(directory, ENTRIES)
    except SystemFailure:
        return []
    return [name for name in names if fnmatch.fnmatchcase(name, part) and not name.startswith(".")]


def _kind(files: Files, path: str) -> Kind | None:
    try:
        facts = files.facts(path)
    except SystemFailure:
        return None
    return None if facts is None else facts.kind
