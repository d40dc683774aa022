"""Two runs of one scenario beside each other: what held, how long it took, what was asked, what was left. Pure.

Requests count as the same when they differ only in identifiers, numbers and signatures.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fabriclab.guests.diff import Change
from fabriclab.journal.entry import Entry
from fabriclab.scenario.outcome import Result, TimelineEvent

_IDENTIFIER = re.compile(r"[0-9A-Fa-f]{8}(?:(?:-|%2D)[0-9A-Fa-f]{4}){3}(?:-|%2D)[0-9A-Fa-f]{12}")
_SECRET = re.compile(r"(?i)([?&]sig=)[^&]*")
_NUMBER = re.compile(r"(?<=[=_.])\d+(?:\.\d+)*")


@dataclass(frozen=True)
class Pair:
    """One line: what it is about, and what each of the two says."""

    name: str
    first: str
    second: str
    differs: bool = True


@dataclass(frozen=True)
class Moment:
    """A line of one of the two timelines; `side` 0 or 1."""

    side: int
    event: TimelineEvent


@dataclass(frozen=True)
class SideBySide:
    agents: tuple[str, str]
    verdicts: tuple[Pair, ...]
    times: tuple[Pair, ...]
    requests: tuple[Pair, ...]
    files: tuple[Pair, ...]
    moments: tuple[Moment, ...]


def compare(results: tuple[Result, Result], journals: tuple[Sequence[Entry], Sequence[Entry]]) -> SideBySide:
    """Of the requests and files only what differs, of the rest everything."""
    first, second = results
    return SideBySide(
        agents=(first.agent, second.agent),
        verdicts=_verdicts(first, second),
        times=tuple(_times(first, second)),
        requests=tuple(_requests(*journals)),
        files=tuple(_files(first.changes, second.changes)),
        moments=_moments(first, second),
    )


def kind(entry: Entry) -> str:
    """What an exchange was, without what differs from run to run."""
    assert entry.exchange is not None
    target = _SECRET.sub(r"\1…", _IDENTIFIER.sub("…", entry.exchange.target))
    return f"{entry.service} {entry.exchange.method} {_NUMBER.sub('N', target)}"


def _verdicts(first: Result, second: Result) -> tuple[Pair, ...]:
    said = [{one.text: "held" if one.held else f"NOT: {one.detail}" for one in result.verdicts} for result in (first, second)]
    return tuple(_pair(name, *(one.get(name, "–") for one in said)) for name in {**said[0], **said[1]})


def _times(first: Result, second: Result) -> Iterator[Pair]:
    for name in {**first.times, **second.times}:
        both = [f"{result.times[name]:.3f} s" if name in result.times else "–" for result in (first, second)]
        yield _pair(name, *both)


def _requests(first: Sequence[Entry], second: Sequence[Entry]) -> Iterator[Pair]:
    counts = [Counter(kind(entry) for entry in entries if entry.exchange is not None) for entries in (first, second)]
    for name in sorted({**counts[0], **counts[1]}):
        if counts[0][name] != counts[1][name]:
            yield _pair(name, *(str(count[name]) for count in counts))


def _files(first: Sequence[Change], second: Sequence[Change]) -> Iterator[Pair]:
    """Content is not compared: keys and times differ in any two runs."""
    left = [{change.path: _shape(change) for change in changes} for changes in (first, second)]
    for path in sorted({**left[0], **left[1]}):
        both = [one.get(path, "–") for one in left]
        if both[0] != both[1]:
            yield _pair(path, *both)


def _shape(change: Change) -> str:
    entry = change.after
    return change.what if entry is None else f"{change.what}, {entry.kind} {entry.mode:04o} {entry.owner}:{entry.group}"


def _moments(first: Result, second: Result) -> tuple[Moment, ...]:
    both = [Moment(side, event) for side, result in enumerate((first, second)) for event in result.timeline]
    return tuple(sorted(both, key=lambda one: (one.event.since, one.side)))


def _pair(name: str, first: str, second: str) -> Pair:
    return Pair(name, first, second, first != second)
