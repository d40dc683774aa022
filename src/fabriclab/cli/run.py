"""`fabriclab run SCENARIO` and `fabriclab scenarios`."""

import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from fabriclab.cli.live import Live, summarize, terminal
from fabriclab.guests import assemble
from fabriclab.guests.adapter import Adapter
from fabriclab.journal import lines
from fabriclab.journal.journal import Journal
from fabriclab.scenario import document, execution, storms
from fabriclab.scenario.document import Scenario


def run(
    scenario: str, used: Adapter, output: Path | None, *, keep: bool, seed: int | None = None, faults: int = storms.COUNT
) -> int:
    """Runs it and tells what happened; 0 when everything expected held. `output`: a file for the result as JSON.

    `seed`: with so many random faults; when that does not hold, the few that matter are sought and written to a file.
    """
    plain = document.find(scenario)
    document.demand_expectations(plain)
    tables = [] if seed is None else storms.faults(seed, faults)
    wanted = storms.under(plain, tables)
    console = terminal()
    if tables:
        console.print(Text(f"seed {seed}:{storms.text(tables)}"), soft_wrap=True)
    if wanted.about:
        console.print(f"[bold]{wanted.name}[/bold]: {wanted.about}", soft_wrap=True)
    journal = Journal()
    with Live(console) as live:
        live.wait_for(f"making the lab for agent {used.name}")
        result = execution.execute(wanted, used, journal, live.tell, live.wait_for, keep=keep)
    summarize(console, result)
    if output is not None:
        entries = [json.loads(lines.render(entry)) for entry in journal.entries()]
        output.write_text(json.dumps({**result.document(), "journal": entries}, indent=1, ensure_ascii=False) + "\n")
    if not result.ok and tables:
        _shrink(console, plain, used, tables, seed)
    return 0 if result.ok else 1


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
    place = assemble.cache() / "shrunk" / f"{plain.name}-{used.name}-{seed}.toml"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(
        f"# seed {seed}: what is left of {len(tables)} faults after {tried} runs\n{plain.source.read_text()}{storms.text(left)}"
    )
    console.print(f"{len(left)} of {len(tables)} faults are enough: fabriclab run {place}", soft_wrap=True)


def list_scenarios() -> int:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name in document.names():
        table.add_row(name, document.find(name).about)
    terminal().print(table)
    return 0
