"""`fabriclab run SCENARIO` and `fabriclab scenarios`."""

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from fabriclab.cli import documents
from fabriclab.cli.live import Live, summarize, terminal
from fabriclab.guests import assemble
from fabriclab.guests.adapter import Adapter
from fabriclab.journal.journal import Journal
from fabriclab.scenario import document, execution, fleet, footprint, storms
from fabriclab.scenario.document import Scenario
from fabriclab.scenario.table import BadScenario
from fabriclab.scenario.times import READY


def run(
    scenario: str,
    used: Adapter,
    output: Path | None,
    *,
    keep: bool,
    seed: int | None = None,
    faults: int | None = None,
    count: int | None = None,
) -> int:
    """Runs it and tells what happened; 0 when everything expected held. `output`: a file for the result as JSON.

    `count`: so many guests at a time, in place of the scenario's.
    `seed`: with so many random faults; when that does not hold, the few that matter are sought and written to a file.
    """
    plain = document.find(scenario)
    document.demand_expectations(plain)
    tables = [] if seed is None else storms.faults(seed, faults or storms.COUNT)
    wanted = storms.under(plain, tables)
    guests = count or wanted.count
    if keep and guests > 1:
        raise BadScenario(f"{scenario}: --keep: only a run of one guest is kept, and these are {guests}")
    console = terminal(output)
    if tables:
        console.print(Text(f"seed {seed}:{storms.text(tables)}"), soft_wrap=True)
    if wanted.about:
        console.print(f"[bold]{wanted.name}[/bold]: {wanted.about}", soft_wrap=True)
    if guests > 1:
        status = _several(console, wanted, used, output, guests)
        if status and tables:
            console.print("Which of the faults matter is sought with one guest only: leave --count out.")
        return status
    journal = Journal()
    with Live(console) as live:
        live.wait_for(f"making the lab for agent {used.name}")
        result = execution.execute(wanted, used, journal, live.tell, live.wait_for, keep=keep)
    summarize(console, result)
    if output is not None:
        documents.write(output, documents.RUN.document(result, journal=documents.entries(journal.entries())))
    if not result.ok and tables:
        _shrink(console, plain, used, tables, seed)
    return 0 if result.ok else 1


def _several(console: Console, wanted: Scenario, used: Adapter, output: Path | None, count: int) -> int:
    """Several guests at a time: the timeline names each by its number, and each has a line in the end."""
    journals = [Journal() for _ in range(count)]
    begun = time.monotonic()
    with Live(console) as live:
        results = fleet.execute_all(
            wanted,
            used,
            journals,
            lambda number, event: live.tell(replace(event, text=f"[{number}] {event.text}")),
            live.wait_for,
        )
    for number, result in enumerate(results):
        failed = [verdict for verdict in result.verdicts if not verdict.held]
        said = "all held" if result.ok else f"{len(failed)} did not hold"
        parts = [f"{len(result.verdicts)} expectations, {said}", f"{result.seconds:.1f} s"]
        parts += [f"Ready after {result.times[READY]:.1f} s"] if READY in result.times else []
        parts += [mebibytes(result.memory)] if result.memory else []
        console.print(f"guest {number}: {', '.join(parts)}", highlight=False)
        for verdict in failed:
            console.print(Text(f"  NOT {verdict.text}: {verdict.detail}", "red"), soft_wrap=True)
    seconds, memory = time.monotonic() - begun, sum(result.memory for result in results)
    ok = all(result.ok for result in results)
    console.print(
        f"{count} guests: {'all' if ok else 'NOT all'} held, {seconds:.1f} s from nothing to the last one's end, "
        f"{mebibytes(memory)} of memory for all, the lab's own {mebibytes(footprint.own())}.",
        style="green" if ok else "bold red",
        highlight=False,
    )
    if output is not None:
        guests = [
            documents.RUN.document(result, journal=documents.entries(journal.entries()))
            for result, journal in zip(results, journals, strict=True)
        ]
        documents.write(output, documents.FORMS["run-several"].document(ok=ok, seconds=seconds, memory=memory, guests=guests))
    return 0 if ok else 1


def mebibytes(size: int) -> str:
    return f"{size / (1 << 20):.0f} MiB"


def _shrink(console: Console, plain: Scenario, used: Adapter, tables: list[storms.FaultTable], seed: int | None) -> None:
    """Seeks the few faults that matter and leaves a scenario with them."""
    tried = 0

    def fails(part: Sequence[storms.FaultTable]) -> bool:
        nonlocal tried
        tried += 1
        ok = execution.execute(storms.under(plain, part), used, Journal(), lambda event: None, lambda text: None).ok
        console.print(f"with {len(part)} of {len(tables)} faults: {'holds' if ok else 'does not hold'}", highlight=False)
        return not ok

    left = storms.shrink(tables, fails)
    if not left:
        console.print("It does not hold without any of these faults either.")
        return
    place = _place(plain, f"{plain.source.stem}-{used.name}-{seed}.toml")
    about = f"seed {seed}: what is left of {len(tables)} faults after {tried} runs"
    place.write_text(storms.written(plain.source.read_text(), left, about))
    console.print(f"{len(left)} of {len(tables)} faults are enough: fabriclab run {place}", soft_wrap=True)


def _place(scenario: Scenario, name: str) -> Path:
    """Beside a file of somebody's own, so that what it names beside itself is still there."""
    if scenario.source.parent != document.LIBRARY and os.access(scenario.source.parent, os.W_OK):
        return scenario.source.parent / name
    place = assemble.cache() / "shrunk" / name
    place.parent.mkdir(parents=True, exist_ok=True)
    return place


def list_scenarios(output: Path | None) -> int:
    """For people, or as JSON into `output`."""
    if output is not None:
        documents.write(output, documents.FORMS["scenarios"].document(scenarios=document.listed()))
        return 0
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name in document.names():
        table.add_row(name, document.find(name).about)
    terminal().print(table)
    return 0
