"""Where a handler lives: the directory ``<Name>-<Version>`` under the library directory, and its folder of logs.

Follows extensions.md 1.1. Odd: other software keeps directories with a dash beside ours (``custom-script``), so only a
name whose part after the *last* dash spells a version counts, and agents (``WALinuxAgent-…``) never do.
"""

from __future__ import annotations

from dataclasses import dataclass

from waagent.config.paths import HandlerPaths, Paths
from waagent.model.version import Version
from waagent.system.port import Files, Kind

AGENT = "WALinuxAgent"


@dataclass(frozen=True)
class Place(HandlerPaths):
    """All paths of one version of one handler; ``version`` is the version list's text, verbatim.

    ``config``, ``status``, ``logs``, ``extension_events``, ``manifest``, ``environment``, ``heartbeat``, ``state``,
    ``handler_status``, ``mrseq``, ``package_validated``, ``settings()``, ``extension_status()``, ``extension_state()`` and
    ``command_log()`` come from ``HandlerPaths``.
    """

    name: str
    version: str
    package: str
    """The zip while it is fetched and unpacked."""

    @staticmethod
    def of(paths: Paths, name: str, version: str) -> Place:
        own = vars(paths.handler(name, version))
        return Place(**own, name=name, version=version, package=paths.package(name, version))

    @property
    def full_name(self) -> str:
        """``<Name>-<Version>``, as logs and messages call it."""
        return f"{self.name}-{self.version}"

    @property
    def draft(self) -> str:
        """Where the package is unpacked before the directory gets its name; its own dots keep it from being a handler."""
        return f"{self.base}.unpacking"

    @property
    def removed(self) -> str:
        """What a directory is called while it is removed, so that half of one is never taken for a handler."""
        return f"{self.base}.removed"

    @property
    def operation(self) -> str:
        """Our own records of an operation under way (``journal``); gone when it is over."""
        return f"{self.base}/.operation"


def installed(files: Files, paths: Paths) -> tuple[Place, ...]:
    """Every handler directory there is, whatever its state, by name and then by version."""
    found = [_place(files, paths, name) for name in files.names(paths.lib) if "-" in name]
    return tuple(sorted((place for place in found if place is not None), key=_order))


def versions(files: Files, paths: Paths, name: str) -> tuple[Place, ...]:
    """The directories of one handler, oldest version first."""
    return tuple(place for place in installed(files, paths) if place.name == name)


def sound(name: str, version: str) -> bool:
    """Whether a name and version of a document may become a directory: no path, nothing hidden, not the agent's own."""
    parts = (name, version)
    return name != AGENT and all(part and "/" not in part and "\0" not in part and not part.startswith(".") for part in parts)


def _place(files: Files, paths: Paths, directory: str) -> Place | None:
    name, _, version = directory.rpartition("-")
    if not name or name == AGENT or Version.parse(version) is None:
        return None
    facts = files.facts(f"{paths.lib}/{directory}")
    return Place.of(paths, name, version) if facts is not None and facts.kind is Kind.DIRECTORY else None


def _order(place: Place) -> tuple[str, Version]:
    version = Version.parse(place.version)
    assert version is not None
    return place.name, version
