"""What the status blob says of handlers (extensions.md 4.3; fabric.md 7.2), read from the disk while others work on it.

Odd: a handler without HandlerStatus is not reported, nor one of several extensions that is disabled as asked; a single
extension's status only counts while its handler is installed, or when it is not allowed. Where the reference is silent for
as long as commands run, this says ``transitioning`` for what is still to come, so that an old error is not taken for the
answer to a new goal state. One handler's trouble never costs the report of another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from waagent.codec import handler_manifest
from waagent.config.paths import Paths
from waagent.extension import state
from waagent.extension.heartbeat import Heartbeats
from waagent.extension.observe import acted_on
from waagent.extension.place import Place, installed
from waagent.extension.status import TERMINAL, StatusReader
from waagent.model.extension import HandlerState, RequestedExtension, RequestedHandler, RequestedState
from waagent.model.failure import DocumentFailure, SystemFailure
from waagent.model.status import ExtensionStatus, HandlerReport, HandlerStatus
from waagent.system.port import System

_SETTINGS = ".settings"
_READY = "Ready"


@dataclass(frozen=True)
class Progress:
    """How far a goal state is worked on; replaced as a whole, so that another thread may look at any time."""

    identity: str | None = None
    pending: frozenset[str] = frozenset()
    """Full names of the pairs that are not done."""
    doing: str | None = None
    """The pair that is being worked on, and since when."""
    since: datetime | None = None
    chosen: Mapping[str, Place] = field(default_factory=dict)
    """The versions that were selected."""
    refused: frozenset[str] = frozenset()
    """Handlers that are not allowed."""


class Reports:
    """Builds the entries, report after report; for one thread. ``unsaved``: statuses that the disk did not take."""

    def __init__(self, system: System, paths: Paths, unsaved: Mapping[str, HandlerStatus] | None = None) -> None:
        self._unsaved: Mapping[str, HandlerStatus] = unsaved if unsaved is not None else {}
        self._system = system
        self._files = system.files
        self._paths = paths
        self._statuses = StatusReader(system.files, system.clock, system.log)
        self._heartbeats = Heartbeats(system.files, system.clock)
        self._beating: dict[str, tuple[object, bool]] = {}

    def of(self, handlers: tuple[RequestedHandler, ...], progress: Progress) -> tuple[HandlerReport, ...]:
        """The entries of the handlers that a goal state names."""
        return tuple(report for handler in handlers for report in self._guarded(handler, progress))

    def on_disk(self) -> tuple[HandlerReport, ...]:
        """The entries of whatever is there, for a goal state that cannot be understood (extensions.md 3.7)."""
        found: list[HandlerReport] = []
        for place in installed(self._files, self._paths):
            status = state.handler_status(self._files, place)
            if status is not None:
                found += [HandlerReport(status, each) for each in self._newest(place, status)] or [HandlerReport(status)]
        return tuple(found)

    def _guarded(self, handler: RequestedHandler, progress: Progress) -> tuple[HandlerReport, ...]:
        try:
            return self._handler(handler, progress)
        except Exception as error:  # noqa: BLE001 - the edge that keeps one handler's trouble from costing all reports
            self._system.log.error(f"{handler.name}: no status could be made: {type(error).__name__}: {error}")
            text = f"[ExtensionError] {error}"
            return (HandlerReport(HandlerStatus(handler.name, handler.version, "NotReady", -1, text, handler.multi_config)),)

    def _handler(self, handler: RequestedHandler, progress: Progress) -> tuple[HandlerReport, ...]:
        place = progress.chosen.get(handler.name) or acted_on(self._files, self._paths, handler)
        known = state.handler_state(self._files, place)
        status = self._unsaved.get(place.base) or state.handler_status(self._files, place)
        waiting = _waiting(handler, progress)
        if waiting and (status is None or status.code != 0 or known is HandlerState.NOT_INSTALLED):
            return self._under_way(handler, place, known, progress)
        if status is None:
            return ()
        status = replace(status, name=handler.name, multi_config=handler.multi_config)
        refused = handler.name in progress.refused
        stale = progress.pending if waiting and status.status != _READY else frozenset()
        failed = status if status.code != 0 and not handler.multi_config else None
        if known is HandlerState.NOT_INSTALLED and not handler.multi_config and not refused:
            return (HandlerReport(status),)
        if known is not HandlerState.NOT_INSTALLED and self._beats(place):
            status = self._heartbeats.merge(place, status, disallowed=refused)
        shown = [each for each in handler.extensions if not self._silent(handler, place, each)]
        entries = [self._extension(handler, place, each, stale, failed) for each in shown]
        return tuple(HandlerReport(status, each) for each in entries) or (HandlerReport(status),)

    def _under_way(
        self, handler: RequestedHandler, place: Place, known: HandlerState, progress: Progress
    ) -> tuple[HandlerReport, ...]:
        """A handler whose last word is about something else than the goal state that is being worked on."""
        new = known in (HandlerState.NOT_INSTALLED, HandlerState.FAILED_UPGRADE)
        text = f"Plugin is being {'installed' if new else 'enabled'}"
        if progress.doing not in _names(handler):
            text = f"Plugin waits to be {'installed' if new else 'enabled'}"
        elif progress.since is not None:
            text += f" since {progress.since:%Y-%m-%dT%H:%M:%SZ}"
        word = "Installing" if new else "NotReady"
        status = HandlerStatus(handler.name, place.version, word, 0, text, handler.multi_config)
        entries = [self._extension(handler, place, each, progress.pending) for each in handler.extensions]
        return tuple(HandlerReport(status, each) for each in entries) or (HandlerReport(status),)

    def _extension(
        self,
        handler: RequestedHandler,
        place: Place,
        extension: RequestedExtension,
        stale: frozenset[str],
        failed: HandlerStatus | None = None,
    ) -> ExtensionStatus:
        """The status of an extension.

        An end that an earlier run came to is no answer for what is ``stale``: still to come. Where the handler ``failed``
        and the extension wrote nothing, the handler's error stands at this level too, instead of transitioning for ever
        (fabric.md 7.5).
        """
        found = self._statuses.read(place, extension.name, extension.sequence_number, multi_config=handler.multi_config)
        name = f"{handler.name}.{extension.name}" if handler.multi_config else handler.name
        if name in stale and found.status in TERMINAL:
            text = "This status is being reported by the Guest Agent while the extension is being enabled"
            return ExtensionStatus(extension.name, extension.sequence_number, "transitioning", message=text)
        path = place.extension_status(None, extension.sequence_number)
        if failed is not None and self._files.facts(path) is None:
            return ExtensionStatus(extension.name, extension.sequence_number, "error", failed.code, failed.message)
        return found

    def _silent(self, handler: RequestedHandler, place: Place, extension: RequestedExtension) -> bool:
        disabled = handler.multi_config and extension.state is RequestedState.DISABLED
        return disabled and not state.extension_enabled(self._files, place, extension.name)

    def _beats(self, place: Place) -> bool:
        """Whether the handler's manifest promises heartbeats; read again only when it changed."""
        facts = self._files.facts(place.manifest)
        mark = None if facts is None else (facts.modified, facts.size)
        known = self._beating.get(place.base)
        if known is None or known[0] != mark:
            known = self._beating[place.base] = (mark, mark is not None and self._promises(place))
        return known[1]

    def _promises(self, place: Place) -> bool:
        try:
            return handler_manifest.parse(self._files.read(place.manifest)).report_heartbeat
        except (SystemFailure, DocumentFailure):
            return False

    def _newest(self, place: Place, status: HandlerStatus) -> list[ExtensionStatus]:
        """The statuses that belong to the settings on the disk, of each extension the ones written last."""
        newest: dict[str, tuple[float, int]] = {}
        for name in self._files.names(place.config):
            extension, _, number = name.removesuffix(_SETTINGS).rpartition(".")
            facts = self._files.facts(f"{place.config}/{name}")
            if name.endswith(_SETTINGS) and number.isdecimal() and facts is not None and facts.size:
                newest[extension] = max(newest.get(extension, (0.0, 0)), (facts.modified, int(number)))
        several = any(newest)
        return [
            self._statuses.read(place, extension or status.name, number, multi_config=several)
            for extension, (_, number) in newest.items()
            if bool(extension) is several
        ]


def _waiting(handler: RequestedHandler, progress: Progress) -> bool:
    """Whether something that is to be enabled is still to come."""
    return handler.state is RequestedState.ENABLED and not progress.pending.isdisjoint(_names(handler))


def _names(handler: RequestedHandler) -> tuple[str, ...]:
    """The full names of a handler's pairs."""
    if handler.multi_config:
        return tuple(f"{handler.name}.{each.name}" for each in handler.extensions)
    return (handler.name,)
