"""What is installed of a handler, read from the disk (extensions.md 2.1).

Odd: the installed version is the highest whose state says so; directories that only hold a failed try do not count.
"""

from __future__ import annotations

from waagent.config.paths import Paths
from waagent.extension import plan, state
from waagent.extension.place import Place, versions
from waagent.model.extension import HandlerState, RequestedHandler, RequestedState
from waagent.model.version import Version
from waagent.system.port import Files

_NOT_THERE = (HandlerState.NOT_INSTALLED, HandlerState.FAILED_UPGRADE)


def installed_version(files: Files, paths: Paths, name: str) -> Place | None:
    """The version of a handler that is installed, or None."""
    there = [place for place in versions(files, paths, name) if state.handler_state(files, place) not in _NOT_THERE]
    return there[-1] if there else None


def acted_on(files: Files, paths: Paths, handler: RequestedHandler) -> Place:
    """The version a goal state is about, as far as the disk tells: for reports before a version was selected."""
    requested = Place.of(paths, handler.name, handler.version)
    found = [place for place in versions(files, paths, handler.name) if state.handler_status(files, place) is not None]
    if handler.state is RequestedState.ENABLED:
        wanted = Version.parse(handler.version)
        fitting = [place for place in found if wanted is not None and wanted.matches(_version(place))]
        exact = [place for place in fitting if plan.same(place.version, handler.version)]
        return (exact or fitting or [requested])[-1]
    return installed_version(files, paths, handler.name) or requested


def _version(place: Place) -> Version:
    version = Version.parse(place.version)
    assert version is not None
    return version
