"""What guests post to the wire server about themselves: health, role properties, host health signals (fabric.md 2.2 to 2.4).

Documents are parsed, never compared as text: agents send one line, cloud-init an indented document. Namespaces and declaration
are optional. A parser gives facts, or raises BadReport with one sentence; whether ids are current is for the caller to say.
"""

import json
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

STATES = ("Ready", "NotReady")
SUBSTATUSES = ("Provisioning", "ProvisioningFailed")
NAME_LIMIT, TEXT_LIMIT = 64, 128


class BadReport(ValueError):
    """Not what the real fabric would take; one sentence."""


@dataclass(frozen=True)
class Health:
    incarnation: str
    container: str
    instance: str
    state: str
    substatus: str | None = None
    description: str | None = None

    def facts(self) -> dict[str, Any]:
        return {
            "kind": "health",
            "state": self.state,
            "substatus": self.substatus,
            "description": self.description,
            "incarnation": self.incarnation,
            "container": self.container,
            "instance": self.instance,
        }


@dataclass(frozen=True)
class RoleProperties:
    container: str
    instance: str
    properties: dict[str, str]


def health(body: bytes) -> Health:
    root = xml(body, "Health")
    role = _only(root, "Container/RoleInstanceList/Role")
    report = Health(
        incarnation=_text(root, "GoalStateIncarnation"),
        container=_text(root, "Container/ContainerId"),
        instance=_text(role, "InstanceId"),
        state=_text(role, "Health/State"),
        substatus=_optional(role, "Health/Details/SubStatus"),
        description=_optional(role, "Health/Details/Description"),
    )
    if report.state not in STATES:
        raise BadReport(f"State is {report.state!r}")
    if report.state == "Ready" and role.find("Health/Details") is not None:
        raise BadReport("Ready carries Details")
    _check_substatus(report.substatus)
    return report


def role_properties(body: bytes) -> RoleProperties:
    root = xml(body, "RoleProperties")
    instance = _only(root, "Container/RoleInstances/RoleInstance")
    properties = {}
    for element in instance.findall("Properties/Property"):
        name, value = element.get("name"), element.get("value")
        if not name or value is None:
            raise BadReport("a Property lacks its name or value")
        properties[name] = value
    if not properties:
        raise BadReport("there is no Property")
    return RoleProperties(_text(root, "Container/ContainerId"), _text(instance, "Id"), properties)


def provisioning_health(body: bytes) -> Health:
    """azure-init's form: JSON without ids."""
    document = _json(body)
    state, details = document.get("state"), document.get("details")
    if state not in STATES:
        raise BadReport(f"state is {state!r}")
    if details is None:
        return Health("", "", "", state)
    if not isinstance(details, dict) or state == "Ready":
        raise BadReport("details are no object, or come with Ready")
    substatus, description = details.get("subStatus"), details.get("description")
    _check_substatus(substatus)
    if description is not None and not isinstance(description, str):
        raise BadReport("description is no text")
    return Health("", "", "", state, substatus, description)


def health_signal(body: bytes) -> dict[str, Any]:
    """Observations of the host's own components, as facts."""
    document = _json(body)
    if document.get("Api") != "reporttargethealth":
        raise BadReport(f"Api is {document.get('Api')!r}")
    for key in ("Version", "Source"):
        if not isinstance(document.get(key), str):
            raise BadReport(f"{key} is missing")
    observations = document.get("Observations")
    if not isinstance(observations, list) or not observations:
        raise BadReport("there are no Observations")
    for observation in observations:
        _check_observation(observation)
    return {"kind": "health_signal", "source": document["Source"], "observations": observations}


def xml(body: bytes, root: str) -> Element:
    """The root element, namespaces taken off all names. Raises BadReport when it is another one or not XML."""
    try:
        element: Element = ElementTree.fromstring(body)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as problem:
        raise BadReport(f"not XML: {problem}") from problem
    for item in element.iter():
        item.tag = item.tag.rpartition("}")[2]
    if element.tag != root:
        raise BadReport(f"the root element is {element.tag}, not {root}")
    return element


def _check_substatus(substatus: object) -> None:
    if substatus is not None and substatus not in SUBSTATUSES:
        raise BadReport(f"SubStatus is {substatus!r}")


def _check_observation(observation: object) -> None:
    if not isinstance(observation, dict) or not isinstance(observation.get("ObservationName"), str):
        raise BadReport("an observation without ObservationName")
    name = observation["ObservationName"]
    if not isinstance(observation.get("IsHealthy"), bool):
        raise BadReport(f"{name}: IsHealthy is neither true nor false")
    for key, limit in (("ObservationName", NAME_LIMIT), ("Description", TEXT_LIMIT), ("Value", TEXT_LIMIT)):
        text = observation.get(key, "")
        if not isinstance(text, str) or len(text) > limit:
            raise BadReport(f"{name}: {key} is not text of at most {limit} characters")


def _json(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as problem:
        raise BadReport(f"not JSON: {problem}") from problem
    if not isinstance(document, dict):
        raise BadReport("not a JSON object")
    return document


def _only(element: Element, path: str) -> Element:
    found = element.findall(path)
    if len(found) != 1:
        raise BadReport(f"{len(found)} elements {path} instead of one")
    return found[0]


def _text(element: Element, path: str) -> str:
    text = _optional(element, path)
    if not text:
        raise BadReport(f"{path} is missing or empty")
    return text


def _optional(element: Element, path: str) -> str | None:
    found = element.find(path)
    return None if found is None else "".join(found.itertext()).strip()
