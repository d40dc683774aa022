"""One guest of the lab, its agent behind the counting door, and what is left in the guest when it has settled."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from fabriclab.guests import adapter
from fabriclab.guests.adapter import Adapter
from fabriclab.guests.process import Completed
from fabriclab.journal.entry import Entry
from fabriclab.journal.journal import Journal
from fabriclab.scenario.document import Scenario
from fabriclab.scenario.lab import Lab, opened
from fabriclab.scenario.service import Service
from scenarios.extensions.stage import aggregate

HERE = Path(__file__).parent
TRACE = "/run/kill-trace"
PATIENCE = 60.0
AFTERWARDS = 0.5
"""Seconds after the first status in which an agent may still come to the point at which it dies."""


@dataclass(frozen=True)
class Effect:
    """A line of the trace: the thread, its number there, and what was done."""

    lane: str
    number: int
    text: str

    @property
    def point(self) -> str:
        return f"{self.lane}:{self.number}"

    def __str__(self) -> str:
        return f"{self.point} {self.text}"


def laid(place: Path) -> Adapter:
    """The counted agent as the sources are now, laid once for many guests."""
    found = adapter.load(HERE / "adapter.toml")
    adapter.lay(found, place)
    return replace(found, lay=(), copy=str(place))


@contextmanager
def lab(scenario: Scenario, agent: Adapter) -> Iterator[Lab]:
    """A lab whose guest is up and whose agent has not been started."""
    with opened(scenario, agent, Journal()) as made:
        yield made


def serve_until(lab: Lab, point: str) -> bool:
    """Starts an agent that dies at the point; False when it came to its first status without getting there."""
    environment = {**lab.adapter.environment, "KILL_AT": point}
    service = Service(lab.guest, replace(lab.adapter, environment=environment), lab.journal)
    service.start()
    heard = lab.journal.wait(lambda entry: entry.kind in ("status", "agent-ended"), PATIENCE, lab.journal.last)
    if heard is None or heard.kind == "status":
        heard = lab.journal.wait(lambda entry: entry.kind == "agent-ended", AFTERWARDS, lab.journal.last)
    if heard is None:
        service.stop()
        return False
    assert heard.facts["status"] == -signal.SIGKILL, f"the agent ended by itself: {heard.facts}\n{said(lab)}"
    return True


def serve(lab: Lab) -> None:
    """Starts the agent and lets it live until it has reported Ready and done its first goal state, then ends it in peace."""
    seen = lab.journal.last
    lab.service.start()
    heard = lab.journal.wait(lambda entry: entry.kind == "agent-ended" or bool(aggregate(entry)), PATIENCE, seen)
    assert heard is not None and heard.kind == "status", f"no goal state was done: {heard}\n{said(lab)}"
    owed = lab.guest.upper / "var/lib/waagent/ready_unsent"
    end = time.monotonic() + PATIENCE
    while owed.exists() and time.monotonic() < end:
        time.sleep(0.02)  # nothing tells that a file of a guest goes
    lab.service.stop()


def deprovision(lab: Lab, point: str = "") -> Completed:
    """Packer's call, killed at the point."""
    command, *words = lab.adapter.command[:-1]
    settings = [f"{name}={value}" for name, value in {**lab.adapter.environment, "KILL_AT": point}.items()]
    return lab.guest.run(["env", *settings, command, *words, "-force", "-deprovision+user"], timeout=PATIENCE)


def said(lab: Lab) -> str:
    return (lab.guest.read("/var/log/waagent.log") or b"").decode("utf-8", "replace")


def effects(lab: Lab) -> tuple[Effect, ...]:
    return tuple(each for each in _trace(lab) if not each.lane.endswith("~"))


def strokes(lab: Lab) -> tuple[Effect, ...]:
    """The single changes of the file system that the effects consist of."""
    return tuple(each for each in _trace(lab) if each.lane.endswith("~"))


def _trace(lab: Lab) -> tuple[Effect, ...]:
    text = (lab.guest.read(TRACE) or b"").decode("utf-8", "replace")
    found = []
    for line in text.splitlines():
        point, _, what = line.partition(" ")
        lane, _, number = point.partition(":")
        found.append(Effect(lane, int(number), what))
    return tuple(found)


def forget_effects(lab: Lab) -> None:
    lab.guest.run(["rm", "-f", TRACE])


def health(entries: tuple[Entry, ...]) -> tuple[str, ...]:
    """Every health report that the fabric took, in order."""
    reports = (entry.facts for entry in entries if entry.kind == "health" and not entry.refusal)
    return tuple(f"{facts.get('state')}/{facts.get('substatus') or ''}" for facts in reports)
