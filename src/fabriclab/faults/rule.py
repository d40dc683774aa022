"""Which exchanges a fault strikes. Pure: the same rule, request, count and time always give the same answer.

`path` is a pattern with * and ? over the whole target, query included, ignoring case. Counting is per rule, over the requests
that fit its service, method and path, from 1: `nth` names single ones, `first` the ones up to a number, `every` each k-th.
`since` and `until` bound the lab's time in seconds. All given conditions must hold; `probability` then throws a die that
depends only on `seed` and the count.
"""

import random
from dataclasses import dataclass
from fnmatch import fnmatchcase

from fabriclab.faults.effects import Effect


@dataclass(frozen=True)
class Occasion:
    """What a rule looks at: the request, and the lab's seconds."""

    service: str
    method: str
    target: str
    now: float


@dataclass(frozen=True)
class Rule:
    effect: Effect
    service: str | None = None
    method: str | None = None
    path: str | None = None
    nth: tuple[int, ...] = ()
    first: int | None = None
    every: int | None = None
    since: float | None = None
    until: float | None = None
    probability: float = 1.0
    seed: int = 0


def is_spent(rule: Rule, count: int, now: float) -> bool:
    """Whether it cannot strike any more: `count` requests have fitted it, `now` are the lab's seconds."""
    last = min((one for one in (rule.first, max(rule.nth, default=None)) if one is not None), default=None)
    return (last is not None and count >= last) or (rule.until is not None and now >= rule.until)


def fits(rule: Rule, occasion: Occasion) -> bool:
    """Whether the request counts for this rule at all."""
    if rule.service is not None and rule.service != occasion.service:
        return False
    if rule.method is not None and rule.method.upper() != occasion.method.upper():
        return False
    return rule.path is None or fnmatchcase(occasion.target.lower(), _pattern(rule.path))


def strikes(rule: Rule, occasion: Occasion, count: int) -> bool:
    """Whether the rule strikes a fitting request, the `count`-th (from 1) that fits it."""
    if rule.nth and count not in rule.nth:
        return False
    if rule.first is not None and count > rule.first:
        return False
    if rule.every is not None and count % rule.every != 0:
        return False
    if rule.since is not None and occasion.now < rule.since:
        return False
    if rule.until is not None and occasion.now >= rule.until:
        return False
    return rule.probability >= 1.0 or random.Random(f"{rule.seed}:{count}").random() < rule.probability


def _pattern(path: str) -> str:
    """fnmatch also knows [sets]; here brackets are plain characters."""
    return path.lower().replace("[", "[[]")
