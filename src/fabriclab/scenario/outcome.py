"""What a run of a scenario gives: its timeline while it goes, and the result at its end, also as JSON."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar

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
    """What a run gives; with `ok` first it is the document of --json."""

    also: ClassVar = ("ok",)

    scenario: str
    agent: str
    guest: Annotated[str, "sandbox, systemd or vm"]
    seconds: Annotated[float, "of the whole run, the lab's making and end included"]
    verdicts: tuple[Verdict, ...]
    times: Annotated[dict[str, float], "seconds between two events, by the name of the span"] = field(default_factory=dict)
    timeline: tuple[TimelineEvent, ...] = ()
    changes: Annotated[tuple[Change, ...], "what the guest has made of its files"] = ()
    kept: Annotated[str | None, "the directory of --keep"] = None
    memory: Annotated[int, "bytes of all processes of the guest before its end (PSS), 0 where it is not known"] = 0

    @property
    def ok(self) -> Annotated[bool, "whether there were expectations and all held"]:
        return bool(self.verdicts) and all(verdict.held for verdict in self.verdicts)
