"""One line of the journal: who did what and when, with the exchange behind it when there was one.

`since` counts seconds from the journal's start on the monotonic clock and is the moment the entry was written: for an exchange
just before its reply left. `facts` says in plain values what the fabric understood, under a `kind`:

    health            state, substatus, description, incarnation, container, instance
    role_properties   properties
    telemetry         provider, events
    health_signal     observations
    status            document, blob_type, channel ("host" or "direct")
    agent_log         size, names
    kvp               records
    dhcp, dns, world, blob … as their services say

Headers are pairs with lower-case names, in the order received.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

FABRIC = "fabric"
AGENT = "agent"
GUEST = "guest"
LAB = "lab"
PARTIES = (FABRIC, AGENT, GUEST, LAB)

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Exchange:
    """A request and its reply. Bodies are kept up to the journal's cap; the sizes are those that travelled.

    `status` is None when no reply was sent. `fault` names what went wrong on purpose, `refusal` says why the fabric rejected
    the request. `connection` numbers the TCP connections of the whole fabric from 1; exchanges with one number shared it.
    """

    method: str
    target: str
    request_headers: Headers = ()
    request_body: bytes = b""
    request_size: int = 0
    status: int | None = None
    response_headers: Headers = ()
    response_body: bytes = b""
    response_size: int = 0
    connection: int = 0
    client: str = ""
    started: float = 0.0
    fault: str | None = None
    refusal: str | None = None

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    def request_header(self, name: str) -> str | None:
        return header(self.request_headers, name)

    def response_header(self, name: str) -> str | None:
        return header(self.response_headers, name)


@dataclass(frozen=True)
class Entry:
    number: int
    since: float
    wall: datetime
    who: str
    service: str
    summary: str
    exchange: Exchange | None = None
    facts: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def kind(self) -> str | None:
        """The `kind` of the facts, or None when there are none."""
        kind = self.facts.get("kind")
        return kind if isinstance(kind, str) else None

    @property
    def refusal(self) -> str | None:
        return self.exchange.refusal if self.exchange else None

    @property
    def fault(self) -> str | None:
        return self.exchange.fault if self.exchange else None


def header(headers: Headers, name: str) -> str | None:
    """The first value of that name, ignoring case."""
    wanted = name.lower()
    return next((value for key, value in headers if key.lower() == wanted), None)
