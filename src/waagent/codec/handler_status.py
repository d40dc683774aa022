"""Status files that extensions write: ``status/<seq>.status`` (fabric.md 7.4; extensions.md 1.5, 4.4).

An array of which only element 0 counts. Odd: codes are often strings and pass unchanged; an unknown status word counts
as ``error`` at the top and makes the whole file malformed in a substatus; texts are cut only when the whole file is
large. ``parse`` raises for a bad file, so that its reader can look again (trap 53: it may be half written); ``missing``,
``unreadable`` and ``invalid`` are what is reported in the end.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from waagent.codec.json_document import NotJson, kind, load, require, require_object, text
from waagent.model.failure import DocumentFailure
from waagent.model.secret import redact
from waagent.model.status import ExtensionStatus, Substatus

DOCUMENT = "status file"
WORDS = ("transitioning", "warning", "error", "success")
FILE_LIMIT = 128 * 1024
"""Characters of a file above which texts are cut, and of all texts together after that."""
MESSAGE_LIMIT = 1024
SUBSTATUS_LIMIT = 10240
SUFFIX = " ... [TRUNCATED]"
INVALID = 1012
_QUOTED = 2000
_QUOTED_VALUE = 4096
_PATH = "[0].status"


def parse(data: bytes, name: str, sequence_number: int) -> ExtensionStatus:
    """The status as it will be reported for the settings instance ``name``. Errors: ``NotJson``, ``DocumentFailure``."""
    value = load(data, DOCUMENT)
    if value is None or value == []:
        return ExtensionStatus(name, sequence_number, None, code=None)
    if not isinstance(value, list):
        raise DocumentFailure(DOCUMENT, "", f"an array is expected, not {kind(value)}")
    top = require_object(value[0], DOCUMENT, "[0]")
    status = require_object(require(top, "status", DOCUMENT, "[0]"), DOCUMENT, _PATH)
    word = require(status, "status", DOCUMENT, _PATH)
    lang, message, _ = _message(status, _PATH)
    found = ExtensionStatus(
        name=name,
        sequence_number=sequence_number,
        status=word if word in WORDS else "error",
        code=status.get("code", 0),
        message=message,
        lang=lang,
        operation=text(status.get("operation")),
        configuration_applied_time=text(status.get("configurationAppliedTime")),
        substatus=_substatus(status.get("substatus")),
    )
    # Bytes bound characters from above: only a file that could be too large is counted.
    large = len(data) > FILE_LIMIT and len(data.decode("utf-8-sig")) > FILE_LIMIT
    return _shorten(found) if large else found


def missing(name: str, sequence_number: int, path: str) -> ExtensionStatus:
    """What is reported while the extension has not written its file."""
    message = f"This status is being reported by the Guest Agent since no status file was reported by extension {name}: {path}"
    return ExtensionStatus(name, sequence_number, "transitioning", message=message)


def unreadable(name: str, sequence_number: int, path: str, cause: object) -> ExtensionStatus:
    """What is reported when the file is there and cannot be read."""
    message = f"Could not read the status of sequence number {sequence_number} from {path}: {cause}"
    return ExtensionStatus(name, sequence_number, "error", code=-1, message=redact(message))


def invalid(name: str, sequence_number: int, path: str, failure: DocumentFailure, data: bytes) -> ExtensionStatus:
    """What is reported for a file that stays bad, with the beginning of what is in it."""
    content = data.decode("utf-8", "backslashreplace")
    if isinstance(failure, NotJson):
        message = f"The status file {path} has an incorrect format: {failure.reason}\nContents: {content[:_QUOTED]}"
    else:
        message = f"Could not get a valid status from {path}: {failure.reason}"
        if not failure.facts["path"]:
            message += f"\nContents: {content[:_QUOTED_VALUE]}"
    return ExtensionStatus(name, sequence_number, "error", code=INVALID, message=redact(message))


def _message(parent: dict[str, Any], path: str) -> tuple[str, str | None, bool]:
    value = parent.get("formattedMessage")
    if value is None:
        return "en-US", None, False
    path = f"{path}.formattedMessage"
    message = require_object(value, DOCUMENT, path)
    lang = require(message, "lang", DOCUMENT, path)
    return text(lang) or "en-US", text(require(message, "message", DOCUMENT, path)), True


def _substatus(value: Any) -> tuple[Substatus, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise DocumentFailure(DOCUMENT, f"{_PATH}.substatus", f"an array is expected, not {kind(value)}")
    return tuple(_entry(each, f"{_PATH}.substatus[{index}]") for index, each in enumerate(value) if each is not None)


def _entry(value: Any, path: str) -> Substatus:
    entry = require_object(value, DOCUMENT, path)
    word = require(entry, "status", DOCUMENT, path)
    if word not in WORDS:
        raise DocumentFailure(DOCUMENT, f"{path}.status", f"is none of {', '.join(WORDS)}")
    _, message, present = _message(entry, path)
    return Substatus(text(entry.get("name")), word, entry.get("code", 0), message, present)


def _shorten(status: ExtensionStatus) -> ExtensionStatus:
    message = _cut(status.message, MESSAGE_LIMIT)
    total = len(message)
    kept: list[Substatus] = []
    for each in status.substatus:
        name, text_ = _cut(each.name, SUBSTATUS_LIMIT), _cut(each.message, SUBSTATUS_LIMIT)
        total += len(name) + len(text_)
        if total > FILE_LIMIT:
            break
        kept.append(replace(each, name=name, message=text_))
    return replace(status, message=message, substatus=tuple(kept))


def _cut(value: str | None, limit: int) -> str:
    value = value or ""
    return value if len(value) < limit else value[:limit] + SUFFIX
