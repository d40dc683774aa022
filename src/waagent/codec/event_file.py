"""Event files below ``<lib>/events`` (fabric.md 11.4; extensions.md 9.2).

``<microseconds>.waagent.tld`` are the agent's own, in JSON. Other ``*.tld`` are legacy ones, of extensions and old
agents: the same JSON, or XML. Odd: of an extension's event only six parameters count, the common ones are the agent's;
types in XML are texts, and ``False`` there means false here (trap 35: the reference takes any text as true).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from waagent.codec.json_document import dump, load, require, require_object, text
from waagent.model.event import Event, Value
from waagent.model.failure import DocumentFailure
from waagent.model.secret import redact

DOCUMENT = "event file"
MAXIMUM_FILES = 1000
AGENT_SUFFIX = ".waagent.tld"
LEGACY_SUFFIX = ".tld"
AGENT_NAME = "WALinuxAgent"
_OWN = ("Name", "Version", "Operation", "OperationSuccess", "Message", "Duration")


@dataclass(frozen=True)
class EventFile:
    """An event as a file has it; ``file_type`` is json or xml for legacy files, empty for our own."""

    event: Event
    file_type: str = ""

    @property
    def from_extension(self) -> bool:
        return dict(self.event.parameters).get("Name") != AGENT_NAME


def file_name(microseconds: int) -> str:
    """The name of a new file of the agent, for a moment in microseconds since 1970."""
    return f"{microseconds}{AGENT_SUFFIX}"


def render(event: Event) -> bytes:
    """The content of one of the agent's own files."""
    parameters = [{"name": name, "value": value} for name, value in event.parameters]
    return dump({"eventId": event.event_id, "providerId": event.provider, "parameters": parameters, "file_type": ""})


def parse(data: bytes, *, legacy: bool = False) -> EventFile:
    """One file: JSON, or XML when it is a legacy one that begins with ``<``. Errors: ``DocumentFailure``."""
    if legacy and data.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<"):
        return EventFile(_parse_xml(data), "xml")
    return EventFile(_parse_json(data), "json" if legacy else "")


def complete(found: EventFile, common: tuple[tuple[str, Value], ...]) -> Event:
    """A legacy event as it is sent: ``common`` parameters added, messages redacted (extensions.md 9.2).

    Of an extension's event only its own six parameters stay; of an agent's, what it has wins over ``common``.
    """
    said = found.event.parameters
    if found.from_extension:
        given = dict(said)
        kept = tuple((name, given[name]) for name in _OWN if name in given)
    else:
        kept = said
    names = {name for name, _ in kept}
    kind: tuple[tuple[str, Value], ...] = (("ExtensionType", found.file_type), ("IsInternal", False))
    added = tuple((name, value) for name, value in (*common, *kind) if name not in names)
    parameters = tuple((name, redact(value) if isinstance(value, str) else value) for name, value in (*kept, *added))
    return Event(found.event.provider, found.event.event_id, parameters)


def _parse_json(data: bytes) -> Event:
    top = require_object(load(data, DOCUMENT), DOCUMENT, "")
    event_id = require(top, "eventId", DOCUMENT, "")
    provider = require(top, "providerId", DOCUMENT, "")
    parameters = require(top, "parameters", DOCUMENT, "")
    if not isinstance(event_id, int) or isinstance(event_id, bool) or not isinstance(provider, str):
        raise DocumentFailure(DOCUMENT, "", "eventId must be an integer, and providerId a string")
    if not isinstance(parameters, list):
        raise DocumentFailure(DOCUMENT, "parameters", "an array is expected")
    return Event(provider, event_id, tuple(_parameter(each, f"parameters[{i}]") for i, each in enumerate(parameters)))


def _parameter(value: Any, path: str) -> tuple[str, Value]:
    entry = require_object(value, DOCUMENT, path)
    name = require(entry, "name", DOCUMENT, path)
    if not isinstance(name, str):
        raise DocumentFailure(DOCUMENT, f"{path}.name", "a string is expected")
    found = require(entry, "value", DOCUMENT, path)
    return name, found if isinstance(found, (bool, int, float)) else text(found)


def _parse_xml(data: bytes) -> Event:
    from xml.etree.ElementTree import ParseError

    from defusedxml.ElementTree import fromstring

    try:
        root = fromstring(data.removeprefix(b"\xef\xbb\xbf").strip(), forbid_dtd=True)
    except (ParseError, ValueError, LookupError) as error:
        raise DocumentFailure(DOCUMENT, "", f"not a well-formed XML document: {error}") from error
    if root.tag != "Data":
        raise DocumentFailure(DOCUMENT, "", "the element Data is missing")
    provider, event = root.find("Provider"), root.find("Event")
    if provider is None or event is None or not provider.get("id"):
        raise DocumentFailure(DOCUMENT, "Data", "the element Provider or Event, or the id of the provider, is missing")
    parameters = tuple(
        (each.get("Name", ""), _typed(each.get("Value", ""), each.get("T", ""))) for each in root.findall("Param")
    )
    return Event(provider.get("id", ""), _event_id(event.get("id", "")), parameters)


def _event_id(value: str) -> int:
    number = _integer(value)
    if number is None:
        raise DocumentFailure(DOCUMENT, "Data/Event", "the id is not a number")
    return number


def _typed(value: str, kind: str) -> Value:
    if kind == "mt:bool":
        return value.strip().lower() in ("true", "1")
    if kind == "mt:uint64":
        number = _integer(value)
        return value if number is None else number
    if kind == "mt:float64":
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _integer(value: str) -> int | None:
    digits = value.strip().removeprefix("-")
    return int(value) if digits.isascii() and digits.isdigit() and len(digits) <= 20 else None
