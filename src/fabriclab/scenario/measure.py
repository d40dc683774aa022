"""One run of the bench: an agent boots for the first time in a fresh lab, is given goal states, and is then left in peace.

Every agent gets the same: the root of a Debian machine, the same provisioning DVD and configuration, the same extension, goal
states published the same pseudo-random moments after the one before was reported done, and an idle time in which the fabric
changes nothing. What is measured is read from the journal, from the files that the extension's commands leave, and from /proc.
"""

import os
import random
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from fabriclab.guests.adapter import Adapter
from fabriclab.guests.assemble import LIBRARIES
from fabriclab.journal.entry import Entry, Exchange
from fabriclab.journal.journal import Journal
from fabriclab.scenario import document, doing, footprint, hearing, times
from fabriclab.scenario.document import Scenario
from fabriclab.scenario.lab import Lab, opened
from fabriclab.scenario.step import Publish, Source, Wanted
from fabriclab.world.extension import Extension, Settings

SCENARIO = "first-boot"
SUITE = "bookworm"
NAME, SAMPLE, PACKAGE_VERSION = "Lab.Good", "good", "1.0.0"
CROWD = tuple(f"Lab.Many{number:02}" for number in range(20))
PATIENCE = 180.0  # seconds for anything that an agent is to do
SETTLING = 5.0  # seconds between the last report and the idle time: what the agent still has to say belongs to before
PERIOD = 6.0  # seconds within which a goal state is published: the longest poll period among the agents
STARTS = 5  # of `-version`

NOTICED = "goal state published → noticed"
FIRST_ENABLE = "extension published → enable started"
NEXT_ENABLE = "new settings published → enable started"
UPLOAD = times.UPLOAD
MANY = "20 extensions published → success of all uploaded"
PSS_BOOT = "memory (PSS) after the first status"
PSS = "memory (PSS) at the end of the idle time"
CPU_BOOT = "CPU from start to Ready"
CPU_IDLE = "CPU per idle minute"
REQUESTS = "requests per idle minute"
CONNECTIONS = "TCP connections opened per idle minute"
BYTES = "bytes per idle minute"
VERSION = "`waagent -version`"

MEBIBYTE = 1 << 20


class MeasureFailed(Exception):
    """The agent did not do what was to be measured; one sentence."""


@dataclass(frozen=True)
class Conditions:
    """`idle`: seconds; `publications`: goal states per run; `boots`: first boots per run, each in a fresh guest. A boot makes
    an RSA key, which takes now a tenth of a second and now two: a single one says little."""

    idle: float = 60.0
    publications: int = 8
    boots: int = 4
    seed: int = 1


@dataclass(frozen=True)
class Run:
    """`values`: what was measured, by name; times in seconds, memory in MiB. `version`: the agent's own words."""

    agent: str
    number: int
    version: str
    processes: int
    values: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True)
class MachineDocument:
    """Where it was measured."""

    kernel: str
    processors: int | None


def this_machine() -> MachineDocument:
    return MachineDocument(os.uname().release, os.cpu_count())


def same_root(adapters: Sequence[Adapter]) -> tuple[Adapter, ...]:
    """All agents on one Debian root, which has what each of them needs."""
    needed = {package for one in adapters if one.root == "debian" for package in one.packages}
    packages = tuple(sorted({*LIBRARIES, *needed}))
    return tuple(replace(one, root="debian", suite=SUITE, packages=packages) for one in adapters)


def measure(adapter: Adapter, number: int, conditions: Conditions, tell: Callable[[str], None]) -> Run:
    """`number`: of the run, from 1. Raises MeasureFailed, and what scenario.lab.opened raises."""
    values: defaultdict[str, list[float]] = defaultdict(list)
    for left in range(conditions.boots - 1, -1, -1):
        journal = Journal()
        with opened(_scenario(), adapter, journal) as lab:
            measured = _Measured(lab, conditions, tell, values)
            measured.boot()
            if not left:
                measured.publish(random.Random(conditions.seed + number))
                measured.rest()
                measured.crowd()
                version = measured.versions()
            _demand_soundness(journal)
    taken = {name: tuple(all_) for name, all_ in values.items()}
    return Run(adapter.name, number, version, measured.processes, taken)


def _scenario() -> Scenario:
    plain = document.find(SCENARIO)
    return replace(plain, steps=(), expectations=(), configuration={"Provisioning.Agent": "waagent"})


class _Measured:
    """One lab, and the values taken in it."""

    def __init__(
        self, lab: Lab, conditions: Conditions, tell: Callable[[str], None], values: defaultdict[str, list[float]]
    ) -> None:
        self._lab = lab
        self._journal = lab.journal
        self._conditions = conditions
        self._tell = tell
        self.values = values
        self.processes = 0

    def boot(self) -> None:
        self._tell("booting")
        self._lab.service.start()
        self._wait(lambda entry: entry.kind == hearing.HEALTH and entry.facts.get("state") == "Ready", 0, "got Ready")
        self.values[CPU_BOOT].append(self._footprint().cpu)
        self._wait(lambda entry: entry.kind == hearing.STATUS, 0, "uploaded a status")
        self.values[PSS_BOOT].append(self._footprint().pss / MEBIBYTE)
        spans = times.measure(self._journal.entries(), {})
        self.values[times.READY].append(spans[times.READY])
        self.values[times.FIRST_STATUS].append(spans[times.FIRST_STATUS])

    def publish(self, chance: random.Random) -> None:
        for sequence in range(self._conditions.publications):
            self._tell(f"goal state {sequence + 1} of {self._conditions.publications}")
            time.sleep(chance.uniform(0.0, PERIOD))
            before = self._journal.last
            doing.do(_publication(sequence), self._lab)
            self._wait(lambda entry: reports(entry, sequence), before, f"reported success of settings {sequence}")  # noqa: B023
            self._take(sequence, self._journal.since(before))

    def _take(self, sequence: int, entries: Sequence[Entry]) -> None:
        published = next(entry for entry in entries if entry.kind == "world")
        seen = next(entry for entry in entries if shows(entry, published))
        reported = next(entry for entry in entries if reports(entry, sequence))
        enabled = times.enabled(self._lab.guest)[NAME]
        self.values[NOTICED].append(seen.since - published.since)
        self.values[NEXT_ENABLE if sequence else FIRST_ENABLE].append(enabled.began - published.wall.timestamp())
        self.values[UPLOAD].append(reported.wall.timestamp() - enabled.ended)

    def rest(self) -> None:
        seconds = self._conditions.idle
        time.sleep(SETTLING)
        self._tell(f"{seconds:g} s of idle time")
        before, cpu, start = self._journal.last, self._footprint().cpu, self._journal.elapsed()
        time.sleep(seconds)
        after, minutes = self._footprint(), (self._journal.elapsed() - start) / 60
        entries = self._journal.entries()
        self.processes = after.processes
        self.values[PSS].append(after.pss / MEBIBYTE)
        self.values[CPU_IDLE].append((after.cpu - cpu) / minutes)
        for name, amount in traffic(entries, before).items():
            self.values[name].append(amount / minutes)

    def crowd(self) -> None:
        self._tell(f"{len(CROWD)} extensions in one goal state")
        before = self._journal.last
        doing.do(Publish(tuple(_wanted(name, 0) for name in CROWD)), self._lab)
        published = next(entry for entry in self._journal.since(before) if entry.kind == "world")
        done = self._wait(lambda entry: all(reports(entry, 0, name) for name in CROWD), before, "reported success of all")
        self.values[MANY].append(done.since - published.since)

    def versions(self) -> str:
        """Times a few starts of `-version`; gives its first line."""
        self._tell("starts of -version")
        command = [*self._lab.adapter.command[:-1], "-version"]
        said = ""
        for _ in range(STARTS):
            before = time.monotonic()
            done = self._lab.guest.run(command)
            self.values[VERSION].append(time.monotonic() - before)
            said = next(iter((done.output or done.errors).splitlines()), "")
        return said

    def _footprint(self) -> footprint.Footprint:
        number = self._lab.service.number
        if number is None:
            raise MeasureFailed(f"the agent {self._lab.adapter.name} has ended")
        return footprint.take(self._lab.guest.process, number)

    def _wait(self, predicate: Callable[[Entry], bool], after: int, what: str) -> Entry:
        found = self._journal.wait(predicate, PATIENCE, after)
        if found is None:
            raise MeasureFailed(f"within {PATIENCE:g} s the agent {self._lab.adapter.name} has not {what}")
        return found


def shows(entry: Entry, published: Entry) -> bool:
    """Whether this reply is the first document that the publication made new: goal state or vmSettings, whichever."""
    if entry.exchange is None or entry.exchange.status != 200:
        return False
    if entry.kind == "vm_settings":
        return str(entry.facts.get("etag")) == str(published.facts.get("etag"))
    return entry.service == "wireserver" and entry.summary == f"goal state {published.facts.get('incarnation')}"


def reports(entry: Entry, sequence: int, name: str = NAME) -> bool:
    """Whether this is a status blob in which the extension says success for these settings."""
    blob = entry.facts.get("document") if entry.kind == hearing.STATUS else None
    if not isinstance(blob, Mapping):
        return False
    return any(
        part.get("handlerName") == name
        and (part.get("runtimeSettingsStatus") or {}).get("sequenceNumber") == sequence
        and hearing.settings_status(part).get("status") == "success"
        for part in hearing.handlers(blob)
    )


def traffic(entries: Sequence[Entry], after: int) -> dict[str, float]:
    """Requests, connections and bytes in the entries beyond number `after`; a connection that was there before is not new."""
    old = {entry.exchange.connection for entry in entries if entry.exchange and entry.number <= after}
    exchanges = [entry.exchange for entry in entries if entry.exchange and entry.number > after]
    new = {exchange.connection for exchange in exchanges} - old
    return {REQUESTS: len(exchanges), CONNECTIONS: len(new), BYTES: sum(map(_size, exchanges))}


def _size(exchange: Exchange) -> int:
    """Bodies and headers, both ways; the lines that begin a request and a reply are left out."""
    headers = (*exchange.request_headers, *exchange.response_headers)
    return exchange.request_size + exchange.response_size + sum(len(name) + len(value) + 4 for name, value in headers)


def _publication(sequence: int) -> Publish:
    return Publish((_wanted(NAME, sequence),))


def _wanted(name: str, sequence: int) -> Wanted:
    settings = Settings(sequence, {"message": f"number {sequence}"}, {"secret": "not to be seen"})
    return Wanted(Extension(name, PACKAGE_VERSION, settings=(settings,)), Source("sample", SAMPLE))


def _demand_soundness(journal: Journal) -> None:
    for entry in journal.entries():
        if entry.kind == "lab_failure":
            raise MeasureFailed(f"the lab itself failed: {entry.summary}")
