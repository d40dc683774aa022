"""The settings file of an extension, ``config/<seq>.settings`` or ``config/<ext>.<seq>.settings`` (extensions.md 1.4).

Odd: a handler without settings gets an empty ``0.settings``; extensions take the file with the newest time for the
current one, so it is written anew each time, even with the same content (``keep_newest`` sees to clocks that went back);
extensions scrub, cut and rename older files, so no other file is ever read, and none is removed but those of an instance
of a multi-config handler that the goal state disables (extensions.md 2.10).
"""

from __future__ import annotations

from collections.abc import Iterable

from waagent.codec import handler_files
from waagent.config.paths import HandlerPaths
from waagent.model.extension import RequestedExtension, RequestedHandler
from waagent.model.failure import DocumentFailure, ExtensionFailure
from waagent.system.action import MakeDirectory, Plan, Remove, WriteFile
from waagent.system.port import Files

MODE = 0o600
_SUFFIX = ".settings"


def instance(handler: RequestedHandler, extension: RequestedExtension | None) -> str | None:
    """The name that goes into the names of files: only instances of multi-config handlers have one."""
    return extension.name if extension is not None and handler.multi_config else None


def path(place: HandlerPaths, handler: RequestedHandler, extension: RequestedExtension | None) -> str:
    """The settings file of one instance; ``0.settings`` where there are no settings."""
    return place.settings(instance(handler, extension), 0 if extension is None else extension.sequence_number)


def plan(place: HandlerPaths, handler: RequestedHandler, extension: RequestedExtension | None) -> Plan:
    """Write the settings file, always, with a new time. Errors: ``ExtensionFailure`` when they are no JSON."""
    try:
        content = handler_files.render_settings(extension)
    except DocumentFailure as failure:
        raise ExtensionFailure("ExtensionError", failure.reason) from failure
    return (
        MakeDirectory(place.config, 0o700),
        WriteFile(path(place, handler, extension), content, MODE, anew=True, why="give the extension its settings"),
    )


def keep_newest(files: Files, current: str) -> None:
    """See that no other settings file of the directory is newer than the current one, whatever the clock did.

    Errors: ``SystemFailure``.
    """
    own = files.facts(current)
    if own is None:
        return
    directory = current.rpartition("/")[0]
    others = [f"{directory}/{name}" for name in files.names(directory) if name.endswith(_SUFFIX)]
    times = [facts.modified for facts in map(files.facts, (each for each in others if each != current)) if facts is not None]
    newest = max(times, default=own.modified - 1)
    if newest >= own.modified:
        files.set_modified(current, newest + 1)


def erase(place: HandlerPaths, extension: str, config: Iterable[str], status: Iterable[str]) -> Plan:
    """Remove all files of a disabled instance. ``config`` and ``status`` are the names in those two directories.

    Another instance whose name begins with the same text and a dot keeps its files.
    """
    state = place.extension_state(extension).rpartition("/")[2]
    gone = [f"{place.config}/{name}" for name in config if name == state or _belongs(name, extension, _SUFFIX)]
    gone += [f"{place.status}/{name}" for name in status if _belongs(name, extension, ".status")]
    return tuple(Remove(each) for each in sorted(gone))


def _belongs(name: str, extension: str, suffix: str) -> bool:
    if not (name.startswith(f"{extension}.") and name.endswith(suffix)):
        return False
    number = name[len(extension) + 1 : -len(suffix)]
    return number.isascii() and number.isdigit()
