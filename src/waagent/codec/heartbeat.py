"""heartbeat.log of handlers with ``reportHeartbeat`` (extensions.md 9.4).

Only the status word and, where there is one, the message are taken. Odd: the code is never used; its age (600 s by
modification time) decides ``Unresponsive``, which is the reader's business.
"""

from __future__ import annotations

from dataclasses import dataclass

from waagent.codec.json_document import first, require, require_object, text
from waagent.model.failure import DocumentFailure

DOCUMENT = "heartbeat.log"
MAXIMUM_AGE = 600.0
"""Seconds after which a heartbeat counts as missing."""
MESSAGE_PATH = "[0].heartbeat.formattedMessage"
"""A failure at this path is code 3, any other -1."""


@dataclass(frozen=True)
class Heartbeat:
    """What a handler says of itself between two reports (extensions.md 4)."""

    status: str
    message: str | None = None
    """None: the agent's own message stays."""


def parse(data: bytes) -> Heartbeat:
    """The heartbeat. Errors: ``DocumentFailure``, with path ``MESSAGE_PATH`` when only the message is bad."""
    top = require_object(first(data, DOCUMENT), DOCUMENT, "[0]")
    path = "[0].heartbeat"
    heartbeat = require_object(require(top, "heartbeat", DOCUMENT, "[0]"), DOCUMENT, path)
    status = require(heartbeat, "status", DOCUMENT, path)
    if not isinstance(status, str):
        raise DocumentFailure(DOCUMENT, f"{path}.status", "a string is expected")
    value = heartbeat.get("formattedMessage")
    if value is None:
        return Heartbeat(status)
    message = require_object(value, DOCUMENT, MESSAGE_PATH)
    require(message, "lang", DOCUMENT, MESSAGE_PATH)
    return Heartbeat(status, text(require(message, "message", DOCUMENT, MESSAGE_PATH)))
