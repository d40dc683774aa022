"""`fabriclab replay JOURNAL`: a recorded run once more, event by event, as slowly as one likes."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from rich.text import Text

from fabriclab.cli.live import Live, terminal
from fabriclab.journal import journal, lines
from fabriclab.journal.entry import Entry
from fabriclab.journal.lines import BadJournal
from fabriclab.scenario.timeline import Timeline

LONGEST = 60.0  # seconds of silence that are kept, divided by the speed


def replay(path: Path, *, speed: float, steps: bool, exchanges: bool, number: int | None) -> int:
    """`speed` 0: all at once; `steps`: the next event when Enter is pressed. `number`: one entry whole, and nothing else."""
    try:
        entries = read(path)
    except (OSError, BadJournal) as problem:
        reason = f"{path}: {problem.strerror}" if isinstance(problem, OSError) else str(problem)
        print(f"fabriclab: {reason}", file=sys.stderr)
        return 2
    if number is not None:
        return _whole(entries, number, path)
    console = terminal()
    wait = _on_enter if steps else _pace(speed)
    timeline = Timeline()
    with Live(console) as live:
        before = 0.0
        for entry in entries:
            event = timeline.tell(entry)
            if event is None and not (exchanges and entry.exchange is not None):
                continue
            wait(entry.since - before)
            before = entry.since
            if event is not None:
                live.tell(event)
            if exchanges and entry.exchange is not None:
                console.print(Text(f"{entry.since:8.3f} s  #{entry.number:<5} {_line(entry)}", "dim"), soft_wrap=True)
    said = f"{len(entries)} entries in {entries[-1].since:.1f} s" if entries else "no entries"
    console.print(f"{path}: {said}", soft_wrap=True, highlight=False)
    return 0


def read(path: Path) -> tuple[Entry, ...]:
    """Of `run --keep` the journal.jsonl, or its directory; of `run --json` the file. Raises OSError, BadJournal."""
    if path.is_dir():
        path = path / "journal.jsonl"
    with path.open(encoding="utf-8", errors="replace") as file:
        first = file.readline().strip()
    if first != "{":
        if first and not first.startswith("{"):
            raise BadJournal(f"{path}: neither a journal nor the result of a run")
        return journal.read(path)
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        found = document["journal"]
    except (ValueError, KeyError, TypeError) as problem:
        raise BadJournal(f"{path}: neither a journal nor the result of a run") from problem
    return tuple(lines.parse(json.dumps(one), f"{path}: journal[{at}]") for at, one in enumerate(found, 1))


def _whole(entries: tuple[Entry, ...], number: int, path: Path) -> int:
    for entry in entries:
        if entry.number == number:
            print(json.dumps(json.loads(lines.render(entry)), indent=1, ensure_ascii=False))
            return 0
    print(f"fabriclab: {path}: there is no entry {number}; there are {len(entries)}", file=sys.stderr)
    return 2


def _pace(speed: float) -> Callable[[float], None]:
    def wait(seconds: float) -> None:
        if speed > 0:
            time.sleep(min(max(seconds, 0.0), LONGEST) / speed)

    return wait


def _on_enter(seconds: float) -> None:
    try:
        input()
    except EOFError:
        pass


def _line(entry: Entry) -> str:
    exchange = entry.exchange
    assert exchange is not None
    struck = f" fault {exchange.fault}" if exchange.fault else ""
    return f"{entry.service} {exchange.method} {exchange.target} → {exchange.status}{struck} ({entry.summary})"
