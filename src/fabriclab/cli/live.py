"""The terminal's side of a run: the timeline as it happens, and a table at the end.

On a terminal: colours and a line at the bottom that says what is waited for. Anywhere else: plain lines without colour, one per
event, so that a log stays readable.
"""

import sys
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.status import Status
from rich.table import Table
from rich.text import Text

from fabriclab.cli.arguments import STANDARD_OUTPUT
from fabriclab.scenario.outcome import Result, TimelineEvent

WIDTH = 140
COLOURS = {"lab": "dim", "fabric": "cyan", "guest": "magenta", "agent": "yellow"}


def terminal(document: Path | None = None) -> Console:
    """Standard output, or standard error where that is the place of a document. Where it is no terminal its width is nobody's,
    and lines need not be folded at 80."""
    aside = document == STANDARD_OUTPUT
    stream = sys.stderr if aside else sys.stdout
    return Console(highlight=False, stderr=aside, width=None if stream.isatty() else WIDTH)


class Live:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._status: Status | None = None

    def __enter__(self) -> "Live":
        if self._console.is_terminal:
            self._status = self._console.status("")
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status is not None:
            self._status.stop()

    def tell(self, event: TimelineEvent) -> None:
        mark = {True: ("✓ ", "green"), False: ("✗ ", "red"), None: ("", "")}[event.good]
        self._console.print(
            Text.assemble(
                (f"{event.since:8.3f} s  ", "dim"),
                (f"{event.who:<7}", COLOURS.get(event.who, "")),
                mark,
                event.text,
            ),
            soft_wrap=True,
            highlight=False,
        )

    def wait_for(self, text: str) -> None:
        if self._status is not None:
            self._status.update(text)


def summarize(console: Console, result: Result) -> None:
    """The table of expectations, the times, and one last line."""
    table = Table(title=f"{result.scenario} with agent {result.agent}", title_justify="left", expand=False)
    table.add_column("")
    table.add_column("expectation", overflow="fold")
    table.add_column("seen", overflow="fold")
    for verdict in result.verdicts:
        mark = Text("held", "green") if verdict.held else Text("NOT", "bold red")
        table.add_row(mark, Text(verdict.text), Text(verdict.detail))
    console.print(table)
    for name, seconds in result.times.items():
        console.print(f"{seconds:8.3f} s  {name}", highlight=False)
    failed = sum(not verdict.held for verdict in result.verdicts)
    if result.ok:
        console.print(Text(f"All {len(result.verdicts)} expectations held, {result.seconds:.1f} s in all.", "green"))
    else:
        console.print(Text(f"{failed} of {len(result.verdicts)} expectations did not hold.", "bold red"))
    if result.kept is not None:
        console.print(f"Kept: {result.kept}", soft_wrap=True)


Tell = Callable[[TimelineEvent], None]
