"""A handler's life from beginning to end: lab opened, lived, judged, everything ended."""

import time
from collections.abc import Callable
from pathlib import Path

from fabriclab.guests.adapter import Adapter
from fabriclab.journal.journal import Journal
from fabriclab.judge import report
from fabriclab.judge.life import Life, NoLife, Tell
from fabriclab.judge.report import Report
from fabriclab.judge.settings import secrets
from fabriclab.judge.wishes import Wishes
from fabriclab.scenario.document import Scenario
from fabriclab.scenario.execution import keep_guest
from fabriclab.scenario.lab import Lab, opened


def run(
    wishes: Wishes, adapter: Adapter, journal: Journal, tell: Tell, wait_for: Callable[[str], None], *, keep: bool = False
) -> Report:
    """Raises NoLife, NamespaceUnavailable, RootUnavailable or BadAdapter when the lab or its agent cannot be had."""
    begun = time.monotonic()
    scenario = wishes.scenario()
    kept: Path | None = None
    with opened(scenario, adapter, journal) as lab:
        try:
            seen = Life(lab, wishes, tell, wait_for).live()
        except NoLife as problem:
            raise NoLife(f"{problem}{_kept_too(lab, scenario) if keep else ' (--keep keeps its log)'}") from problem
        wait_for("ending the agent and the guest")
        lab.end()
        if keep:
            kept = keep_guest(lab, scenario)
    if kept is not None:
        journal.write(kept / "journal.jsonl")
    return report.judge(seen, time.monotonic() - begun, str(kept) if kept is not None else None, secrets(wishes.protected))


def _kept_too(lab: Lab, scenario: Scenario) -> str:
    lab.end()
    return f"; kept: {keep_guest(lab, scenario)}"
