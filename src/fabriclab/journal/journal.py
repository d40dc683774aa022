"""The append-only record of everything that happens in a lab: every exchange, fault, world event and note.

Any thread may add and read. Readers wait for an entry instead of polling; subscribers are called in the order of the entries,
each entry once, by whichever thread is adding. A subscriber may add entries itself. One that fails is told of and called no
more: a mistake of a reader must not change what a guest sees.
"""

import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from fabriclab.journal import lines
from fabriclab.journal.entry import FABRIC, LAB, PARTIES, Entry, Exchange

BODY_CAP = 1 << 20

Subscriber = Callable[[Entry], None]


def _now() -> datetime:
    return datetime.now(timezone.utc)


class Journal:
    """`clock` gives monotonic seconds, `wall` an aware time; both are read once per entry."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, wall: Callable[[], datetime] = _now, body_cap: int = BODY_CAP
    ) -> None:
        self._clock = clock
        self._wall = wall
        self._body_cap = body_cap
        self._start = clock()
        self._entries: list[Entry] = []
        self._changed = threading.Condition()
        self._subscribers: list[Subscriber] = []
        self._undelivered: deque[Entry] = deque()
        self._delivering = False

    def elapsed(self) -> float:
        """Seconds since the journal started, now."""
        return self._clock() - self._start

    def add(
        self,
        service: str,
        summary: str,
        *,
        who: str = FABRIC,
        exchange: Exchange | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> Entry:
        """Appends one entry and returns it. Raises ValueError when `who` is none of the known parties."""
        if who not in PARTIES:
            raise ValueError(f"{who!r} is none of {', '.join(PARTIES)}")
        if exchange is not None:
            exchange = self._capped(exchange)
        with self._changed:
            entry = Entry(
                number=len(self._entries) + 1,
                since=self.elapsed(),
                wall=self._wall(),
                who=who,
                service=service,
                summary=summary,
                exchange=exchange,
                facts=dict(facts or {}),
            )
            self._entries.append(entry)
            self._undelivered.append(entry)
            self._changed.notify_all()
        self._deliver()
        return entry

    def entries(self) -> tuple[Entry, ...]:
        with self._changed:
            return tuple(self._entries)

    def since(self, number: int) -> tuple[Entry, ...]:
        """Entries after the one with that number; 0 gives all."""
        with self._changed:
            return tuple(self._entries[max(number, 0) :])

    @property
    def last(self) -> int:
        """The number of the newest entry, 0 when there is none."""
        with self._changed:
            return len(self._entries)

    def wait(self, predicate: Callable[[Entry], bool], timeout: float, after: int = 0) -> Entry | None:
        """The first entry after number `after` that the predicate accepts; None when none came within `timeout` seconds.

        The predicate sees every entry at most once, outside the journal's lock.
        """
        deadline = time.monotonic() + timeout
        seen = after
        while True:
            fresh = self._wait_beyond(seen, deadline)
            if not fresh:
                return None
            for entry in fresh:
                if predicate(entry):
                    return entry
            seen = fresh[-1].number

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """From now on every new entry goes to `subscriber`; the returned function ends that."""
        with self._changed:
            self._subscribers.append(subscriber)

        def leave() -> None:
            with self._changed:
                if subscriber in self._subscribers:
                    self._subscribers.remove(subscriber)

        return leave

    def write(self, path: Path) -> None:
        """All entries as JSON lines, with every `sig=` and every private part replaced (lines.py).

        Half a surrogate pair, which JSON may carry but UTF-8 may not, becomes the escape that JSON knows.
        """
        with path.open("w", encoding="utf-8", errors="backslashreplace") as file:
            for entry in self.entries():
                file.write(lines.render(entry) + "\n")

    def _wait_beyond(self, seen: int, deadline: float) -> tuple[Entry, ...]:
        with self._changed:
            while len(self._entries) <= seen:
                left = deadline - time.monotonic()
                if left <= 0:
                    return ()
                self._changed.wait(left)
            return tuple(self._entries[seen:])

    def _deliver(self) -> None:
        """One thread delivers at a time, so that subscribers see the entries in order; the others leave theirs to it."""
        with self._changed:
            if self._delivering:
                return
            self._delivering = True
        try:
            while True:
                with self._changed:
                    if not self._undelivered:
                        self._delivering = False
                        return
                    entry = self._undelivered.popleft()
                    subscribers = tuple(self._subscribers)
                for subscriber in subscribers:
                    self._tell(subscriber, entry)
        except BaseException:
            with self._changed:
                self._delivering = False
            raise

    def _tell(self, subscriber: Subscriber, entry: Entry) -> None:
        try:
            subscriber(entry)
        except Exception as problem:  # noqa: BLE001 - see the module's text
            with self._changed:
                if subscriber in self._subscribers:
                    self._subscribers.remove(subscriber)
            told = {"kind": "lab_failure", "traceback": traceback.format_exc()}
            self.add("journal", f"a reader of the journal failed at entry {entry.number}: {problem!r}", who=LAB, facts=told)

    def _capped(self, exchange: Exchange) -> Exchange:
        request, response = exchange.request_body, exchange.response_body
        sizes = (max(exchange.request_size, len(request)), max(exchange.response_size, len(response)))
        whole = max(len(request), len(response)) <= self._body_cap
        if whole and sizes == (exchange.request_size, exchange.response_size):
            return exchange
        return replace(
            exchange,
            request_body=request[: self._body_cap],
            request_size=sizes[0],
            response_body=response[: self._body_cap],
            response_size=sizes[1],
        )


def read(path: Path) -> tuple[Entry, ...]:
    """The entries of a written journal. Raises lines.BadJournal with file, line number and reason."""
    with path.open(encoding="utf-8") as file:
        return tuple(lines.parse(text, f"{path}:{number}") for number, text in enumerate(file, 1) if text.strip())
