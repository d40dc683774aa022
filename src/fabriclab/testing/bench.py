"""A lab for a test: opened on a machine that is provisioned, driven by the test, ended with it.

What a test waits for and does not get is an AssertionError that tells the lab's timeline.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from fabriclab.guests.adapter import Adapter
from fabriclab.guests.diff import Change
from fabriclab.guests.process import Completed
from fabriclab.journal.entry import Entry
from fabriclab.journal.journal import Journal
from fabriclab.judge import handler as handlers
from fabriclab.samples import package
from fabriclab.scenario import document, hearing, schema, steps
from fabriclab.scenario.expectations import EXTENSION_STATES
from fabriclab.scenario.expected import Handler
from fabriclab.scenario.lab import Lab, opened
from fabriclab.scenario.runner import Runner
from fabriclab.scenario.step import Publish, Source, Wanted
from fabriclab.scenario.table import Table
from fabriclab.scenario.timeline import Timeline
from fabriclab.world.events import Channel
from fabriclab.world.extension import Extension, Settings
from fabriclab.world.values import World

PATIENCE = 60.0  # seconds


class Fabric:
    """The fabric's side: what is published, what the agent reports, what goes wrong."""

    def __init__(self, lab: Lab, runner: Runner) -> None:
        self._lab = lab
        self._runner = runner

    @property
    def journal(self) -> Journal:
        """Everything that was said between agent and fabric, from the lab's start."""
        return self._lab.journal

    @property
    def world(self) -> World:
        return self._lab.fabric.world

    def publish(
        self,
        package: str | Path,
        *,
        name: str | None = None,
        version: str | None = None,
        public: Mapping[str, Any] | None = None,
        protected: Mapping[str, Any] | None = None,
        sequence: int | None = None,
        state: str = "enabled",
        channel: Channel = "wire",
        wait: str | None = None,
        within: float = PATIENCE,
    ) -> str:
        """Publishes a handler: its directory, its zip, or a sample's name. Gives its name.

        Name and version come from its manifest unless they are given; the sequence number is the next one unless it is. With
        `wait`, comes back when the extension reports that status for these settings. Raises BadHandler, AssertionError.
        """
        if wait is not None:
            _demand(wait)
        found = handlers.load(str(package), name, version)
        number = self._next(found.name) if sequence is None else sequence
        settings = (Settings(number, public, protected),)
        extension = Extension(found.name, found.version, state, settings)
        self._runner.do_now(Publish((Wanted(extension, _source(str(package))),), channel=channel))
        if wait is not None:
            self.wait_for(found.name, wait, sequence=number, within=within)
        return found.name

    def remove(self, name: str) -> None:
        """Asks for the extension's removal; `wait_until_gone` waits for it. Raises ValueError when it is not wanted."""
        self.do("remove", extension=name)

    def apply(self, *events: Any) -> World:
        """Events of the world (fabriclab.world.events), all at once."""
        return self._lab.fabric.apply(*events)

    def do(self, verb: str, **keys: Any) -> None:
        """Any step of a scenario by its verb: `do("fault", effect="status", code=503)`. Raises BadScenario, StepFailed."""
        self._runner.do_now(steps.parse(Table({"do": verb, **keys}, f"do({verb!r})"), 1).do)

    def wait_for(
        self, name: str, status: str = "success", *, sequence: int | None = None, within: float = PATIENCE
    ) -> Mapping[str, Any]:
        """The first status blob's part of the extension that says `status` (for these settings). Raises AssertionError."""
        _demand(status)
        what = Handler(name, extension=status, sequence=sequence)
        try:
            entry = self.wait(
                lambda one: hearing.hear(what, [one]).held is True, f"{name} reports {status}", within=within, after=0
            )
        except AssertionError as problem:
            raise AssertionError(f"{problem}\n{self._last_word(name)}") from None
        blob = entry.facts["document"]
        return next(part for part in hearing.handlers(blob) if part.get("handlerName") == name)

    def _last_word(self, name: str) -> str:
        """The newest status with its whole message: the timeline shortens it, and a failed command's output is in it."""
        found = self.status(name)
        if found is None:
            return f"No status speaks of {name}."
        words = filter(None, (hearing.message(found), hearing.message(hearing.settings_status(found))))
        return "\n".join((f"The newest status of {name}: {hearing.handler_text(found)}", *words))

    def wait_until_gone(self, name: str, within: float = PATIENCE) -> None:
        """Until a status blob no longer mentions the extension. Raises AssertionError."""

        def gone(entry: Entry) -> bool:
            return any(
                all(part.get("handlerName") != name for part in hearing.handlers(blob)) for _, blob in hearing.blobs([entry])
            )

        self.wait(gone, f"{name} is no longer reported", within=within)

    def wait(
        self, predicate: Callable[[Entry], bool], what: str = "it", *, within: float = PATIENCE, after: int | None = None
    ) -> Entry:
        """The first entry beyond number `after` (None: from now on) for which it is so. Raises AssertionError."""
        found = self.journal.wait(predicate, within, self.journal.last if after is None else after)
        if found is None:
            raise AssertionError(f"within {within:g} s: {what}: not seen. The lab:\n{self.timeline()}")
        return found

    def status(self, name: str) -> Mapping[str, Any] | None:
        """What the newest status blob says of the extension; None when it says nothing."""
        for _, blob in reversed(list(hearing.blobs(self.journal.entries()))):
            return next((part for part in hearing.handlers(blob) if part.get("handlerName") == name), None)
        return None

    def requests(self, service: str | None = None) -> tuple[Entry, ...]:
        """The exchanges so far, of one service (wireserver, hostplugin, imds, blob) or of all."""
        return tuple(one for one in self.journal.entries() if one.exchange is not None and service in (None, one.service))

    def timeline(self) -> str:
        """The lab's story so far, a line for each event."""
        timeline = Timeline()
        told = [timeline.tell(entry) for entry in self.journal.entries()]
        return "\n".join(f"{one.since:8.3f} s  {one.who:<7}{one.text}" for one in told if one is not None)

    @property
    def verbs(self) -> dict[str, dict[str, Any]]:
        """What `do` knows, with the keys of each."""
        return schema.verbs()

    def _next(self, name: str) -> int:
        known = [item.sequence for one in self.world.published if one.name.lower() == name.lower() for item in one.settings]
        return max(known, default=-1) + 1


class Guest:
    """The machine's side."""

    def __init__(self, lab: Lab, runner: Runner) -> None:
        self._lab = lab
        self._runner = runner

    def run(self, command: str | list[str], *, given: bytes = b"", timeout: float = PATIENCE) -> Completed:
        """A shell command, or a program with its arguments, as root: `status`, `output`, `errors`, `ok`."""
        argv = ["/bin/sh", "-c", command] if isinstance(command, str) else command
        return self._lab.guest.run(argv, given=given, timeout=timeout)

    def read(self, path: str) -> bytes | None:
        """A file's content; None when there is none."""
        return self._lab.guest.read(path)

    def changes(self) -> tuple[Change, ...]:
        """What differs from the untouched machine."""
        return self._lab.guest.changes()

    @property
    def agent_is_running(self) -> bool:
        return self._lab.service.is_running

    def restart_agent(self) -> None:
        self._do("restart-agent")

    def kill_agent(self) -> None:
        self._do("kill-agent")

    def start_agent(self) -> None:
        self._do("start-agent")

    def reboot(self) -> None:
        """Power off and on; the agent starts again."""
        self._do("reboot")

    def _do(self, verb: str) -> None:
        self._runner.do_now(steps.parse(Table({"do": verb}, verb), 1).do)


@contextmanager
def lab(
    adapter: Adapter, scenario: str | Path = "first-boot", configuration: Mapping[str, str] | None = None
) -> Iterator[tuple[Fabric, Guest]]:
    """A machine that has been provisioned from the scenario's medium and reported a status; of its steps nothing is done.

    Raises BadScenario, NamespaceUnavailable, RootUnavailable, AssertionError.
    """
    plain = document.find(str(scenario))
    settings = {**plain.configuration, **(configuration or {})}
    bare = replace(plain, steps=(), expectations=(), configuration=settings)
    with opened(bare, adapter, Journal()) as found:
        runner = Runner(found, lambda text: None)
        fabric = Fabric(found, runner)
        runner.begin()
        fabric.wait(_is_ready, "the agent reports Ready", after=0)
        fabric.wait(lambda entry: entry.kind == hearing.STATUS, "the agent reports a status", after=0)
        yield fabric, Guest(found, runner)


def _is_ready(entry: Entry) -> bool:
    return entry.kind == hearing.HEALTH and entry.facts.get("state") == "Ready"


def _source(place: str) -> Source:
    path = Path(place)
    if path.is_dir():
        return Source("directory", str(path.resolve()))
    return Source("package", str(path.resolve())) if path.is_file() else Source("sample", place)


def samples() -> tuple[str, ...]:
    """The handlers that come with the lab."""
    return package.names()


def _demand(status: str) -> None:
    """A misspelt status would be waited for in vain."""
    if status not in EXTENSION_STATES:
        raise ValueError(f'"{status}" is none of {", ".join(EXTENSION_STATES)}')
