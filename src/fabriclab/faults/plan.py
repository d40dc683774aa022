"""The faults that were put in force: rules with their counters. The only state of this room; any thread may ask."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace

from fabriclab.faults import words
from fabriclab.faults.effects import Delay, Effect
from fabriclab.faults.rule import Occasion, Rule, fits, is_spent, strikes


@dataclass(frozen=True)
class Verdict:
    """What strikes one request: seconds of delay in all, and at most one other effect. `name` is for the journal."""

    delay: float = 0.0
    effect: Effect | None = None
    name: str | None = None


@dataclass
class Counted:
    """A rule and what has come of it: requests that fitted it, and those that it struck."""

    rule: Rule
    fitted: int = 0
    struck: int = 0


class FaultPlan:
    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self._lock = threading.Lock()
        self._rules = [Counted(rule) for rule in rules]

    def add(self, rule: Rule) -> None:
        with self._lock:
            self._rules.append(Counted(rule))

    def in_force(self, now: float) -> tuple[Counted, ...]:
        """Those that can still strike; `now` are the lab's seconds."""
        with self._lock:
            return tuple(replace(one) for one in self._rules if not is_spent(one.rule, one.fitted, now))

    def lift(self, rule: Rule) -> bool:
        """Takes one such rule out; False when there is none."""
        with self._lock:
            for index, one in enumerate(self._rules):
                if one.rule == rule:
                    del self._rules[index]
                    return True
            return False

    def clear(self) -> None:
        with self._lock:
            self._rules.clear()

    def judge(self, occasion: Occasion) -> Verdict:
        """Counts the request for every rule it fits and says what strikes it."""
        struck = self._struck(occasion)
        delay = sum(rule.effect.seconds for rule in struck if isinstance(rule.effect, Delay))
        others = [rule for rule in struck if not isinstance(rule.effect, Delay)][:1]
        named = [words.effect(rule.effect) for rule in struck if isinstance(rule.effect, Delay) or rule in others]
        return Verdict(delay, others[0].effect if others else None, " + ".join(named) or None)

    def _struck(self, occasion: Occasion) -> list[Rule]:
        struck = []
        with self._lock:
            for one in self._rules:
                if fits(one.rule, occasion):
                    one.fitted += 1
                    if strikes(one.rule, occasion, one.fitted):
                        one.struck += 1
                        struck.append(one.rule)
        return struck
