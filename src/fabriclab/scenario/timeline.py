"""From the journal's entries to the few lines that a person wants to see: who did what, when, and whether that is good.

Pure but for what was said before: a goal state served for the hundredth time is no news.
"""

from collections.abc import Mapping
from typing import Any

from fabriclab.journal.entry import AGENT, FABRIC, LAB, Entry
from fabriclab.scenario import hearing, service
from fabriclab.scenario.outcome import TimelineEvent

PUBLICATIONS = ("PublishExtensions", "PutExtension", "ChangeSettings")
SHOWN = 90  # characters of a message
TERMINAL = {"success": True, "error": False}


class Timeline:
    """Feed it every entry in order; it gives the event that is worth a line, or None."""

    def __init__(self) -> None:
        self._said: set[str] = set()
        self._blobs: dict[str, str] = {}
        self._status_seen = False

    def tell(self, entry: Entry) -> TimelineEvent | None:
        event = self._of(entry)
        if event is None:
            return None
        who, text, good = event
        return TimelineEvent(round(entry.since, 4), who, text, good)

    def _of(self, entry: Entry) -> tuple[str, str, bool | None] | None:
        facts = entry.facts
        if entry.refusal:
            return self._news(FABRIC, f"refused: {_request(entry)}: {entry.refusal}", False)
        if entry.fault:
            return self._news(FABRIC, f"fault: {_request(entry)}: {entry.fault}", None)
        if entry.kind == hearing.HEALTH:
            good = {"Ready": True, "NotReady": None}.get(str(facts.get("state")))
            good = False if "Failed" in str(facts.get("substatus")) else good
            return AGENT, f"reported {hearing.health_text(facts)}", good
        if entry.kind == hearing.STATUS:
            return self._status(facts)
        if entry.exchange is not None:
            return self._exchange(entry)
        if entry.kind == service.STARTED or entry.who == LAB:
            return entry.who, entry.summary, None
        if entry.kind == service.ENDED:
            return entry.who, entry.summary, facts.get("status") == 0 or None
        if entry.service == "dhcp":
            return self._news(entry.who, entry.summary, None)
        if entry.kind == "world":
            return entry.who, _changed(entry), None
        return None

    def _exchange(self, entry: Entry) -> tuple[str, str, bool | None] | None:
        """Each sort of document once, until it is another one."""
        exchange = entry.exchange
        assert exchange is not None
        if exchange.status is None or exchange.status >= 400:
            return self._news(FABRIC, f"{_request(entry)} answered {exchange.status}", None)
        if exchange.method != "GET":
            return None
        if entry.service in ("wireserver", "blob", "hostplugin", "imds"):
            return self._news(FABRIC, f"served {_served(entry)}", None)
        return None

    def _status(self, facts: Mapping[str, Any]) -> tuple[str, str, bool | None] | None:
        blob = facts.get("document")
        if not isinstance(blob, Mapping):
            return self._news(AGENT, "uploaded a status blob that is no JSON object", False)
        told, good = [], None
        for handler in hearing.handlers(blob):
            instance = (handler.get("runtimeSettingsStatus") or {}).get("extensionName")
            name = f"{handler.get('handlerName')}{f' ({instance})' if instance else ''}"
            text = hearing.handler_text(handler, SHOWN)
            if self._blobs.get(name) != text:
                self._blobs[name] = text
                told.append(f"{name} {text}")
                good = TERMINAL.get(str(hearing.settings_status(handler).get("status")), good)
        first, self._status_seen = not self._status_seen, True
        if told:
            return AGENT, f"uploaded status: {'; '.join(told)}", good
        return (AGENT, "uploaded its first status", None) if first else None

    def _news(self, who: str, text: str, good: bool | None) -> tuple[str, str, bool | None] | None:
        if text in self._said:
            return None
        self._said.add(text)
        return who, text, good


def _served(entry: Entry) -> str:
    """A blob by what it is; anything else in the service's own words."""
    name = str(entry.facts.get("name", ""))
    if entry.kind != "blob_read":
        return entry.summary
    if name.endswith("_manifest.xml"):
        return f"manifest of {name.removesuffix('_manifest.xml')}"
    if name.endswith(".vmSettings"):
        return "artifacts profile"
    handler, found, version = name.partition("__")
    size = entry.exchange.response_size if entry.exchange is not None else 0
    return f"package {handler} {version}, {size} bytes" if found else f"blob {name}, {size} bytes"


def _changed(entry: Entry) -> str:
    """An event of the world, and what it left the counters at."""
    event, _, subject = entry.summary.partition(" ")
    said = f"published {subject}" if event in PUBLICATIONS else entry.summary
    return f"{said} (goal state {entry.facts.get('incarnation')}, vmSettings {entry.facts.get('etag')})"


def _request(entry: Entry) -> str:
    exchange = entry.exchange
    return f"{exchange.method} {exchange.path} ({entry.service})" if exchange is not None else entry.summary
