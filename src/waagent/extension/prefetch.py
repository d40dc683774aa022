"""Version lists and packages of one goal state, fetched side by side while the first extensions already run.

Each handler of the goal state is one piece of work: its list, and the package if one will be needed, which is then found
lying where ``prepare`` looks first. Whoever needs a handler waits for that handler alone. Odd: a failure is handed out once;
who asks again, such as the next extension of the same handler, asks the fabric itself. With one handler there is no thread.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from waagent.config.paths import Paths
from waagent.extension import plan, state
from waagent.extension.equipment import Source
from waagent.extension.journal import Journal
from waagent.extension.observe import installed_version
from waagent.extension.place import Place, sound
from waagent.extension.sequence import Ending
from waagent.model.extension import HandlerState, PackageVersion, RequestedHandler, RequestedState
from waagent.model.failure import Failure, SystemFailure
from waagent.system.port import System

AT_ONCE = 4
_LOOK = 0.5
"""Seconds after which a wait looks whether the program ends."""
Listed = tuple[tuple[PackageVersion, ...], str]


@dataclass
class _Errand:
    """One handler whose package is on its way, and what has come of it."""

    handler: RequestedHandler
    done: threading.Event = field(default_factory=threading.Event)
    listed: Listed | None = None
    no_list: BaseException | None = None
    no_package: BaseException | None = None
    package: str | None = None
    """Where the package that was fetched lies, until it is unpacked."""


class Prefetch:
    """``allowed`` tells for which handlers anything may be fetched. ``begin`` is called once, before anything else."""

    def __init__(
        self,
        system: System,
        paths: Paths,
        source: Source,
        handlers: Sequence[RequestedHandler],
        allowed: Callable[[RequestedHandler], bool],
        *,
        fast_track: bool,
    ) -> None:
        self._system = system
        self._paths = paths
        self._source = source
        self._fast_track = fast_track
        self._found: dict[str, Listed] = {}
        useful = {each.name: each for each in handlers if _is_useful(each) and allowed(each)}
        self._errands = {name: _Errand(handler) for name, handler in useful.items()} if len(useful) > 1 else {}

    def begin(self) -> None:
        """Start what fetches; the order is that of the goal state's pairs."""
        waiting = deque(self._errands.values())
        for _ in range(min(AT_ONCE, len(waiting))):
            threading.Thread(target=self._serve, args=(waiting,), name="packages", daemon=True).start()

    def listed(self, handler: RequestedHandler) -> Listed:
        """The handler's version list; its package is fetched then, too. Errors: ``Failure``, ``Ending``."""
        if handler.name in self._found:
            return self._found[handler.name]
        errand = self._errands.get(handler.name)
        if errand is not None:
            while not errand.done.wait(_LOOK):
                if not self._system.clock.pause(0):
                    raise Ending
            no_list, errand.no_list = errand.no_list, None
            if no_list is not None:
                raise no_list
            if errand.listed is not None:
                self._found[handler.name] = errand.listed
                return errand.listed
        found = self._source.version_list(handler.manifest_uris, fast_track=self._fast_track)
        self._found[handler.name] = found
        return found

    def download(
        self, handler: RequestedHandler, package: PackageVersion, place: Place, accept: Callable[[str], object]
    ) -> None:
        """Fetch a package that does not lie there. Errors: ``Failure``."""
        errand = self._errands.get(handler.name)
        if errand is not None:
            no_package, errand.no_package = errand.no_package, None
            if no_package is not None:
                raise no_package
        _, address = self.listed(handler)
        self._source.download(package.uris, place.package, accept, address, fast_track=self._fast_track)

    def end(self) -> None:
        """The goal state is done: packages that nobody came for go."""
        for errand in self._errands.values():
            if errand.package is not None and errand.done.is_set():
                try:
                    self._system.files.remove(errand.package)
                except SystemFailure as failure:
                    self._system.log.warning(failure.reason)

    def _serve(self, waiting: deque[_Errand]) -> None:
        while True:
            try:
                errand = waiting.popleft()
            except IndexError:
                return
            try:
                self._fetch(errand)
            finally:
                errand.done.set()

    def _fetch(self, errand: _Errand) -> None:
        handler = errand.handler
        try:
            errand.listed = self._source.version_list(handler.manifest_uris, fast_track=self._fast_track)
        except Exception as failure:  # noqa: BLE001 - raised again in the thread that wants the list
            errand.no_list = failure
            return
        try:
            package = self._needed(handler, errand.listed[0])
            if package is not None:
                place = Place.of(self._paths, handler.name, package.version)
                uris, address = package.uris, errand.listed[1]
                self._source.download(uris, place.package, lambda path: None, address, fast_track=self._fast_track)
                errand.package = place.package
        except Failure as failure:
            errand.no_package = failure

    def _needed(self, handler: RequestedHandler, listed: Sequence[PackageVersion]) -> PackageVersion | None:
        """The package that will be wanted, None when there is none or it lies there."""
        if handler.state is not RequestedState.ENABLED:
            return None
        files = self._system.files
        old = installed_version(files, self._paths, handler.name)
        try:
            package = plan.select(handler, listed, None if old is None else old.version)
        except Failure:
            return None  # who wants it will hear the same
        place = Place.of(self._paths, handler.name, package.version)
        there = state.handler_state(files, place) not in (HandlerState.NOT_INSTALLED, HandlerState.FAILED_UPGRADE)
        there = there or Journal(self._system, place).notes().get("prepared") == place.version
        return None if there or not package.uris or files.exists(place.package) else package


def _is_useful(handler: RequestedHandler) -> bool:
    return handler.invalid is None and sound(handler.name, handler.version)
