"""`fabriclab replay JOURNAL`: a recorded run once more, event by event, as slowly as one likes, or only what is looked for."""

import json
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from fabriclab.cli import documents
from fabriclab.cli.live import Live, terminal
from fabriclab.journal import journal, lines
from fabriclab.journal.entry import Entry, Exchange, Headers
from fabriclab.journal.lines import BadJournal
from fabriclab.scenario.outcome import TimelineEvent
from fabriclab.scenario.timeline import Timeline

LONGEST = 60.0  # seconds of silence that are kept, divided by the speed
SHOWN = 4000  # characters of a body


@dataclass(frozen=True)
class Choice:
    """Which entries are told. `text`: a regular expression over the journal's line, bodies included. `failed`: what was
    refused, struck by a fault, not answered or answered with 400 and above, and events that are bad news."""

    exchanges: bool = False
    bodies: bool = False
    failed: bool = False
    service: str | None = None
    text: "re.Pattern[str] | None" = None
    begin: float = 0.0
    end: float = float("inf")

    @property
    def shows_exchanges(self) -> bool:
        return self.exchanges or self.bodies or self.failed or self.service is not None or self.text is not None

    def takes(self, entry: Entry, event: TimelineEvent | None) -> bool:
        if not self.begin <= entry.since <= self.end:
            return False
        if self.service is not None and entry.service != self.service:
            return False
        if self.failed and not (has_failed(entry) or (event is not None and event.good is False)):
            return False
        return self.text is None or self.text.search(lines.render(entry)) is not None


@dataclass(frozen=True)
class Recorded:
    """`verdicts`: of the result of a run; of a journal alone nobody knows what was expected."""

    entries: tuple[Entry, ...]
    verdicts: tuple[Mapping[str, Any], ...] = field(default=())


def replay(
    path: Path,
    choice: Choice = Choice(),
    *,
    speed: float = 0.0,
    steps: bool = False,
    number: int | None = None,
    guest: int = 0,
    output: Path | None = None,
) -> int:
    """`speed` 0: all at once; `steps`: the next event when Enter is pressed. `number`: one entry whole, and nothing else.
    `guest`: of the result of a run with several."""
    try:
        recorded = read(path, guest)
    except (OSError, BadJournal) as problem:
        reason = f"{path}: {problem.strerror}" if isinstance(problem, OSError) else str(problem)
        print(f"fabriclab: {reason}", file=sys.stderr)
        return 2
    entries = recorded.entries
    if number is not None:
        return _whole(entries, number, path)
    console = terminal(output)
    told = list(_chosen(entries, choice))
    _tell(console, told, choice, _on_enter if steps else _pace(speed))
    for verdict in recorded.verdicts:
        if not verdict.get("held"):
            console.print(Text(f"NOT {verdict.get('text')}: {verdict.get('detail')}", "red"), soft_wrap=True)
    said = f"{len(entries)} entries in {entries[-1].since:.1f} s" if entries else "no entries"
    shown = "" if len(told) == len(entries) else f", {len(told)} told"
    console.print(f"{path}: {said}{shown}", soft_wrap=True, highlight=False)
    if output is not None:
        events = [event for _, event in told if event is not None]
        chosen = documents.entries(entry for entry, _ in told)
        documents.write(output, documents.FORMS["replay"].document(source=str(path), events=events, journal=chosen))
    return 0


def has_failed(entry: Entry) -> bool:
    exchange = entry.exchange
    return exchange is not None and bool(
        exchange.refusal or exchange.fault or exchange.status is None or exchange.status >= 400
    )


def read(path: Path, guest: int = 0) -> Recorded:
    """Of `run --keep` the journal.jsonl, or its directory; of `run --json` the file. Raises OSError, BadJournal."""
    if path.is_dir():
        path = path / "journal.jsonl"
    with path.open(encoding="utf-8", errors="replace") as file:
        first = file.readline().strip()
    if first != "{":
        if first and not first.startswith("{"):
            raise BadJournal(f"{path}: neither a journal nor the result of a run")
        return Recorded(journal.read(path))
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        guests = document.get("guests", [document])
        if not 0 <= guest < len(guests):
            raise BadJournal(f"{path}: there is no guest {guest}; there are {len(guests)}, the first is 0")
        found, verdicts = guests[guest]["journal"], guests[guest].get("verdicts", [])
        entries = tuple(lines.parse(json.dumps(one), f"{path}: journal[{at}]") for at, one in enumerate(found, 1))
        return Recorded(entries, tuple(one for one in verdicts if isinstance(one, dict)))
    except BadJournal:
        raise
    except (KeyError, TypeError, AttributeError, RecursionError, ValueError) as problem:
        raise BadJournal(f"{path}: neither a journal nor the result of a run") from problem


def _chosen(entries: tuple[Entry, ...], choice: Choice) -> Iterator[tuple[Entry, TimelineEvent | None]]:
    """The timeline hears every entry: what is news depends on what was said before."""
    timeline = Timeline()
    for entry in entries:
        event = timeline.tell(entry)
        said = event is not None or (choice.shows_exchanges and entry.exchange is not None)
        if said and choice.takes(entry, event):
            yield entry, event


def _tell(
    console: Console, told: list[tuple[Entry, TimelineEvent | None]], choice: Choice, wait: Callable[[float], None]
) -> None:
    with Live(console) as live:
        before = 0.0
        for entry, event in told:
            wait(entry.since - before)
            before = entry.since
            if event is not None:
                live.tell(event)
            if choice.shows_exchanges and entry.exchange is not None:
                line = f"{entry.since:8.3f} s  #{entry.number:<5} {_line(entry)}"
                console.print(Text(line, "red" if has_failed(entry) else "dim"), soft_wrap=True)
            if choice.bodies and entry.exchange is not None:
                for part in _bodies(entry):
                    console.print(Text(part, "dim"), soft_wrap=True)


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
    status = "no answer" if exchange.status is None else str(exchange.status)
    struck = f", fault {exchange.fault}" if exchange.fault else ""
    refused = f", refused: {exchange.refusal}" if exchange.refusal else ""
    took = f"in {max(0.0, entry.since - exchange.started) * 1000:.0f} ms"
    sizes = f"{exchange.request_size} → {exchange.response_size} bytes"
    return f"{entry.service} {exchange.method} {exchange.target} → {status} {took}, {sizes}{struck}{refused} ({entry.summary})"


def _bodies(entry: Entry) -> Iterator[str]:
    exchange: Exchange = entry.exchange or Exchange("", "")
    yield from _message(">", exchange.request_headers, exchange.request_body, exchange.request_size)
    yield from _message("<", exchange.response_headers, exchange.response_body, exchange.response_size)


def _message(mark: str, headers: Headers, body: bytes, size: int) -> Iterator[str]:
    """Each line behind the mark of its direction."""
    yield from (f"    {mark} {name}: {value}" for name, value in headers)
    if size and not body:
        yield f"    {mark} [{size} bytes that are no text]"
    text = body.decode("utf-8", "replace")
    yield from (f"    {mark} {line}" for line in text[:SHOWN].splitlines())
    if len(text) > SHOWN:
        yield f"    {mark} [{len(text) - SHOWN} characters more; --entry shows all]"
