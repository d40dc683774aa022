"""A request as a service of the fabric sees it, and the reply it gives, with what the journal shall know about both."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Protocol
from urllib.parse import parse_qsl

from fabriclab.faults.effects import Effect, Reset
from fabriclab.journal.entry import Headers, header
from fabriclab.world.values import World

XML = "text/xml; charset=utf-8"
JSON = "application/json; charset=utf-8"
BINARY = "application/octet-stream"
TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True)
class Request:
    """`target` is the path with its query, as sent. Header names are lower case."""

    method: str
    target: str
    headers: Headers = ()
    body: bytes = b""
    client: str = ""
    connection: int = 0

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> tuple[tuple[str, str], ...]:
        return _pairs(self.target.partition("?")[2])

    def parameter(self, name: str) -> str | None:
        """The first query parameter of that name, ignoring case."""
        return next((value for key, value in self.query if key.lower() == name.lower()), None)

    def header(self, name: str) -> str | None:
        return header(self.headers, name)


@dataclass(frozen=True)
class Response:
    """`refusal` says why the request was rejected; `effect` is a fault that the service itself asks for (a silent mode)."""

    status: int
    body: bytes = b""
    content_type: str | None = None
    headers: Headers = ()
    summary: str = ""
    refusal: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    effect: Effect | None = None


class Service(Protocol):
    """One of the fabric's HTTP services. Many threads may call `answer` at a time."""

    @property
    def name(self) -> str: ...

    @property
    def body_limit(self) -> int:
        """Bytes; a longer request body is answered 413 without being read."""
        ...

    def answer(self, request: Request, world: World) -> Response: ...


class At:
    """A service at one of several addresses: where the world's wire server is not, a request gets no answer."""

    def __init__(self, service: Service, address: str) -> None:
        self.name = service.name
        self.body_limit = service.body_limit
        self._service = service
        self._address = address

    def answer(self, request: Request, world: World) -> Response:
        if world.wire_server == self._address:
            return self._service.answer(request, world)
        return Response(503, summary=f"nobody is at {self._address}", effect=Reset())


@lru_cache(256)
def _pairs(query: str) -> tuple[tuple[str, str], ...]:
    return tuple(parse_qsl(query, keep_blank_values=True))


def refuse(status: int, reason: str, body: bytes = b"", content_type: str | None = None, headers: Headers = ()) -> Response:
    """A rejection; without a body of its own it carries the reason as text, as a help to whoever reads the guest's log."""
    if not body:
        body, content_type = f"{reason}\n".encode("utf-8", "backslashreplace"), TEXT
    return Response(status, body, content_type, headers, summary=f"refused: {reason}", refusal=reason)
