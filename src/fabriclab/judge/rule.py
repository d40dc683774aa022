"""A rule that a handler keeps or breaks, and what was found of it."""

from collections.abc import Callable
from dataclasses import dataclass

from fabriclab.judge.evidence import Evidence

HELD, VIOLATED, NOT_SEEN = "held", "violated", "not seen"


@dataclass(frozen=True)
class Finding:
    """`rule`: its short name; `section`: of the extension contract; `advice`: what to do about a violation."""

    rule: str
    sentence: str
    section: str
    outcome: str
    evidence: str = ""
    advice: str = ""


@dataclass(frozen=True)
class Judgement:
    outcome: str
    evidence: str = ""


@dataclass(frozen=True)
class Rule:
    name: str
    sentence: str
    section: str
    advice: str
    judge: Callable[[Evidence], Judgement]

    def find(self, evidence: Evidence) -> Finding:
        judgement = self.judge(evidence)
        advice = self.advice if judgement.outcome == VIOLATED else ""
        return Finding(self.name, self.sentence, self.section, judgement.outcome, judgement.evidence, advice)


def held(evidence: str = "") -> Judgement:
    return Judgement(HELD, evidence)


def violated(evidence: str) -> Judgement:
    return Judgement(VIOLATED, evidence)


def not_seen(evidence: str) -> Judgement:
    return Judgement(NOT_SEEN, evidence)


def unless(problems: list[str], otherwise: str = "", shown: int = 4) -> Judgement:
    """Violated by each of the problems; the first ones are told."""
    if not problems:
        return held(otherwise)
    distinct = list(dict.fromkeys(problems))
    more = f"; and {len(distinct) - shown} more" if len(distinct) > shown else ""
    return violated("; ".join(distinct[:shown]) + more)
