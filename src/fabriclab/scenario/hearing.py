"""Expectations of the journal, compared with what the agent has said to the fabric so far. Pure: entries in, verdict out."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from fabriclab.journal.entry import Entry
from fabriclab.scenario.expected import GoalState, Handler, Health, Logs, OfJournal, Requests

HEALTH, STATUS, LOGS = "health", "status", "agent_log"
SHOWN = 240  # characters of a message


@dataclass(frozen=True)
class Seen:
    """`held` None: not so yet, it may still become so. `entry`: the one that made it hold, where the journal says it."""

    held: bool | None
    detail: str = ""
    entry: Entry | None = None


def hear(what: OfJournal, entries: Sequence[Entry]) -> Seen:
    """`entries`: those that count."""
    if isinstance(what, Health):
        return _health(what, entries)
    if isinstance(what, Handler):
        return _handler(what, entries)
    if isinstance(what, GoalState):
        return _goal_state(what, entries)
    if isinstance(what, Logs):
        return _logs(what, entries)
    return _requests(what, entries)


def handlers(blob: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """The handler entries of a status blob; what is no table is left out."""
    found = _table(blob, "aggregateStatus").get("handlerAggregateStatus")
    return tuple(part for part in found if isinstance(part, Mapping)) if isinstance(found, list) else ()


def blobs(entries: Sequence[Entry]) -> Iterator[tuple[Entry, Mapping[str, Any]]]:
    for entry in entries:
        document = entry.facts.get("document") if entry.kind == STATUS else None
        if isinstance(document, Mapping):
            yield entry, document


def settings_status(handler: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the extension itself says: status, code, formattedMessage …; empty when it says nothing."""
    return _table(_table(_table(handler, "runtimeSettingsStatus"), "settingsStatus"), "status")


def message(part: Mapping[str, Any]) -> str:
    return str(_table(part, "formattedMessage").get("message") or "")


def health_text(facts: Mapping[str, Any]) -> str:
    said = "/".join(str(facts[key]) for key in ("state", "substatus") if facts.get(key))
    return f"{said}: {one_line(str(facts['description']))}" if facts.get("description") else said


def one_line(text: str, shown: int = SHOWN) -> str:
    """For a line among others: an agent's messages may be long, and hold line breaks."""
    joined = " ".join(text.split())
    return joined if len(joined) <= shown else f"{joined[:shown].rstrip()} …"


def handler_text(handler: Mapping[str, Any], shown: int = SHOWN) -> str:
    """Status, code and message of the handler and of its extension; messages cut to `shown` characters."""
    own = f"{handler.get('status')}, code {handler.get('code')}"
    own += f' "{one_line(message(handler), shown)}"' if message(handler) else ""
    extension = settings_status(handler)
    if extension:
        own += f"; extension {extension.get('status')}, code {extension.get('code')}"
        own += f' "{one_line(message(extension), shown)}"' if message(extension) else ""
    return own


def _health(what: Health, entries: Sequence[Entry]) -> Seen:
    last = "no health report"
    for entry in entries:
        if entry.kind != HEALTH or entry.refusal:
            continue
        facts = entry.facts
        if (
            facts.get("state") == what.state
            and what.substatus in (None, facts.get("substatus"))
            and (what.description or "") in str(facts.get("description") or "")
        ):
            return Seen(not what.absent, health_text(facts), entry)
        last = f"last: {health_text(facts)}"
    return Seen(True) if what.absent else Seen(None, last)


def _handler(what: Handler, entries: Sequence[Entry]) -> Seen:
    last = "no status blob"
    for entry, blob in blobs(entries):
        named = [part for part in handlers(blob) if _is(part, what)]
        if not named:
            if what.absent:
                return Seen(True, "", entry)
            last = f"the last of the blobs has no {what.name}"
            continue
        last = f"last: {handler_text(named[-1])}"
        if not what.absent and any(_fits(part, what) for part in named):
            return Seen(True, handler_text(named[-1]), entry)
    return Seen(None, last)


def _is(handler: Mapping[str, Any], what: Handler) -> bool:
    instance = _table(handler, "runtimeSettingsStatus").get("extensionName")
    return handler.get("handlerName") == what.name and what.instance in (None, instance)


def _fits(handler: Mapping[str, Any], what: Handler) -> bool:
    extension = settings_status(handler)
    pairs = (
        (what.status, handler.get("status")),
        (what.version, handler.get("handlerVersion")),
        (what.code, handler.get("code")),
        (what.extension, extension.get("status")),
        (what.extension_code, extension.get("code")),
        (what.sequence, _table(handler, "runtimeSettingsStatus").get("sequenceNumber")),
    )
    said = ((what.message, message(handler)), (what.extension_message, message(extension)))
    return all(wanted in (None, found) for wanted, found in pairs) and all(
        wanted is None or wanted in found for wanted, found in said
    )


def _goal_state(what: GoalState, entries: Sequence[Entry]) -> Seen:
    last = "no status blob with one"
    for entry, blob in blobs(entries):
        part = _table(_table(_table(blob, "aggregateStatus"), "vmArtifactsAggregateStatus"), "goalStateAggregateStatus")
        if not part:
            continue
        last = f'last: {part.get("status")}, code {part.get("code")} "{message(part)}"'
        if (
            part.get("status") == what.status
            and what.code in (None, part.get("code"))
            and (what.message or "") in message(part)
        ):
            return Seen(True, last.removeprefix("last: "), entry)
    return Seen(None, last)


def _logs(what: Logs, entries: Sequence[Entry]) -> Seen:
    last = "no bundle"
    for entry in entries:
        names = entry.facts.get("names") if entry.kind == LOGS else None
        if not isinstance(names, list):
            continue
        missing = [pattern for pattern in what.holds if not any(fnmatchcase(name, pattern) for name in names)]
        surplus = [name for name in names if any(fnmatchcase(name, pattern) for pattern in what.lacks)]
        if not missing and not surplus:
            return Seen(True, f"{len(names)} files", entry)
        last = f"the last one lacks {' '.join(missing) or 'nothing'}" + (f" and has {' '.join(surplus[:5])}" if surplus else "")
    return Seen(None, last)


def _requests(what: Requests, entries: Sequence[Entry]) -> Seen:
    fitting = [entry for entry in entries if counts(what, entry)]
    number = len(fitting)
    if what.at_most is not None and number > what.at_most:
        entry = fitting[what.at_most]
        return Seen(False, f"{number} times, first too many: {entry.summary} at {entry.since:.3f} s")
    if number < what.at_least:
        return Seen(None, f"{number} times")
    return Seen(True, f"{number} times", fitting[what.at_least - 1] if what.at_least else None)


def counts(what: Requests, entry: Entry) -> bool:
    exchange = entry.exchange
    if exchange is None:
        return what.text is not None and _only_text(what, entry) and re.search(what.text, entry.summary) is not None
    return (
        what.service in (None, entry.service)
        and what.method in (None, exchange.method)
        and (what.path is None or fnmatchcase(exchange.target.lower(), what.path.lower().replace("[", "[[]")))
        and what.status in (None, exchange.status)
        and (what.refused is None or what.refused == (exchange.refusal is not None))
        and (what.text is None or re.search(what.text, entry.summary) is not None)
    )


def _only_text(what: Requests, entry: Entry) -> bool:
    return what.method is None and what.path is None and what.status is None and what.service in (None, entry.service)


def _table(part: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = part.get(key)
    return found if isinstance(found, Mapping) else {}
