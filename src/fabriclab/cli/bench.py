"""`fabriclab bench`: agents side by side in the same lab, in turns, and a table of what each needs."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from fabriclab.cli import documents
from fabriclab.cli.live import Live, terminal
from fabriclab.guests import adapter as adapters
from fabriclab.guests import assemble
from fabriclab.guests.adapter import Adapter, BadAdapter
from fabriclab.scenario import comparison, measure, times
from fabriclab.scenario.comparison import AimDocument, Met, Row, Spread
from fabriclab.scenario.measure import Conditions, MeasureFailed, Run


def bench(agents: str, runs: int, conditions: Conditions, output: Path | None) -> int:
    """0 when every run came to its end, whether or not the aims are met: those are told."""
    used = measure.same_root(chosen(agents))
    console = terminal(output)
    console.print(f"the root of all: {_root(used[0])}", soft_wrap=True, highlight=False)
    done: list[Run] = []
    with Live(console) as live:
        for number in range(1, runs + 1):
            for agent in used:
                where = f"run {number} of {runs}, agent {agent.name}"
                live.wait_for(where)
                try:
                    run = measure.measure(agent, number, conditions, lambda text: live.wait_for(f"{where}: {text}"))  # noqa: B023
                except MeasureFailed as problem:
                    console.print(Text(f"{where}: {problem}", "bold red"), soft_wrap=True)
                    return 1
                done.append(run)
                console.print(f"{where}: {_brief(run)}", soft_wrap=True, highlight=False)
    names = [agent.name for agent in used]
    table = comparison.rows(done, names)
    aims = comparison.met(table)
    show(console, preface(done, names, conditions, _root(used[0])), names, table, aims)
    if output is not None:
        documents.write(output, as_document(done, names, conditions, table, aims))
    return 0


def chosen(agents: str) -> tuple[Adapter, ...]:
    """The adapters of a list with commas. Raises BadAdapter."""
    names = [name.strip() for name in agents.split(",") if name.strip()]
    if not names:
        raise BadAdapter("bench: no agent is named")
    found = tuple(adapters.find(name) for name in names)
    if len({one.name for one in found}) < len(found):
        raise BadAdapter(f"bench: two of the agents {agents} have one name")
    return found


def preface(runs: Sequence[Run], names: Sequence[str], conditions: Conditions, root: str) -> list[str]:
    """What is compared, in sentences."""
    lines = []
    for name in names:
        own = [run for run in runs if run.agent == name]
        processes = "/".join(str(count) for count in sorted({run.processes for run in own}))
        lines.append(f"{name}: {own[0].version if own else 'not run'} ({processes} process{'' if processes == '1' else 'es'})")
    count = max(sum(run.agent == name for run in runs) for name in names)
    lines += [
        f"All in the same root, {root}.",
        f"{count} run{'s' if count != 1 else ''} each, in turns, with {conditions.boots} first boots in fresh guests.",
        f"After the last one: {conditions.publications} goal states with protected settings, each published a pseudo-random "
        f"0 to {measure.PERIOD:g} s after the one before was reported done (seed {conditions.seed}, the same moments for all); "
        f"{conditions.idle:g} s in which nothing is published; {len(measure.CROWD)} extensions in one goal state; "
        f"{measure.STARTS} starts of -version.",
        "Cells: least / median / most over all runs.",
    ]
    return lines


def show(console: Console, lines: Sequence[str], names: Sequence[str], table: Sequence[Row], aims: Sequence[Met]) -> None:
    console.print()
    for line in lines:
        console.print(line, soft_wrap=True, highlight=False)
    grid = Table()
    grid.add_column("measured")
    for name in names:
        grid.add_column(name, justify="right", no_wrap=True)
    if len(names) > 1:
        grid.add_column(f"{names[0]}/{names[1]}", justify="right")
    for row in table:
        cells = [cell(row, one) for one in row.spreads]
        ratio = [] if len(names) < 2 else ["" if row.ratio is None else f"{row.ratio:.2f}×"]
        grid.add_row(row.measurement.name, *cells, *ratio)
    console.print(grid)
    for one in aims:
        mark = {True: Text("held", "green"), False: Text("NOT ", "bold red"), None: Text("–   ")}[one.held]
        seen = "nothing to compare with" if one.value is None else f"{one.value:.3g}{_unit(one)}"
        console.print(Text.assemble(mark, f"  {one.aim.sentence()}: {seen}"), soft_wrap=True)


def cell(row: Row, one: Spread | None) -> str:
    if one is None:
        return "–"
    what = row.measurement
    said = " / ".join(f"{value * what.scale:.{what.digits}f}" for value in (one.least, one.middle, one.most))
    return f"{said} {what.unit}".rstrip()


def as_document(
    runs: Sequence[Run], names: Sequence[str], conditions: Conditions, table: Sequence[Row], aims: Sequence[Met]
) -> dict[str, object]:
    """For --json: values as measured (seconds, MiB, bytes), every single one, and what was made of them."""
    return documents.FORMS["bench"].document(
        agents=names,
        conditions=conditions,
        machine=measure.this_machine(),
        runs=runs,
        table=table,
        aims=[AimDocument(one.aim.sentence(), one.held, one.value) for one in aims],
    )


def _brief(run: Run) -> str:
    ready, pss = run.values[times.READY][0], run.values[measure.PSS][0]
    return f"Ready after {ready:.2f} s, {pss:.1f} MiB, {run.values[measure.REQUESTS][0]:.0f} requests per idle minute"


def _root(adapter: Adapter) -> str:
    return f"Debian {adapter.suite} with {', '.join(adapter.packages)} ({assemble.root_of(adapter).name})"


def _unit(one: Met) -> str:
    return "×" if one.aim.relative else f" {one.aim.unit}".rstrip()
