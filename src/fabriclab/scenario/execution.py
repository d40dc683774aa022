"""A scenario from beginning to end: lab opened, steps done, expectations decided, everything ended, one result."""

import shutil
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from fabriclab.guests import assemble
from fabriclab.guests.adapter import Adapter
from fabriclab.guests.diff import Change
from fabriclab.journal.entry import LAB, Entry
from fabriclab.journal.journal import Journal
from fabriclab.scenario import footprint, times
from fabriclab.scenario.document import Scenario
from fabriclab.scenario.lab import Lab, opened
from fabriclab.scenario.outcome import Result, TimelineEvent, Verdict
from fabriclab.scenario.runner import Runner, WaitFor
from fabriclab.scenario.service import LOG
from fabriclab.scenario.timeline import Timeline

Tell = Callable[[TimelineEvent], None]


def execute(
    scenario: Scenario, adapter: Adapter, journal: Journal, tell: Tell, wait_for: WaitFor, *, keep: bool = False
) -> Result:
    """Runs it to its end. Raises NamespaceUnavailable, RootUnavailable or BadAdapter when the lab cannot be made."""
    begun = time.monotonic()
    told = _Told(tell)
    leave = journal.subscribe(told.take)
    kept = None
    changes: tuple[Change, ...] = ()
    try:
        with opened(scenario, adapter, journal) as lab:
            runner = Runner(lab, wait_for)
            runner.begin()
            runner.run()
            wait_for("looking at what changed")
            changes = lab.guest.changes()
            memory = footprint.whole(lab.guest.process)
            measured = times.measure(journal.entries(), times.enabled(lab.guest))
            wait_for("ending the agent and the guest")
            lab.end()
            if keep:
                kept = keep_guest(lab, scenario)
        journal.add("guest", "everything ended", who=LAB)
    finally:
        leave()
    if kept is not None:
        journal.write(kept / "journal.jsonl")
    return Result(
        scenario=scenario.name,
        agent=adapter.name,
        guest=adapter.guest,
        seconds=time.monotonic() - begun,
        verdicts=(*runner.verdicts, *_mistakes(journal)),
        times=measured,
        timeline=tuple(told.events),
        changes=changes,
        kept=str(kept) if kept is not None else None,
        memory=memory,
    )


class _Told:
    """Hands the timeline on and keeps it."""

    def __init__(self, tell: Tell) -> None:
        self.events: list[TimelineEvent] = []
        self._timeline = Timeline()
        self._tell = tell

    def take(self, entry: Entry) -> None:
        event = self._timeline.tell(entry)
        if event is not None:
            self.events.append(event)
            self._tell(event)


def _mistakes(journal: Journal) -> tuple[Verdict, ...]:
    """Failures of the lab itself: a run with one proves nothing."""
    return tuple(
        Verdict("the lab itself does not fail", False, entry.summary)
        for entry in journal.entries()
        if entry.kind == "lab_failure"
    )


def keep_guest(lab: Lab, scenario: Scenario) -> Path:
    """Copies what the guest wrote."""
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    place = assemble.cache() / "kept" / f"{scenario.name}-{lab.adapter.name}-{stamp}"
    place.mkdir(parents=True, mode=0o700)
    lab.guest.keep(place / "upper")
    log = lab.guest.files / LOG
    if log.exists():
        shutil.copy(log, place / LOG)
    return place
