"""The faults in force: rules with their counters. The only state of this room; any thread may ask."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass

from fabriclab.faults.effects import Delay, Effect
from fabriclab.faults.rule import Occasion, Rule, fits, strikes


@dataclass(frozen=True)
class Verdict:
    """What strikes one request: seconds of delay in all, and at most one other effect. `name` is for the journal."""

    delay: float = 0.0
    effect: Effect | None = None
    name: str | None = None


class FaultPlan:
    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self._lock = threading.Lock()
        self._rules: list[tuple[Rule, int]] = [(rule, 0) for rule in rules]

    def add(self, rule: Rule) -> None:
        with self._lock:
            self._rules.append((rule, 0))

    @property
    def rules(self) -> tuple[Rule, ...]:
        with self._lock:
            return tuple(rule for rule, _ in self._rules)

    def lift(self, rule: Rule) -> bool:
        """Takes one such rule out; False when there is none."""
        with self._lock:
            for index, (one, _) in enumerate(self._rules):
                if one == rule:
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
        named = [rule.name for rule in struck if isinstance(rule.effect, Delay) or rule in others]
        return Verdict(delay, others[0].effect if others else None, " + ".join(named) or None)

    def _struck(self, occasion: Occasion) -> list[Rule]:
        struck = []
        with self._lock:
            for index, (rule, count) in enumerate(self._rules):
                if fits(rule, occasion):
                    self._rules[index] = (rule, count + 1)
                    if strikes(rule, occasion, count + 1):
                        struck.append(rule)
        return struck
