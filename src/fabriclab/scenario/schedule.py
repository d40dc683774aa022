"""What of a scenario is due, open or out of reach, by what has come about so far. Pure: the time is given.

A name is *marked* when its step is done or its expectation holds. Steps and expectations hang on a mark: "start", a name, or
"end", which is marked when nothing is left but what hangs on it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from fabriclab.scenario.expected import END, START, Expectation
from fabriclab.scenario.step import Step


@dataclass(frozen=True)
class Mark:
    """When something came about: the journal's entry, and its seconds."""

    number: int
    since: float


class Schedule:
    """`slowness`: of the guest, by which the patience for each expectation grows."""

    def __init__(
        self, steps: Sequence[Step], expectations: Sequence[Expectation], lasts: float = 0.0, slowness: float = 1.0
    ) -> None:
        self._slowness = slowness
        self.steps = list(steps)
        self.open = list(expectations)
        self._lasts = lasts
        self._marks: dict[str, Mark] = {}
        self._lost: set[str] = set()

    @property
    def is_over(self) -> bool:
        return not self.steps and not self.open and END in self._marks

    def marked(self, name: str) -> Mark | None:
        return self._marks.get(name)

    def mark(self, name: str, mark: Mark) -> None:
        self._marks[name] = mark

    def lose(self, name: str) -> None:
        """It will never come about."""
        self._lost.add(name)

    def due(self, now: float) -> tuple[Step, ...]:
        """Steps whose moment has come, the earliest first."""
        ready = [(moment, step) for step in self.steps if (moment := self.moment(step)) is not None and moment <= now]
        return tuple(step for _, step in sorted(ready, key=lambda pair: pair[0]))

    def moment(self, step: Step) -> float | None:
        """When the step is due; None while what it hangs on has not come about."""
        mark = self._marks.get(step.at)
        return None if mark is None else mark.since + step.delay

    def active(self, now: float) -> tuple[Expectation, ...]:
        """Open expectations that count already."""
        return tuple(one for one in self.open if one.at in self._marks and self._marks[one.at].since + one.delay <= now)

    def deadline(self, expectation: Expectation) -> float:
        return self._marks[expectation.at].since + expectation.delay + expectation.within * self._slowness

    def out_of_reach(self) -> tuple[Step | Expectation, ...]:
        """What hangs on something that will never come about."""
        parts: tuple[Step | Expectation, ...] = (*self.steps, *self.open)
        return tuple(one for one in parts if one.at in self._lost)

    def reaches_end(self, now: float) -> bool:
        """Whether "end" has come: nothing is open but what hangs on it, and the scenario has lasted long enough."""
        start = self._marks.get(START)
        if END in self._marks or start is None or now < start.since + self._lasts:
            return False
        return not self.steps and all(one.at == END for one in self.open)

    def next_moment(self, now: float) -> float | None:
        """The next time at which something may change without anything happening."""
        moments = [moment for step in self.steps if (moment := self.moment(step)) is not None]
        for one in self.open:
            if one.at in self._marks:
                moments += [self._marks[one.at].since + one.delay, self.deadline(one)]
        start = self._marks.get(START)
        if END not in self._marks and start is not None:
            moments.append(start.since + self._lasts)
        return min((moment for moment in moments if moment > now), default=None)
