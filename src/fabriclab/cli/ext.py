"""`fabriclab ext run`, `ext lint` and `ext samples`: what an extension's author uses."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from fabriclab.cli import documents
from fabriclab.cli.live import Live, terminal
from fabriclab.faults import parse as faults
from fabriclab.faults.rule import Rule
from fabriclab.given.spelling import meant
from fabriclab.guests import adapter
from fabriclab.journal.journal import Journal
from fabriclab.judge import handler as handlers
from fabriclab.judge import lint, settings, trial
from fabriclab.judge.evidence import Stage
from fabriclab.judge.life import NoLife
from fabriclab.judge.report import Report
from fabriclab.judge.rule import HELD, VIOLATED, Finding
from fabriclab.judge.wishes import Wishes
from fabriclab.samples import package
from fabriclab.scenario import inspection, table

DETAILS = 12  # lines per violated rule
SHORT = 90  # characters of evidence in the table
BAD_NEWS = {"error", "NotReady", "Unresponsive"}  # a stage that ends so is none to be content with
NO_END = {"transitioning", "warning"}  # to whoever waits for the extension this is no end
MARKS = {HELD: ("held", "green"), VIOLATED: ("VIOLATED", "bold red")}


class BadWish(Exception):
    """The command line names what cannot be used; one sentence."""


def guarded(do: Callable[[argparse.Namespace], int], options: argparse.Namespace) -> int:
    try:
        return do(options)
    except (BadWish, NoLife) as problem:
        print(f"fabriclab: {problem}", file=sys.stderr)
        return 2 if isinstance(problem, BadWish) else 1


def run(options: argparse.Namespace) -> int:
    """0 when no rule is violated, 1 when one is or the lab fails, 2 when the handler or the command line is bad."""
    try:
        wishes = wishes_of(options)
    except (handlers.BadHandler, settings.BadSettings, faults.BadFault, table.BadScenario) as problem:
        raise BadWish(str(problem)) from problem
    used = adapter.find(options.agent)
    console = terminal(options.json)
    console.print(f"[bold]{wishes.handler.name} {wishes.handler.version}[/bold] from {options.handler}, agent {used.name}")
    journal = Journal()
    with Live(console) as live:
        live.wait_for(f"making the lab for agent {used.name}")
        report = trial.run(wishes, used, journal, lambda stage: tell(console, stage), live.wait_for, keep=options.keep)
    summarize(console, report)
    if options.json is not None:
        whole = documents.FORMS["ext-run"].document(report.document(), journal=documents.entries(journal.entries()))
        documents.write(options.json, whole, lambda text: settings.hide(text, settings.secrets(wishes.protected)))
    return 0 if report.ok else 1


def wishes_of(options: argparse.Namespace) -> Wishes:
    """Raises BadHandler, BadSettings, BadFault or BadScenario."""
    judged = handlers.load(options.handler, options.name, options.version)
    public = [settings.read(path) for path in options.settings] or [{}]
    old = None
    if options.update_from is not None:
        old = handlers.load(options.update_from, judged.name, options.update_from_version)
        if old.numbers >= judged.numbers:
            raise handlers.BadHandler(
                f"{options.update_from}: its version {old.version} is not lower than {judged.version}; "
                "use --update-from-version, or --version for the judged one"
            )
    return Wishes(
        judged,
        (public[0], public[-1]),
        settings.read(options.protected) if options.protected is not None else None,
        old,
        _faults(options.faults),
        tuple(inspection.glob(pattern) for pattern in options.allow_left),
        options.patience,
    )


def _faults(path: Path | None) -> tuple[Rule, ...]:
    if path is None:
        return ()
    whole = table.read(path)
    found = faults.parse_all(whole.plain_tables("fault"), f"{path}: fault")
    whole.finish()
    return found


def tell(console: Console, stage: Stage) -> None:
    """One line per stage, as it happens."""
    ran = ", ".join(
        f"{one.command}{f' ({one.instance})' if one.instance else ''} "
        + (f"{one.seconds:.1f} s" if one.seconds is not None else "did not end")
        + ("" if one.status in (0, None) else f" [exit {one.status}]")
        for one in stage.commands
    )
    bad = bool(stage.problem) or any(one.status != 0 for one in stage.commands)
    bad, odd = bad or not BAD_NEWS.isdisjoint(stage.words), not NO_END.isdisjoint(stage.words)
    said = f" → {', '.join(stage.reported)}" if stage.reported else ""
    why = f"  {stage.problem}" if stage.problem else ""
    mark = ("✗ ", "red") if bad else ("! ", "yellow") if odd else ("✓ ", "green")
    version = f"{stage.version} seq {stage.sequence}"
    console.print(
        Text.assemble(mark, f"{stage.name:<16}", (f"{version:<14}", "dim"), f"{ran or 'no command'}{said}", (why, "red")),
        soft_wrap=True,
    )


def summarize(console: Console, report: Report) -> None:
    tell_findings(console, report.findings)
    counts = f"{report.count(HELD)} rules held, {report.count(VIOLATED)} violated, {report.count('not seen')} not seen"
    colour = "green" if report.ok else "bold red"
    seen = report.evidence
    console.print(Text(f"{seen.name} {seen.version} with agent {seen.agent}: {counts}, {report.seconds:.1f} s.", colour))
    if report.kept is not None:
        console.print(f"Kept: {report.kept}", soft_wrap=True)


def tell_findings(console: Console, findings: tuple[Finding, ...]) -> None:
    """The table, and below it each violated rule with all that was seen and what to do about it."""
    shown = Table(expand=False)
    shown.add_column("", no_wrap=True)
    shown.add_column("rule", no_wrap=True)
    shown.add_column("says", overflow="fold")
    shown.add_column("evidence", overflow="fold")
    shown.add_column("§", no_wrap=True)
    for one in findings:
        word, colour = MARKS.get(one.outcome, (one.outcome, "dim"))
        shown.add_row(Text(word, colour), Text(one.rule), Text(one.sentence), Text(_short(one)), Text(one.section))
    console.print(shown)
    for one in findings:
        if one.outcome != VIOLATED:
            continue
        _say(console, Text.assemble((one.rule, "bold red"), f" – {one.sentence} (§ {one.section})"), 0)
        for line in one.details[:DETAILS]:
            _say(console, Text(line), 4)
        if len(one.details) > DETAILS:
            _say(console, Text(f"and {len(one.details) - DETAILS} more"), 4)
        _say(console, Text.assemble("→ ", (one.advice, "bold")), 4)
    if any(one.outcome == VIOLATED for one in findings):
        console.print()


def _say(console: Console, text: Text, indent: int) -> None:
    """Folded between words on a terminal; one line in a log."""
    if console.is_terminal:
        console.print(Padding(text, (0, 0, 0, indent)))
    else:
        console.print(Text(" " * indent).append(text), soft_wrap=True)


def _short(finding: Finding) -> str:
    text = finding.evidence if len(finding.evidence) <= SHORT else f"{finding.evidence[:SHORT].rstrip()} …"
    return text + (f" (+{len(finding.details) - 1})" if len(finding.details) > 1 else "")


def lint_package(options: argparse.Namespace) -> int:
    try:
        findings = lint.lint(options.handler)
    except handlers.BadHandler as problem:
        raise BadWish(str(problem)) from problem
    console = terminal(options.json)
    tell_findings(console, findings)
    bad = sum(one.outcome == VIOLATED for one in findings)
    console.print(
        Text(
            f"{options.handler}: {bad} of {len(findings)} rules violated"
            if bad
            else f"{options.handler}: nothing to complain of",
            "bold red" if bad else "green",
        )
    )
    if options.json is not None:
        documents.write(options.json, documents.FORMS["ext-lint"].document(ok=not bad, findings=findings))
    return 1 if bad else 0


def samples(options: argparse.Namespace) -> int:
    """Lists the samples, or writes one of them into a directory, to begin from."""
    if options.json is not None:
        if options.name is not None:
            raise BadWish("--json: lists the samples; with the name of one it is written")
        documents.write(options.json, documents.FORMS["ext-samples"].document(samples=package.listed()))
        return 0
    if options.name is None:
        listed = Table(box=None, pad_edge=False, show_header=False)
        listed.add_column(no_wrap=True)
        listed.add_column(overflow="fold")
        for name in package.names():
            listed.add_row(name, package.about(name))
        terminal().print(listed)
        return 0
    if options.name not in package.names():
        raise BadWish(
            f'"{options.name}" is no sample; there are {", ".join(package.names())}{meant(options.name, package.names())}'
        )
    place = options.write or Path(options.name)
    if place.exists():
        raise BadWish(f"{place}: is there already")
    for name, content in handlers.open_source(options.name).files.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o755 if content.startswith(b"#!") else 0o644)
    terminal().print(f"Written: {place}. Judge it with: fabriclab ext run {place}", soft_wrap=True)
    return 0
