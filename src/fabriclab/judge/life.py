"""A handler's whole life in an open lab, stage by stage, and what was seen of it.

    install        fresh goal state: install, enable                same goal state   published again: enable, same number
    new settings   the next sequence number: enable                 agent restart     enable once more, same number
    update         to a higher version: disable, update, …          disable, uninstall

With an older package the life begins with that and is updated at once, so that all the rest is lived by the judged one. A
handler that leaves /run/reboot-required and no final status is given its reboot, and enable after it.
"""

from collections.abc import Callable
from dataclasses import replace

from fabriclab.guests.control import ControlError
from fabriclab.guests.process import GuestTimeout
from fabriclab.journal.entry import Entry
from fabriclab.judge import evidence, sight
from fabriclab.judge.evidence import Evidence, Leak, Left, Stage
from fabriclab.judge.settings import hide, secrets
from fabriclab.judge.turn import Turn, wait_for_end
from fabriclab.judge.wishes import Wishes
from fabriclab.scenario import hearing, service
from fabriclab.scenario.lab import Lab
from fabriclab.world.events import BumpIncarnation, PutExtension
from fabriclab.world.extension import CONTAINER

READY = 60.0
SETTLE = 3.0
SLOW = 0.2
HEARTBEAT = 10.0  # seconds that a handler gets for its first heartbeat

Tell = Callable[[Stage], None]


class _GivenUp(Exception):
    """A command did not come to its end: the same would be waited for in every stage that is left."""


class NoLife(Exception):
    """The agent never came as far as the handler; one sentence."""


class Life:
    """`tell` gets each stage when it is over, `wait_for` a line about what is waited for."""

    def __init__(self, lab: Lab, wishes: Wishes, tell: Tell, wait_for: Callable[[str], None]) -> None:
        self._lab = lab
        self._wishes = wishes
        self._tell = tell
        self._wait_for = wait_for
        self._secrets = secrets(wishes.protected)
        self._stages: list[Stage] = []
        self._leaks: dict[tuple[str, str], Leak] = {}
        self._elsewhere: dict[str, None] = {}
        self._version = wishes.versions[0].version
        self._sequence = 0
        self._runs_seen = 0

    def live(self) -> Evidence:
        """Raises NoLife."""
        self._begin()
        before = sight.look(self._lab.guest)
        for one in self._wishes.versions:
            name = f"{one.name}__{one.version}"
            self._lab.fabric.blobs.put(CONTAINER, name, one.package())
        self._before = before
        try:
            if self._install():
                self._middle()
            expected = ("uninstall",) if self._is_installed else ()
            self._stage(evidence.UNINSTALL, expected, lambda: self._publish("uninstall"))
        except _GivenUp:
            return self._evidence()
        return replace(self._evidence(), left=self._left(before))

    def _begin(self) -> None:
        self._lab.service.start()
        self._wait_for("waiting for the agent to be ready")
        found = self._lab.journal.wait(
            lambda entry: (
                entry.kind == service.ENDED
                or (entry.kind == hearing.HEALTH and entry.facts.get("state") == "Ready" and entry.refusal is None)
            ),
            READY,
        )
        if found is None or found.kind == service.ENDED:
            raise NoLife("the agent did not report Ready, so nothing can be said about the handler")

    def _install(self) -> bool:
        """Whether there is something installed to go on with."""
        stage = self._stage(evidence.INSTALL, ("install", "enable"), lambda: self._publish("enabled"))
        if self._wishes.old is not None and not stage.problem:
            self._update()
        return self._is_installed

    def _middle(self) -> None:
        self._sequence = 1
        self._stage(evidence.SETTINGS, ("enable",), lambda: self._publish("enabled"))
        self._stage(evidence.SAME, ("enable",), lambda: self._lab.fabric.apply(BumpIncarnation()))
        self._stage(evidence.RESTART, ("enable",), self._restart)
        if self._wishes.old is None:
            self._update()
        if self._is_enabled:
            self._stage(evidence.DISABLE, ("disable",), lambda: self._publish("disabled"))

    @property
    def _is_installed(self) -> bool:
        return any(one.command == "install" and one.status == 0 for each in self._stages for one in each.commands)

    @property
    def _is_enabled(self) -> bool:
        """Whether the current version was ever enabled: only then an agent disables it (extensions 2.11)."""
        runs = [one for each in self._stages for one in each.commands if one.version == self._version]
        return any(one.command == "enable" and one.status == 0 for one in runs)

    def _update(self) -> None:
        new = self._wishes.versions[1]
        mode = str(new.manifest.handler.get("updateMode") or "UpdateWithInstall").lower()
        disable = ("disable",) if self._is_enabled else ()
        install = ("install",) if mode == "updatewithinstall" else ()
        self._version = new.version
        expected = (*disable, "update", "uninstall", *install, "enable")
        self._stage(evidence.UPDATE, expected, lambda: self._publish("enabled"))

    def _publish(self, state: str) -> None:
        self._lab.fabric.apply(PutExtension(self._wishes.extension(self._version, self._sequence, state)))

    def _restart(self) -> None:
        self._lab.service.stop()
        self._lab.service.start()

    def _stage(self, name: str, expected: tuple[str, ...], begin: Callable[[], object]) -> Stage:
        self._wait_for(f"{name}: {' '.join(expected)}")
        turn = Turn(
            self._lab, self._wishes, name, expected, self._version, self._sequence, self._runs_seen, self._lab.journal.last
        )
        begin()
        turn = replace(turn, since=self._start_of_agent(turn.since)) if name in (evidence.RESTART, evidence.REBOOT) else turn
        outcome = wait_for_end(turn)
        if outcome.wants_reboot:
            self._keep(outcome.stage)
            return self._stage(evidence.REBOOT, ("enable",), lambda: self._lab.reboot(True))
        return self._keep(outcome.stage)

    def _start_of_agent(self, otherwise: int) -> int:
        started = [entry.number for entry in self._lab.journal.entries() if entry.kind == service.STARTED]
        return started[-1] if started else otherwise

    def _keep(self, stage: Stage) -> Stage:
        known = self._secrets
        reported = tuple(hide(one, known) for one in stage.reported)
        message, problem = hide(stage.message, known), hide(stage.problem, known)
        stage = self._observed(replace(stage, message=message, problem=problem, reported=reported))
        self._runs_seen += len(stage.commands)
        self._stages.append(stage)
        self._tell(stage)
        if stage.problem and any(one.ended is None for one in stage.commands) and not stage.agent_died:
            raise _GivenUp
        if stage.agent_died and not self._lab.service.is_running:
            self._lab.service.start()  # as a service manager would
        return stage

    def _observed(self, stage: Stage) -> Stage:
        """With what lies in the guest now."""
        guest, wishes = self._lab.guest, self._wishes
        base = f"{sight.LIB}/{wishes.handler.name}-{stage.version}"
        try:
            for leak in sight.leaks(guest, self._secrets, stage.name):
                self._leaks.setdefault((leak.secret, leak.where), leak)
            for path in sight.logs_elsewhere(self._before, sight.look(guest), wishes.handler.name):
                self._elsewhere[path] = None
            stage = replace(
                stage, logged=sight.logged(guest, wishes.handler.name), linked=sight.links(guest, base, wishes.handler.name)
            )
            stage = replace(stage, events=sight.events(guest, wishes.handler.name))
            if not stage.enables:
                return stage
            wanted = [(name, stage.sequence) for name in wishes.instances]
            mrseq = guest.read(f"{base}/mrseq")
            return replace(
                stage,
                files=sight.status_files(guest, base, wanted),
                mrseq=mrseq[:64].decode("utf-8", "replace") if mrseq is not None else None,
                heartbeat=self._heartbeat(base) if wishes.handler.manifest.reports_heartbeat else None,
            )
        except (ControlError, GuestTimeout) as problem:
            return replace(stage, problem=stage.problem or f"the guest does not answer: {problem}")

    def _heartbeat(self, base: str) -> evidence.Heartbeat:
        end = self._lab.journal.elapsed() + HEARTBEAT
        while (found := sight.heartbeat(self._lab.guest, base)).content is None and self._lab.journal.elapsed() < end:
            self._wait_for("waiting for a heartbeat")
            self._lab.journal.wait(lambda entry: False, SLOW, self._lab.journal.last)
        return found

    def _left(self, before: sight.Sight) -> Left:
        """After the uninstallation. What is just ending gets a moment to end."""
        guest, journal = self._lab.guest, self._lab.journal
        self._wait_for("looking at what is left")
        end = journal.elapsed() + SETTLE
        while True:
            try:
                running = sight.left_processes(before, sight.processes(guest), self._lab.service.number)
                if not running or journal.elapsed() > end:
                    files = sight.left_files(before, sight.look(guest), self._wishes.allowed, self._wishes.handler.name)
                    return Left(files, running)
            except (ControlError, GuestTimeout):
                return Left(processes=("the guest does not answer any more",))
            journal.wait(lambda entry: False, SLOW, journal.last)

    def _evidence(self) -> Evidence:
        handler = self._wishes.handler
        for stage in self._stages:
            for command in stage.commands:
                for one in self._secrets:
                    line = next((text for text in command.lines if any(form in text.encode() for form in one.forms)), None)
                    if line is not None:
                        where = f"{command.name}: {line.split(' ', 1)[0]} …"
                        self._leaks.setdefault((one.key, where), Leak(one.key, where, "process", stage.name))
        for entry in self._lab.journal.entries():
            for one in self._secrets:
                if _said(entry, one.forms):
                    where = f"{entry.summary or entry.service} at {entry.since:.1f} s"
                    self._leaks.setdefault((one.key, entry.kind or entry.service), Leak(one.key, where, "fabric", ""))
        return Evidence(
            name=handler.name,
            version=handler.version,
            source=handler.source.path,
            agent=self._lab.adapter.name,
            declares_heartbeat=handler.manifest.reports_heartbeat,
            multi_config=handler.manifest.multi_config,
            stages=tuple(self._stages),
            secrets=tuple(one.key for one in self._secrets),
            leaks=tuple(self._leaks.values()),
            logs_elsewhere=tuple(self._elsewhere),
        )


def _said(entry: Entry, forms: tuple[bytes, ...]) -> bool:
    """Whether the guest told the fabric the secret."""
    return entry.exchange is not None and any(form in entry.exchange.request_body for form in forms)
