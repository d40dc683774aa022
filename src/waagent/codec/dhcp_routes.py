"""Routes as we keep them between two starts: our own file, read by nobody else.

{"routes": [{"destination": "0.0.0.0/0", "gateway": "10.0.0.1"}, {"destination": "168.63.129.16/32", …}]}
"""

from __future__ import annotations

import ipaddress
import json

from waagent.codec import json_document
from waagent.model.failure import DocumentFailure
from waagent.model.network import Route

DOCUMENT = "saved routes"


def render(routes: tuple[Route, ...]) -> bytes:
    listed = [{"destination": route.destination, "gateway": route.gateway} for route in routes]
    return json.dumps({"routes": listed}).encode() + b"\n"


def parse(data: bytes) -> tuple[Route, ...]:
    """Errors: ``DocumentFailure`` for anything but routes between plain addresses, since they become arguments of a command."""
    found = json_document.load(data, DOCUMENT)
    listed = found.get("routes") if isinstance(found, dict) else None
    if not isinstance(listed, list):
        raise DocumentFailure(DOCUMENT, "routes", "is no list")
    return tuple(_route(number, each) for number, each in enumerate(listed))


def _route(number: int, found: object) -> Route:
    where = f"routes[{number}]"
    if not isinstance(found, dict):
        raise DocumentFailure(DOCUMENT, where, "is no object")
    try:
        destination = ipaddress.IPv4Network(str(found.get("destination")))
        gateway = ipaddress.IPv4Address(str(found.get("gateway")))
    except ValueError as error:
        raise DocumentFailure(DOCUMENT, where, f"is no route: {error}") from error
    return Route(str(destination), str(gateway))
