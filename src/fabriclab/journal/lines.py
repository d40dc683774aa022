"""A journal's file: one JSON object per line, credentials replaced (redact.py).

A body that is UTF-8 text is kept as text. Any other body (a package, a log archive) is left out: only its size and SHA-256
stay, as such bytes could hide anything.
"""

import hashlib
import json
from datetime import datetime
from typing import Annotated, Any, TypedDict

from fabriclab.journal import redact
from fabriclab.journal.entry import Entry, Exchange, Headers

SCHEMA_VERSION = 1
"""Of the lines, and of every document that a command writes: higher when a key goes away or means something else."""


class _Message(TypedDict):
    headers: Annotated[list[tuple[str, str]], "name in lower case and value, in their order"]
    size: Annotated[int, "bytes of the body as they travelled"]


class Message(_Message, total=False):
    """One direction of an exchange: a body that is text, else its checksum. At most 1 MiB of a body is kept."""

    body: Annotated[str, "the text, without credentials"]
    sha256: Annotated[str, "of a body that is no UTF-8 text"]


class ExchangeLine(TypedDict):
    """A request and its reply."""

    method: str
    target: Annotated[str, "path and query, without credentials"]
    status: Annotated[int | None, "null: no reply was sent"]
    connection: Annotated[int, "exchanges with one number shared a TCP connection"]
    client: Annotated[str, "address and port"]
    started: Annotated[float, "seconds since the journal's start at which the request had come"]
    fault: Annotated[str | None, "what went wrong on purpose"]
    refusal: Annotated[str | None, "why the fabric rejected the request"]
    request: Message
    response: Message


class _Line(TypedDict):
    schema_version: int
    number: Annotated[int, "from 1"]
    since: Annotated[float, "seconds since the journal's start"]
    wall: Annotated[str, "the same moment, ISO 8601 with its zone"]
    who: Annotated[str, "fabric, agent, guest or lab"]
    service: Annotated[str, "wireserver, hostplugin, imds, blob, dhcp, dns, or the part of the lab that says it"]
    summary: str


class Line(_Line, total=False):
    """One entry of the journal."""

    facts: Annotated[dict[str, Any], "what the fabric understood; `kind` says which facts they are"]
    exchange: ExchangeLine


class BadJournal(ValueError):
    """A line that is no entry: where, and why, in one sentence."""


def render(entry: Entry) -> str:
    return json.dumps(plain(entry), ensure_ascii=False, default=_odd)


def plain(entry: Entry) -> Line:
    """Its facts may hold values that JSON does not know; `render` writes their text."""
    document: Line = {
        "schema_version": SCHEMA_VERSION,
        "number": entry.number,
        "since": round(entry.since, 6),
        "wall": entry.wall.isoformat(),
        "who": entry.who,
        "service": entry.service,
        "summary": redact.text(entry.summary),
    }
    if entry.facts:
        document["facts"] = _facts(entry)
    if entry.exchange is not None:
        document["exchange"] = _exchange(entry.exchange, entry.service)
    return document


def parse(line: str, where: str) -> Entry:
    try:
        document = json.loads(line)
        exchange = document.get("exchange")
        return Entry(
            number=int(document["number"]),
            since=float(document["since"]),
            wall=datetime.fromisoformat(document["wall"]),
            who=document["who"],
            service=document["service"],
            summary=document["summary"],
            exchange=None if exchange is None else _parse_exchange(exchange),
            facts=document.get("facts", {}),
        )
    except KeyError as problem:
        raise BadJournal(f"{where}: {problem.args[0]}: missing") from problem
    except (ValueError, TypeError, AttributeError, RecursionError) as problem:
        raise BadJournal(f"{where}: {problem}") from problem


def _facts(entry: Entry) -> dict[str, Any]:
    found = redact.plain(dict(entry.facts))
    assert isinstance(found, dict)
    return found


def _exchange(exchange: Exchange, service: str) -> ExchangeLine:
    return {
        "method": exchange.method,
        "target": redact.text(exchange.target),
        "status": exchange.status,
        "connection": exchange.connection,
        "client": exchange.client,
        "started": round(exchange.started, 6),
        "fault": exchange.fault,
        "refusal": None if exchange.refusal is None else redact.text(exchange.refusal),
        "request": _message(exchange.request_headers, exchange.request_body, exchange.request_size, service),
        "response": _message(exchange.response_headers, exchange.response_body, exchange.response_size, service),
    }


def _message(headers: Headers, body: bytes, size: int, service: str) -> Message:
    message: Message = {"headers": [(name, redact.text(value)) for name, value in headers], "size": size}
    try:
        message["body"] = redact.body(body.decode("utf-8"), service)
    except UnicodeDecodeError:
        message["sha256"] = hashlib.sha256(body).hexdigest()
    return message


def _parse_exchange(document: dict[str, Any]) -> Exchange:
    request, response = document["request"], document["response"]
    return Exchange(
        method=document["method"],
        target=document["target"],
        request_headers=_pairs(request["headers"]),
        request_body=request.get("body", "").encode(),
        request_size=int(request["size"]),
        status=document["status"],
        response_headers=_pairs(response["headers"]),
        response_body=response.get("body", "").encode(),
        response_size=int(response["size"]),
        connection=int(document["connection"]),
        client=document["client"],
        started=float(document["started"]),
        fault=document["fault"],
        refusal=document["refusal"],
    )


def _pairs(values: list[list[str]]) -> Headers:
    return tuple((name, value) for name, value in values)


def _odd(value: object) -> str:
    """Facts may hold a value JSON does not know (a time, bytes): its text."""
    return redact.text(value.hex() if isinstance(value, bytes) else str(value))
