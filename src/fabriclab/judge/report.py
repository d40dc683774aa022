"""What a run says in the end: a finding for each rule, and the stages behind it, also as JSON."""

from dataclasses import dataclass, replace
from typing import Annotated

from fabriclab.judge import rules_commands, rules_status
from fabriclab.judge.evidence import Evidence, Stage
from fabriclab.judge.rule import HELD, NOT_SEEN, VIOLATED, Finding
from fabriclab.judge.settings import Secret, hide

RULES = (*rules_commands.RULES[:6], *rules_status.RULES, *rules_commands.RULES[6:])


@dataclass(frozen=True)
class CommandDocument:
    """One run of a command. `status` and `seconds` null: it never came to its end."""

    command: str
    version: str
    sequence: str | None
    instance: str
    status: int | None
    seconds: float | None


@dataclass(frozen=True)
class StageDocument:
    """One step of the life. `problem`: why it did not come to its end, or empty. `reported`: the last status per instance."""

    name: str
    version: str
    sequence: int
    problem: str
    reported: tuple[str, ...]
    message: str
    commands: tuple[CommandDocument, ...]


@dataclass(frozen=True)
class JudgedDocument:
    """A report as --json has it."""

    ok: Annotated[bool, "whether no rule is violated, and something ran at all"]
    handler: str
    version: str
    source: str
    agent: str
    seconds: float
    counts: Annotated[dict[str, int], "of findings, by their outcome"]
    findings: tuple[Finding, ...]
    stages: tuple[StageDocument, ...]
    kept: Annotated[str | None, "the directory of --keep"]


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

    def document(self) -> JudgedDocument:
        """For --json."""
        seen = self.evidence
        return JudgedDocument(
            ok=self.ok,
            handler=seen.name,
            version=seen.version,
            source=seen.source,
            agent=seen.agent,
            seconds=round(self.seconds, 2),
            counts={outcome: self.count(outcome) for outcome in (HELD, VIOLATED, NOT_SEEN)},
            findings=self.findings,
            stages=tuple(_stage(one) for one in seen.stages),
            kept=self.kept,
        )


def judge(evidence: Evidence, seconds: float = 0.0, kept: str | None = None, known: tuple[Secret, ...] = ()) -> Report:
    """`known`: secrets that no finding may show, whatever the handler has told about them."""
    found = (rule.find(evidence) for rule in RULES)
    shown = tuple(
        replace(one, evidence=hide(one.evidence, known), details=tuple(hide(text, known) for text in one.details))
        for one in found
    )
    return Report(evidence, shown, seconds, kept)


def _stage(stage: Stage) -> StageDocument:
    return StageDocument(
        name=stage.name,
        version=stage.version,
        sequence=stage.sequence,
        problem=stage.problem,
        reported=stage.reported,
        message=stage.message,
        commands=tuple(
            CommandDocument(one.command, one.version, one.sequence, one.instance, one.status, one.seconds)
            for one in stage.commands
        ),
    )
