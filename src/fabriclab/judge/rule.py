"""A rule that a handler keeps or breaks, and what was found of it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated

from fabriclab.judge.evidence import Evidence

HELD, VIOLATED, NOT_SEEN = "held", "violated", "not seen"

Problem = str | tuple[str, str]
"""What is wrong, or where it was and what."""


@dataclass(frozen=True)
class Finding:
    """`rule`: its short name; `section`: of the extension contract; `details`: of a violation, each thing
    that was seen; `advice`: what to do about it."""

    rule: str
    sentence: str
    section: str
    outcome: Annotated[str, "held, violated or not seen"]
    evidence: str = ""
    details: tuple[str, ...] = ()
    advice: str = ""


@dataclass(frozen=True)
class Judgement:
    outcome: str
    evidence: str = ""
    details: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rule:
    name: str
    sentence: str
    section: str
    advice: str
    judge: Callable[[Evidence], Judgement]

    def find(self, evidence: Evidence) -> Finding:
        return found(self.name, self.sentence, self.section, self.advice, self.judge(evidence))


def found(name: str, sentence: str, section: str, advice: str, judgement: Judgement) -> Finding:
    outcome, details = judgement.outcome, judgement.details
    return Finding(name, sentence, section, outcome, judgement.evidence, details, advice if outcome == VIOLATED else "")


def held(evidence: str = "") -> Judgement:
    return Judgement(HELD, evidence)


def violated(*evidence: str) -> Judgement:
    return Judgement(VIOLATED, evidence[0] if evidence else "", evidence)


def not_seen(evidence: str) -> Judgement:
    return Judgement(NOT_SEEN, evidence)


def unless(problems: Iterable[Problem], otherwise: str = "") -> Judgement:
    """Violated by each of the problems; those that are the same in several places become one."""
    places: dict[str, list[str]] = {}
    for one in problems:
        where, what = one if isinstance(one, tuple) else ("", one)
        known = places.setdefault(what, [])
        if where and where not in known:
            known.append(where)
    if not places:
        return held(otherwise)
    return violated(*(f"{', '.join(where)}: {what}" if where else what for what, where in places.items()))
