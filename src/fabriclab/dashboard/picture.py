"""What the page shows of the journal: a fold over its entries, so that nothing is ever read twice.

Pure but for what it remembers. Every text that leaves it is redacted as the written journal is.
"""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from fabriclab.journal import redact
from fabriclab.journal.entry import Entry
from fabriclab.scenario import doing, hearing, service
from fabriclab.scenario.timeline import Timeline

TIMELINE = 400  # lines kept
HISTORY = 20  # states kept of each extension
STARTS = 10  # boots kept
MILESTONES = 16  # of a boot
PART_OF_BOOT = 120.0  # seconds: an extension that comes later is no part of the boot's chart
SUBSTATUS = 20  # parts kept of a status
ENDINGS = ("success", "error")
SHOWN = 200  # characters of a summary or target in a row


@dataclass
class Channel:
    """One service of the fabric, or one way on which the agent reports."""

    name: str
    requests: int = 0
    refused: int = 0
    struck: int = 0
    last: dict[str, Any] | None = None


@dataclass
class Reported:
    """What the newest status blob says of an extension, and since when it says so."""

    name: str
    instance: str
    version: str = ""
    handler: str = ""
    status: str = ""
    code: int | None = None
    sequence: int | None = None
    message: str = ""
    since: float = 0.0
    seen: float = 0.0
    substatus: list[dict[str, Any]] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Milestone:
    name: str
    since: float


@dataclass
class Boot:
    """From one start of the agent to the next: who started it, and what came about when."""

    number: int
    text: str
    milestones: list[Milestone]


class Picture:
    """Feed it every entry in order."""

    def __init__(self) -> None:
        self._timeline = Timeline()
        self.lines: deque[dict[str, Any]] = deque(maxlen=TIMELINE)
        self.channels: dict[str, Channel] = {}
        self.requests: Counter[tuple[str, str]] = Counter()
        self.starts: deque[Boot] = deque(maxlen=STARTS)
        self.health: dict[str, Any] | None = None
        self.statuses = 0
        self.boots = 0
        self.paused = False
        self.last = 0
        self._extensions: dict[tuple[str, str], Reported] = {}

    def take(self, entry: Entry) -> None:
        self.last = entry.number
        event = self._timeline.tell(entry)
        if event is not None:
            self.lines.append({**asdict(event), "text": redact.text(event.text), "number": entry.number})
        if entry.exchange is not None:
            self._exchange(entry)
        if entry.kind == doing.PAUSE:
            self.paused = not entry.facts["over"]
        elif entry.kind == service.STARTED:
            self.boots += 1
            first = Milestone("agent started", round(entry.since, 4))
            self.starts.append(Boot(self.boots, redact.text(entry.summary), [first]))
        elif entry.kind == hearing.HEALTH:
            self._health(entry)
        elif entry.kind == hearing.STATUS:
            self._status(entry)
        elif entry.service == "dhcp":
            self._reach("DHCP", entry)

    @property
    def milestones(self) -> list[Milestone]:
        """Of the boot that goes on now."""
        return self.starts[-1].milestones if self.starts else []

    @property
    def reported(self) -> tuple[Reported, ...]:
        return tuple(self._extensions[key] for key in sorted(self._extensions))

    def _exchange(self, entry: Entry) -> None:
        assert entry.exchange is not None
        status = "none" if entry.exchange.status is None else str(entry.exchange.status)
        self.requests[entry.service, status] += 1
        self._note(entry.service, entry)
        self._reach("first request", entry)
        if entry.service == "wireserver" and entry.summary.startswith("goal state"):
            self._reach("goal state", entry)
        if entry.kind == hearing.STATUS:
            self._note(f"status, {entry.facts.get('channel', 'direct')}", entry)

    def _note(self, name: str, entry: Entry) -> None:
        channel = self.channels.setdefault(name, Channel(name))
        channel.requests += 1
        channel.refused += entry.refusal is not None
        channel.struck += entry.fault is not None
        channel.last = row(entry)

    def _health(self, entry: Entry) -> None:
        said = str(entry.facts.get("state"))
        self.health = {
            "state": said,
            "substatus": entry.facts.get("substatus"),
            "text": redact.text(hearing.health_text(entry.facts)),
            "since": round(entry.since, 3),
            "boot": self.boots,
        }
        self._reach("Ready" if said == "Ready" else "provisioning reported", entry)

    def _status(self, entry: Entry) -> None:
        document = entry.facts.get("document")
        if not isinstance(document, Mapping):
            return
        self.statuses += 1
        self._reach("first status", entry)
        told = set()
        for handler in hearing.handlers(document):
            runtime = handler.get("runtimeSettingsStatus")
            runtime = runtime if isinstance(runtime, Mapping) else {}
            key = (str(handler.get("handlerName")), str(runtime.get("extensionName") or ""))
            told.add(key)
            self._of_extension(key, handler, runtime, entry)
        for key in set(self._extensions) - told:
            del self._extensions[key]

    def _of_extension(self, key: tuple[str, str], handler: Mapping[str, Any], runtime: Mapping[str, Any], entry: Entry) -> None:
        said = hearing.settings_status(handler)
        now = self._extensions.setdefault(key, Reported(*key))
        status = str(said.get("status") or "")
        news = (str(handler.get("status") or ""), status, _number(runtime.get("sequenceNumber")))
        if news != (now.handler, now.status, now.sequence) or not now.history:
            now.since = round(entry.since, 3)
            now.history = [*now.history, {"since": now.since, "handler": news[0], "status": status, "sequence": news[2]}][
                -HISTORY:
            ]
        now.handler, now.status, now.sequence = news
        if status in ENDINGS and self.milestones and entry.since - self.milestones[0].since <= PART_OF_BOOT:
            self._reach(f"{now.name}{f' ({now.instance})' if now.instance else ''}: {status}", entry)
        now.version = str(handler.get("handlerVersion") or "")
        now.code = _number(said.get("code") if said else handler.get("code"))
        now.message = redact.text(hearing.message(said) or hearing.message(handler))
        now.substatus = _substatus(said.get("substatus"))
        now.seen = round(entry.since, 3)

    def _reach(self, name: str, entry: Entry) -> None:
        there = self.milestones
        if there and len(there) < MILESTONES and all(one.name != name for one in there):
            there.append(Milestone(name, round(entry.since, 4)))


def row(entry: Entry) -> dict[str, Any]:
    """One line of the stream of exchanges."""
    exchange = entry.exchange
    line: dict[str, Any] = {
        "number": entry.number,
        "since": round(entry.since, 3),
        "who": entry.who,
        "service": entry.service,
        "summary": _short(redact.text(entry.summary)),
        "kind": entry.kind,
    }
    if exchange is not None:
        line |= {
            "method": exchange.method,
            "target": _short(redact.text(exchange.target)),
            "status": exchange.status,
            "sent": exchange.request_size,
            "received": exchange.response_size,
            "connection": exchange.connection,
            "fault": exchange.fault,
            "refusal": None if exchange.refusal is None else redact.text(exchange.refusal),
        }
    return line


def _substatus(said: object) -> list[dict[str, Any]]:
    """The parts of which a status is made, as far as they have the shape of one."""
    parts = [one for one in said if isinstance(one, Mapping)] if isinstance(said, list) else []
    return [
        {
            "name": _short(redact.text(str(one.get("name") or ""))),
            "status": str(one.get("status") or ""),
            "code": _number(one.get("code")),
            "message": redact.text(hearing.message(one)),
        }
        for one in parts[:SUBSTATUS]
    ]


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
