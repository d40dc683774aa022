"""What a run says in the end: a finding for each rule, and the stages behind it, also as JSON."""

from dataclasses import asdict, dataclass, replace
from typing import Any

from fabriclab.judge import rules_commands, rules_status
from fabriclab.judge.evidence import Evidence, Stage
from fabriclab.judge.rule import HELD, NOT_SEEN, VIOLATED, Finding
from fabriclab.judge.settings import Secret, hide

RULES = (*rules_commands.RULES[:6], *rules_status.RULES, *rules_commands.RULES[6:])


@dataclass(frozen=True)
class Report:
    evidence: Evidence
    findings: tuple[Finding, ...]
    seconds: float = 0.0
    kept: str | None = None

    @property
    def ok(self) -> bool:
        """Whether no rule is violated, and something ran at all."""
        return self.count(HELD) > 0 and not self.count(VIOLATED)

    def count(self, outcome: str) -> int:
        return sum(one.outcome == outcome for one in self.findings)

    @property
    def violated(self) -> tuple[str, ...]:
        return tuple(one.rule for one in self.findings if one.outcome == VIOLATED)

    def document(self) -> dict[str, Any]:
        """For --json: plain values only."""
        seen = self.evidence
        return {
            "ok": self.ok,
            "handler": seen.name,
            "version": seen.version,
            "source": seen.source,
            "agent": seen.agent,
            "seconds": round(self.seconds, 2),
            "counts": {outcome: self.count(outcome) for outcome in (HELD, VIOLATED, NOT_SEEN)},
            "findings": [asdict(one) for one in self.findings],
            "stages": [_stage(one) for one in seen.stages],
            "kept": self.kept,
        }


def judge(evidence: Evidence, seconds: float = 0.0, kept: str | None = None, known: tuple[Secret, ...] = ()) -> Report:
    """`known`: secrets that no finding may show, whatever the handler has told about them."""
    found = (rule.find(evidence) for rule in RULES)
    shown = tuple(
        replace(one, evidence=hide(one.evidence, known), details=tuple(hide(text, known) for text in one.details))
        for one in found
    )
    return Report(evidence, shown, seconds, kept)


def _stage(stage: Stage) -> dict[str, Any]:
    return {
        "name": stage.name,
        "version": stage.version,
        "sequence": stage.sequence,
        "problem": stage.problem,
        "reported": list(stage.reported),
        "message": stage.message,
        "commands": [
            {"command": one.command, "version": one.version, "sequence": one.sequence, "instance": one.instance}
            | {"status": one.status, "seconds": one.seconds}
            for one in stage.commands
        ],
    }
