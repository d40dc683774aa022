"""The times of a run: between what the journal says and what the sample handlers leave in the guest.

A sample appends to its commands.log when a command begins and writes its status file when it ends; the times of the two files
are exact to a few milliseconds, while the text in the log has whole seconds only.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from fabriclab.guests.guest import Guest
from fabriclab.journal.entry import Entry
from fabriclab.scenario import hearing, service
from fabriclab.world.extension import CONTAINER

LOGS = "var/log/azure"
STATE = "var/lib/waagent"

READY = "agent start → Ready"
FIRST_STATUS = "agent start → first status blob"
PACKAGE = "goal state published → package fetched"
ENABLE = "goal state published → enable started"
SUCCESS = "goal state published → success in the status blob"
UPLOAD = "enable finished → its status uploaded"


@dataclass(frozen=True)
class Enabled:
    """Seconds since the epoch: when the last enable of a handler began, and when it wrote its status."""

    began: float
    ended: float


def enabled(guest: Guest) -> dict[str, Enabled]:
    """By handler name, from the files that the guest wrote; handlers that are no sample are left out."""
    found = {}
    for log in (guest.upper / LOGS).glob("*/commands.log"):
        name = log.parent.name
        statuses = sorted((guest.upper / STATE).glob(f"{name}-*/status/*.status"), key=lambda path: path.lstat().st_mtime)
        last = log.read_text(errors="replace").splitlines()[-1:]
        if statuses and last and last[0].split(";")[1:2] == ["enable"]:
            found[name] = Enabled(log.lstat().st_mtime, statuses[-1].lstat().st_mtime)
    return found


def measure(entries: Sequence[Entry], handlers: Mapping[str, Enabled]) -> dict[str, float]:
    """What can be said, in the order in which it happens."""
    start = _first(entries, lambda entry: entry.kind == service.STARTED)
    if start is None:
        return {}
    spans = {
        READY: _between(start, _first(entries, _is_ready)),
        FIRST_STATUS: _between(start, _first(entries, lambda entry: entry.kind == hearing.STATUS)),
    }
    published = _first(entries, _is_publication)
    if published is not None:
        later = [entry for entry in entries if entry.number > published.number]
        success = _first(later, _has_success)
        spans[PACKAGE] = _between(published, _first(later, _is_package))
        if success is not None:
            uploaded = success.wall.timestamp()
            # An enable that ran again later has left only the times of its last run.
            known = [handlers[name] for name in _successful(success) if name in handlers and handlers[name].ended <= uploaded]
            if known:
                spans[ENABLE] = min(one.began for one in known) - published.wall.timestamp()
                spans[UPLOAD] = uploaded - max(one.ended for one in known)
        spans[SUCCESS] = _between(published, success)
    return {name: round(seconds, 4) for name, seconds in spans.items() if seconds is not None}


def _first(entries: Sequence[Entry], fits: Callable[[Entry], bool]) -> Entry | None:
    return next((entry for entry in entries if fits(entry)), None)


def _between(before: Entry, after: Entry | None) -> float | None:
    return None if after is None else after.since - before.since


def _is_ready(entry: Entry) -> bool:
    return entry.kind == hearing.HEALTH and entry.facts.get("state") == "Ready" and not entry.refusal


def _is_publication(entry: Entry) -> bool:
    return entry.kind == "world" and entry.facts.get("event") in ("PublishExtensions", "PutExtension")


def _is_package(entry: Entry) -> bool:
    target = entry.exchange.target if entry.exchange is not None else ""
    return entry.kind == "blob_read" and f"/{CONTAINER}/" in target and "_manifest.xml" not in target


def _has_success(entry: Entry) -> bool:
    return bool(_successful(entry))


def _successful(entry: Entry) -> list[str]:
    blob = entry.facts.get("document") if entry.kind == hearing.STATUS else None
    if not isinstance(blob, Mapping):
        return []
    found = [part for part in hearing.handlers(blob) if hearing.settings_status(part).get("status") == "success"]
    return [str(part.get("handlerName")) for part in found]
