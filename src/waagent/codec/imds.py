"""Answers of the instance metadata service (fabric.md 9.1 to 9.4), as far as the agent reads them.

Odd: every primitive is a string and what is missing may be an empty one; the health probe asks only whether the first
network interface has both its addresses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from waagent.codec.json_document import load, require_object
from waagent.codec.json_document import text as as_text
from waagent.model.failure import DocumentFailure

DOCUMENT = "instance metadata"


@dataclass(frozen=True)
class Compute:
    """The compute fields that telemetry carries; empty text for what the service does not say."""

    location: str = ""
    subscription_id: str = ""
    resource_group_name: str = ""
    vm_id: str = ""
    publisher: str = ""
    """Empty for a custom image (fabric.md 9.2)."""
    offer: str = ""
    sku: str = ""
    version: str = ""


def parse_compute(data: bytes) -> Compute:
    """The compute category. Errors: ``DocumentFailure`` when it is no JSON object."""
    compute = require_object(load(data, DOCUMENT), DOCUMENT, "compute")

    def say(key: str) -> str:
        try:
            return as_text(compute.get(key)) or ""
        except RecursionError:
            raise DocumentFailure(DOCUMENT, f"compute.{key}", "nested too deeply") from None

    return Compute(
        location=say("location"),
        subscription_id=say("subscriptionId"),
        resource_group_name=say("resourceGroupName"),
        vm_id=say("vmId"),
        publisher=say("publisher"),
        offer=say("offer"),
        sku=say("sku"),
        version=say("version"),
    )


def network_is_valid(data: bytes) -> bool:
    """Whether a whole instance document names the first interface's MAC and private IPv4 address. Raises nothing."""
    try:
        instance = load(data, DOCUMENT)
    except DocumentFailure:
        return False
    interface = _at(instance, "network", "interface", 0)
    return all(
        isinstance(said, str) and said.strip()
        for said in (_at(interface, "macAddress"), _at(interface, "ipv4", "ipAddress", 0, "privateIpAddress"))
    )


def _at(value: Any, *steps: str | int) -> Any:
    """What is found by following keys and positions; None where the way ends."""
    for step in steps:
        if isinstance(step, str) and isinstance(value, dict):
            value = value.get(step)
        elif isinstance(step, int) and isinstance(value, list) and len(value) > step:
            value = value[step]
        else:
            return None
    return value
