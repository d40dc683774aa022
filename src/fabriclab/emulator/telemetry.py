"""Telemetry events as the wire server takes them (fabric.md 11.1, 11.2).

An event's CDATA text is XML without a root: a row of Param elements whose values stand between either kind of quotes. It is
parsed as XML, never by a pattern. What is wrong with its form is refused; what a schema misses is only noted, in `missing`.
"""

import re
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

from fabriclab.emulator.reports import BadReport, xml

AGENT = "69B669B9-4AF8-4C50-BDC4-6006FA76E975"
LOGS = "FFF0196F-EE4C-4EAF-9AA5-776F622DEB4F"
SENDER = ("GAVersion", "ContainerId", "OpcodeName", "EventTid", "EventPid", "TaskName")
MACHINE = (
    "OSVersion",
    "ExecutionMode",
    "RAM",
    "Processors",
    "KeywordName",
    "TenantName",
    "RoleName",
    "RoleInstanceName",
    "Location",
    "SubscriptionId",
    "ResourceGroupName",
    "VMId",
    "ImageOrigin",
)
COMMON = (*SENDER, *MACHINE)
SCHEMAS = {
    (AGENT, "1"): ("Name", "Version", "Operation", "OperationSuccess", "Message", "Duration", *COMMON),
    (AGENT, "4"): ("Category", "Counter", "Instance", "Value", *COMMON),
    (LOGS, "7"): ("EventName", "CapabilityUsed", "Context1", "Context2", "Context3", *COMMON),
}


def parse(body: bytes) -> dict[str, Any]:
    """Facts about all events of one request. Raises BadReport."""
    root = xml(body, "TelemetryData")
    if root.get("version") != "1.0":
        raise BadReport(f"TelemetryData has version {root.get('version')!r}")
    providers = root.findall("Provider")
    if len(providers) != 1:
        raise BadReport(f"{len(providers)} providers instead of one")
    identifier = (providers[0].get("id") or "").upper()
    events = [_event(identifier, element) for element in providers[0].findall("Event")]
    if not events:
        raise BadReport("there is no Event")
    return {"kind": "telemetry", "provider": identifier, "events": events}


def _event(provider: str, element: Element) -> dict[str, Any]:
    number = element.get("id") or ""
    schema = SCHEMAS.get((provider, number))
    if schema is None:
        raise BadReport(f"provider {provider or 'without id'} has no event {number or 'without id'}")
    parameters = _parameters(element.text or "")
    missing = [name for name in schema if name not in parameters]
    return {"id": number, "parameters": parameters, "missing": missing}


def _parameters(text: str) -> dict[str, Any]:
    try:
        root: Element = ElementTree.fromstring(f"<Event>{text}</Event>")
    except (ParseError, DefusedXmlException, ValueError) as problem:
        raise BadReport(f"the text of an Event is not XML: {problem}") from problem
    found: dict[str, Any] = {}
    for element in root:
        name, value, kind = element.get("Name"), element.get("Value"), element.get("T")
        if element.tag != "Param" or not name or value is None or kind is None:
            raise BadReport("an Event holds something else than Param with Name, Value and T")
        found[name] = _value(name, value, kind)
    if not found or (root.text or "").strip() or any((element.tail or "").strip() for element in root):
        raise BadReport("an Event holds text outside its parameters, or none")
    return found


def _value(name: str, text: str, kind: str) -> Any:
    if kind == "mt:wstr":
        return text
    if kind == "mt:bool" and text in ("True", "False"):
        return text == "True"
    if kind == "mt:uint64" and re.fullmatch(r"-?[0-9]{1,20}", text):
        return int(text)
    if kind == "mt:float64" and re.fullmatch(r"-?[0-9]{1,400}(\.[0-9]{1,400})?([eE][+-]?[0-9]{1,3})?", text):
        return float(text)
    if kind == "" and text == "None":
        return None
    raise BadReport(f"the parameter {name}: {text[:40]!r} is not of the type {kind!r}")
