"""What a run of a scenario gives: its timeline while it goes, and the result at its end, also as JSON."""

from dataclasses import asdict, dataclass, field
from typing import Any

from fabriclab.guests.diff import Change


@dataclass(frozen=True)
class TimelineEvent:
    """`since` seconds from the start of the run; `who`: lab, fabric, guest or agent; `good` None for neither good nor bad."""

    since: float
    who: str
    text: str
    good: bool | None = None


@dataclass(frozen=True)
class Verdict:
    """One expectation: what was expected, whether it held, and what was seen when it did not."""

    text: str
    held: bool
    detail: str = ""


@dataclass(frozen=True)
class Result:
    scenario: str
    agent: str
    guest: str
    seconds: float
    verdicts: tuple[Verdict, ...]
    times: dict[str, float] = field(default_factory=dict)
    timeline: tuple[TimelineEvent, ...] = ()
    changes: tuple[Change, ...] = ()
    kept: str | None = None

    @property
    def ok(self) -> bool:
        return bool(self.verdicts) and all(verdict.held for verdict in self.verdicts)

    def document(self) -> dict[str, Any]:
        """For --json: plain values only."""
        return {"ok": self.ok, **asdict(self)}
