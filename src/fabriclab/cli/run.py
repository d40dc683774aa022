"""`fabriclab run SCENARIO` and `fabriclab scenarios`."""

import json
from pathlib import Path

from rich.table import Table

from fabriclab.cli.live import Live, summarize, terminal
from fabriclab.guests.adapter import Adapter
from fabriclab.journal import lines
from fabriclab.journal.journal import Journal
from fabriclab.scenario import document, execution


def run(scenario: str, used: Adapter, output: Path | None, *, keep: bool) -> int:
    """Runs it and tells what happened; 0 when everything expected held. `output`: a file for the result as JSON."""
    wanted = document.find(scenario)
    document.demand_expectations(wanted)
    console = terminal()
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
    return 0 if result.ok else 1


def list_scenarios() -> int:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name in document.names():
        table.add_row(name, document.find(name).about)
    terminal().print(table)
    return 0
