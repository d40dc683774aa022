"""The health report that ends provisioning (fabric.md 2.2).

One line of XML. ``Ready`` never carries details. The server takes 4096 bytes of description, clients count 3686
characters before escaping (trap 22): both bounds are kept.
"""

from __future__ import annotations

from waagent.codec.xml_text import content, legal
from waagent.model.health import DESCRIPTION_LIMIT, HealthReport
from waagent.model.secret import redact

SERVER_LIMIT = 4096
"""Bytes of UTF-8."""


def render(report: HealthReport, incarnation: str, container_id: str, instance_id: str) -> bytes:
    """The body of POST ``/machine?comp=health``; the identities are those of the current goal state."""
    details = ""
    if report.substatus is not None and report.state != "Ready":
        details = (
            f"<Details><SubStatus>{content(report.substatus)}</SubStatus>"
            f"<Description>{content(_description(report.description))}</Description></Details>"
        )
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<Health xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema">'
        f"<GoalStateIncarnation>{content(incarnation)}</GoalStateIncarnation>"
        f"<Container><ContainerId>{content(container_id)}</ContainerId>"
        f"<RoleInstanceList><Role><InstanceId>{content(instance_id)}</InstanceId>"
        f"<Health><State>{content(report.state)}</State>{details}</Health>"
        "</Role></RoleInstanceList></Container></Health>"
    ).encode()


def _description(text: str | None) -> str:
    kept = legal(redact(text or ""))[:DESCRIPTION_LIMIT]
    return kept.encode()[:SERVER_LIMIT].decode("utf-8", "ignore")
