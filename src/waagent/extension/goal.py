"""One goal state's pairs, in their order: which version, which request, what its failure means for the rest.

Follows extensions.md 2.3, 2.4 and 3.2. Odd: every version list is fetched anew, also for what is installed and for what is to
go; the first failure that others wait for makes every pair after it be skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from waagent.extension import lifecycle, plan, verdict
from waagent.extension.entries import Progress
from waagent.extension.equipment import Equipment
from waagent.extension.journal import Entry, Journal
from waagent.extension.observe import installed_version
from waagent.extension.place import Place, sound
from waagent.extension.plan import Command
from waagent.extension.prefetch import Prefetch
from waagent.extension.sequence import PATIENCE, Ending, Pair, await_terminal, failed, holds_up
from waagent.extension.settings import instance
from waagent.extension.status import StatusReader
from waagent.extension.trust import Trust
from waagent.extension.worker import Worker, mark
from waagent.model.extension import PackageVersion, RequestedHandler, RequestedState
from waagent.model.failure import ExtensionFailure, Failure
from waagent.model.goal_state import Channel, ExtensionsGoalState
from waagent.model.status import ExtensionStatus


class Goal:
    """``note`` takes how far the work has come."""

    def __init__(
        self,
        equipment: Equipment,
        wanted: ExtensionsGoalState,
        pairs: Sequence[Pair],
        trust: Trust,
        note: Callable[[Progress], object],
    ) -> None:
        self._equipment = equipment
        self._system = equipment.system
        self._wanted = wanted
        self._pairs = pairs
        self._trust = trust
        self._note = note
        self._progress = Progress(wanted.identity, frozenset(pair.full_name for pair in pairs))
        self._deadline = equipment.system.clock.monotonic() + PATIENCE
        self._statuses = StatusReader(equipment.system.files, equipment.system.clock, equipment.system.log)
        self._broken: str | None = None
        handlers = list({pair.handler.name: pair.handler for pair in pairs}.values())
        fast_track = wanted.channel is Channel.FAST_TRACK
        allowed = _allowed(trust)
        self._fetch = Prefetch(equipment.system, equipment.paths, equipment.source, handlers, allowed, fast_track=fast_track)

    def work(self) -> None:
        """Errors: ``Ending``."""
        self._fetch.begin()
        for pair in self._pairs:
            self._move(doing=pair.full_name, since=self._system.clock.now())
            worker = self._pair(pair)
            self._move(pending=self._progress.pending - {pair.full_name})
            if worker is not None and self._broken is None and holds_up(pair, self._pairs):
                self._broken = self._await(pair, worker.target)
        for place in self._progress.chosen.values():
            Journal(self._system, place).end()
        self._fetch.end()
        self._move(doing=None)

    def _move(self, **changes: object) -> None:
        self._progress = replace(self._progress, **changes)  # type: ignore[arg-type]
        self._note(self._progress)

    def _pair(self, pair: Pair) -> Worker | None:
        """Process a pair; its worker if what comes after may wait for it."""
        handler = pair.handler
        if not all(sound(handler.name, text) for text in (handler.version, *([pair.extension.name] if pair.extension else []))):
            self._system.log.error(f"a handler of the name {handler.name!r} and version {handler.version!r} is not processed")
            self._break(pair)
            return None
        worker = Worker(self._equipment, pair, Place.of(self._equipment.paths, handler.name, handler.version))
        refusal = self._trust.gate.first(handler, pair.full_name)
        if refusal is None and self._broken is not None:
            verdict.skipped(worker, self._broken)
            return None
        refusal = refusal or self._trust.gate.listed(handler)
        if refusal is not None:
            self._move(refused=self._progress.refused | {handler.name})
            verdict.refused(worker, refusal)
            if refusal.blocks:
                self._break(pair)
            return None
        return self._request(worker)

    def _break(self, pair: Pair) -> None:
        if self._broken is None and holds_up(pair, self._pairs):
            self._broken = failed(pair)

    def _request(self, worker: Worker) -> Worker | None:
        """Do what is asked for; whatever goes wrong is this pair's alone."""
        pair = worker.pair
        try:
            if pair.handler.invalid is not None:
                verdict.invalid(worker, pair.handler.invalid)
                self._break(pair)
                return None
            package, old = self._select(worker)
            target = Place.of(self._equipment.paths, pair.handler.name, package.version)
            worker = Worker(self._equipment, pair, target)
            self._move(chosen={**self._progress.chosen, target.name: target})
            self._perform(worker, package, old)
            return worker
        except Ending:
            raise
        except Failure as failure:
            self._go_on()
            verdict.failed(worker, failure)
        except Exception as error:  # noqa: BLE001 - the edge of one extension operation
            self._go_on()
            import traceback  # with what it brings along a tenth of a megabyte, for what is not to happen

            self._system.log.error("".join(traceback.format_exception(error)))
            verdict.failed(worker, ExtensionFailure("ExtensionError", f"{type(error).__name__}: {error}"))
        worker.journal.end(_of_another)
        self._break(pair)
        return None

    def _go_on(self) -> None:
        """Errors: ``Ending``: what fails because the program ends is nobody's failure; the next start finds what was done."""
        if not self._system.clock.pause(0):
            raise Ending

    def _select(self, worker: Worker) -> tuple[PackageVersion, Place | None]:
        handler = worker.request
        old = installed_version(self._equipment.system.files, self._equipment.paths, handler.name)
        listed = self._versions(worker)
        package = plan.select(handler, listed, None if old is None else old.version)
        if handler.state is RequestedState.ENABLED and package.version != handler.version:
            text = f"version {package.version} is taken for the requested {handler.version}"
            worker.tell("RequestedVersionMismatch", True, text)
        return package, old

    def _versions(self, worker: Worker) -> tuple[PackageVersion, ...]:
        """The handler's version list; it serves all extensions of the same handler."""
        handler = worker.request
        try:
            return self._fetch.listed(handler)[0]
        except Failure as failure:
            text = f"Failed to get the manifest of extension {handler.name}"
            raise ExtensionFailure("ExtensionError", text, operation="Download", causes=(failure,)) from failure

    def _perform(self, worker: Worker, package: PackageVersion, old: Place | None) -> None:
        asked = worker.request.state
        worker.log.trim()
        worker.log.info(f"Target handler state: {asked.value if asked else None} [{self._wanted.identity}]")
        if asked is RequestedState.ENABLED:
            lifecycle.enable(worker, package, old, self._trust, self._fetch)
        elif asked is RequestedState.DISABLED:
            worker.tell("RequestedStateDisabled", True, "the goal state asks for the legacy state disabled")
            lifecycle.disable(worker)
        elif asked is RequestedState.UNINSTALL:
            lifecycle.uninstall(worker)
        else:
            raise ExtensionFailure("ExtensionsGoalStateError", "The requested state of the handler is not known")
        worker.journal.end(_of_another)

    def _await(self, pair: Pair, place: Place) -> str | None:
        """Wait for what a pair has started; why the rest is skipped, or None."""
        extension = pair.extension
        if extension is None:
            return None
        path = place.extension_status(instance(pair.handler, extension), extension.sequence_number)

        def look() -> ExtensionStatus | None:
            self._equipment.changed()
            if not self._system.files.exists(path):
                return None
            several = pair.handler.multi_config
            return self._statuses.read(place, extension.name, extension.sequence_number, multi_config=several)

        return await_terminal(pair, look, lambda: mark(self._equipment, path), self._system.clock, self._deadline)


def _allowed(trust: Trust) -> Callable[[RequestedHandler], bool]:
    return lambda handler: trust.gate.refusal(handler) is None


def _of_another(entry: Entry) -> bool:
    """The enabling of another of several extensions, whose turn comes."""
    return entry.word == Command.ENABLE.word
