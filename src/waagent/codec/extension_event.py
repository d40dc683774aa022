"""Events that extensions drop into ``<log dir>/<Name>/events`` (fabric.md 11.5; extensions.md 9.3).

One file holds an object or an array; eight keys are required, in any case. A bad event is dropped with the name of the
reason that the summary counts, its neighbours stay. Odd: pid and tid may be integers or text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from waagent.codec.json_document import load
from waagent.model.event import Value
from waagent.model.secret import redact

DOCUMENT = "extension event file"
FILE_LIMIT = 4 * 1024 * 1024
MESSAGE_LIMIT = 3072
EVENT_LIMIT = 6144
PERIOD_LIMIT = 360
"""Events of one handler and period; counted after each whole file."""
_NAME = re.compile(r"[0-9]+\.json", re.IGNORECASE)
_KEYS = ("Version", "Timestamp", "TaskName", "EventLevel", "Message", "EventPid", "EventTid", "OperationId")
_NUMBERS = ("EventPid", "EventTid")
MISSING_KEY, EMPTY_MESSAGE, OVERSIZE = "MissingKeyError", "EmptyMessageError", "OversizeEventError"


@dataclass(frozen=True)
class ExtensionEvent:
    """One event, stripped, cut and redacted."""

    version: str
    timestamp: str
    task_name: str
    level: str
    message: str
    process_id: Value
    thread_id: Value
    operation_id: str


def is_event_file(name: str) -> bool:
    """Whether a file name is one that is read; every other file is deleted unread."""
    return _NAME.fullmatch(name) is not None


def parse(data: bytes) -> tuple[tuple[ExtensionEvent, ...], tuple[str, ...]]:
    """The events of a file, and one reason for each that was dropped. Errors: ``NotJson``."""
    value = load(data, DOCUMENT)
    events: list[ExtensionEvent] = []
    dropped: list[str] = []
    for each in value if isinstance(value, list) else [value]:
        found = _event(each)
        if isinstance(found, str):
            dropped.append(found)
        else:
            events.append(found)
    return tuple(events), tuple(dropped)


def _event(value: Any) -> ExtensionEvent | str:
    if not isinstance(value, dict):
        return MISSING_KEY
    given = {key.lower(): each for key, each in value.items()}
    texts = {key: _text(key, given.get(key.lower())) for key in _KEYS}
    known = {key: text for key, text in texts.items() if text is not None}
    if len(known) < len(_KEYS):
        return MISSING_KEY
    if not known["Message"]:
        return EMPTY_MESSAGE
    known["Message"] = known["Message"][:MESSAGE_LIMIT]
    if sum(map(len, known.values())) > EVENT_LIMIT:
        return OVERSIZE
    version, timestamp, task, level, message, process, thread, operation = (known[key] for key in _KEYS)
    return ExtensionEvent(version, timestamp, task, level, message, _number(process), _number(thread), operation)


def _text(key: str, value: Any) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool) and key in _NUMBERS:
        return str(value)
    return redact(value.strip()) if isinstance(value, str) else None


def _number(text: str) -> Value:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 20 else text
