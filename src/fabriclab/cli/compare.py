"""`fabriclab compare A B SCENARIO`: two agents through one scenario, and what differs."""

from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from fabriclab.cli import documents
from fabriclab.cli.live import Live, terminal
from fabriclab.guests.adapter import SYSTEMD, Adapter
from fabriclab.journal.journal import Journal
from fabriclab.scenario import document, execution, measure, side_by_side
from fabriclab.scenario.side_by_side import Moment, Pair, SideBySide


def compare(first: Adapter, second: Adapter, name: str, output: Path | None) -> int:
    """In the same root where that can be chosen. 0 when all held for both. `output`: a file for it as JSON."""
    first, second = measure.same_root((first, second)) if SYSTEMD not in (first.guest, second.guest) else (first, second)
    wanted = document.find(name)
    document.demand_expectations(wanted)
    console = terminal(output)
    results, journals = [], []
    with Live(console) as live:
        for used in (first, second):
            journal = Journal()
            live.wait_for(f"agent {used.name}")
            results.append(execution.execute(wanted, used, journal, lambda event: None, live.wait_for))
            journals.append(journal.entries())
    found = side_by_side.compare((results[0], results[1]), (journals[0], journals[1]))
    show(console, wanted.name, found)
    if output is not None:
        documents.write(output, documents.FORMS["compare"].document(found, runs=results))
    return 0 if all(result.ok for result in results) else 1


def show(console: Console, name: str, found: SideBySide) -> None:
    console.print(_timelines(name, found))
    console.print(_table("expectations", found, found.verdicts))
    console.print(_table("times", found, found.times))
    for title, pairs in (("requests, where their number differs", found.requests), ("files, where they differ", found.files)):
        if pairs:
            console.print(_table(title, found, pairs))
        else:
            console.print(f"{title}: nowhere")


def _timelines(name: str, found: SideBySide) -> Table:
    table = Table(title=f"{name}: timelines", title_justify="left")
    table.add_column("s", justify="right", no_wrap=True)
    for agent in found.agents:
        table.add_column(agent, overflow="fold", ratio=1)
    for moment in found.moments:
        cells = [Text(), Text()]
        cells[moment.side] = _said(moment)
        table.add_row(f"{moment.event.since:.3f}", *cells)
    return table


def _said(moment: Moment) -> Text:
    colour = {True: "green", False: "red", None: ""}[moment.event.good]
    return Text(f"{moment.event.who}: {moment.event.text}", colour)


def _table(title: str, found: SideBySide, pairs: Iterable[Pair]) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for agent in found.agents:
        table.add_column(agent, overflow="fold")
    for pair in pairs:
        table.add_row(*(Text(text, "bold" if pair.differs else "") for text in (pair.name, pair.first, pair.second)))
    return table
