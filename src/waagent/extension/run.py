"""Processing extensions goal states and telling of handlers: what the daemon uses of this room (extensions.md 2.2, 2.3).

``process`` runs in one lane and may take hours, ``reports`` in another at any time: between them are only the disk and a
``Progress`` that is replaced as a whole. Odd: nothing is tried again within a goal state; a goal state whose extensions all
fail is processed all the same; on hold, or with features we lack, not even the cleanup runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from waagent.config.paths import Paths
from waagent.config.sections import Config
from waagent.extension import cleanup, environment, policy, root_certificate
from waagent.extension.entries import Progress, Reports
from waagent.extension.equipment import Equipment, Source
from waagent.extension.goal import Goal
from waagent.extension.place import installed
from waagent.extension.sequence import Ending, ordered
from waagent.extension.trust import Trust
from waagent.guest.profile import Guest
from waagent.model.event import Operation
from waagent.model.failure import SystemFailure
from waagent.model.goal_state import ExtensionsGoalState
from waagent.model.status import HandlerReport
from waagent.system.action import Plan
from waagent.system.apply import apply
from waagent.system.port import System

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Outcome:
    """What became of a goal state. At most one of the others is set unless it was ``processed``.

    ``unsupported`` are features we lack, ``error`` is something unexpected (the rest was done all the same); ``ending``:
    the program ends, the next start goes on.
    """

    processed: bool = False
    unsupported: tuple[str, ...] = ()
    error: str | None = None
    on_hold: bool = False
    outdated: bool = False
    ending: bool = False


class Extensions:
    """The extensions of this machine. ``changed`` is called from the lane of ``process`` whenever the status may differ."""

    def __init__(
        self,
        system: System,
        config: Config,
        paths: Paths,
        guest: Guest,
        packages: Source,
        *,
        agent_version: str,
        wire_endpoint: Callable[[], str],
        tell: Callable[[Operation], object],
        known_features: frozenset[str],
        changed: Callable[[], object] = lambda: None,
        inherited: Mapping[str, str] | None = None,
        root: bytes = root_certificate.PEM,
    ) -> None:
        self._system = system
        self._config = config
        self._paths = paths
        self._known_features = known_features
        self._version = agent_version
        self._root = root
        own = dict({"PATH": PATH} if inherited is None else inherited)
        own["_AZURE_GUEST_AGENT_DAEMON_VERSION_"] = agent_version
        if config.os.enable_fips:
            own["OPENSSL_FIPS"] = "1"
        self._equipment = Equipment(system, paths, packages, wire_endpoint, tell, changed, own, config.cgroups.enabled)
        self._reports = Reports(system, paths, self._equipment.unsaved)
        self._progress = Progress()
        self._start_owed = False

    # the lane of processing

    def process(self, wanted: ExtensionsGoalState, *, first_since_start: bool = False) -> Outcome:
        """Work on a goal state from beginning to end. Never raises for a single extension."""
        if first_since_start or self._start_owed:
            self._start_owed = not self._start()
        if wanted.outdated:
            return Outcome(outdated=True)
        if wanted.on_hold and self._config.general.enable_over_provisioning:
            self._system.log.info("the goal state is on hold: no extension is processed")
            return Outcome(on_hold=True)
        unsupported = self._unsupported(wanted)
        if unsupported:
            text = f"the goal state needs features that this agent lacks: {', '.join(unsupported)}"
            self._system.log.error(text)
            self._equipment.event("GoalStateUnsupportedFeatures", False, text, name="WALinuxAgent", version=self._version)
            return Outcome(unsupported=unsupported)
        try:
            error = self._work(wanted)
        except Ending:
            return Outcome(ending=True)
        self._cleanup(wanted)
        self._progress = replace(self._progress, pending=frozenset(), doing=None)
        self._equipment.changed()
        return Outcome(processed=True, error=error)

    def _work(self, wanted: ExtensionsGoalState) -> str | None:
        """Every pair in its order; the text of an error that should not have been."""
        pairs = ordered(wanted.handlers)
        self._note(Progress(wanted.identity, frozenset(pair.full_name for pair in pairs)))
        gate = policy.load(self._system.files, self._config)
        trust = Trust.of(gate, self._config, self._paths)
        goal = Goal(self._equipment, wanted, pairs, trust, self._note)
        try:
            goal.work()
        except Ending:
            raise
        except Exception as error:  # noqa: BLE001 - the edge that keeps one defect from ending the lane
            import traceback  # with what it brings along a tenth of a megabyte, for what is not to happen

            self._system.log.error("".join(traceback.format_exception(error)))
            return f"{type(error).__name__}: {error}"
        return None

    def _note(self, progress: Progress) -> None:
        self._progress = progress
        self._equipment.changed()

    def _unsupported(self, wanted: ExtensionsGoalState) -> tuple[str, ...]:
        return tuple(name for name in wanted.required_features if name not in self._known_features)

    def _start(self) -> bool:
        """What a start of the agent does for what is installed (extensions.md 1.3, 2.10, 5.6). False: the disk took not all."""
        files = self._system.files
        try:
            done = [
                self._apply(cleanup.migrate(files, self._paths)),
                self._apply(root_certificate.plan(self._paths, self._root)),
            ]
            for place in installed(files, self._paths):
                events = environment.has_events(files, place)
                done.append(self._apply(environment.refresh(place, events_there=events)))
        except SystemFailure as failure:
            self._system.log.warning(failure.reason)
            return False
        return all(done)

    def _cleanup(self, wanted: ExtensionsGoalState) -> None:
        try:
            names = [handler.name for handler in wanted.handlers]
            self._apply(cleanup.plan(self._paths, cleanup.observe(self._system.files, self._paths), names))
        except SystemFailure as failure:
            self._system.log.warning(f"the library directory could not be cleaned up: {failure.reason}")

    def _apply(self, plan: Plan) -> bool:
        try:
            apply(self._system, plan)
        except SystemFailure as failure:
            self._system.log.warning(failure.reason)
            return False
        return True

    # any lane

    def reports(self, wanted: ExtensionsGoalState | None) -> tuple[HandlerReport, ...]:
        """What the status says of handlers now."""
        if wanted is None or self._unsupported(wanted):
            return self._reports.on_disk()
        progress = self._progress
        if progress.identity != wanted.identity:
            held = wanted.outdated or (wanted.on_hold and self._config.general.enable_over_provisioning)
            names = frozenset() if held else frozenset(pair.full_name for pair in ordered(wanted.handlers))
            progress = Progress(wanted.identity, names)
        return self._reports.of(wanted.handlers, progress)
