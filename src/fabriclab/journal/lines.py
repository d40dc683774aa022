"""A journal's file: one JSON object per line, `number` first, credentials replaced (redact.py).

A body that is UTF-8 text is kept as text. Any other body (a package, a log archive) is left out: only its size and SHA-256
stay, as such bytes could hide anything.
"""

import hashlib
import json
from datetime import datetime
from typing import Any

from fabriclab.journal import redact
from fabriclab.journal.entry import Entry, Exchange, Headers


class BadJournal(ValueError):
    """A line that is no entry: where, and why, in one sentence."""


def render(entry: Entry) -> str:
    document: dict[str, Any] = {
        "number": entry.number,
        "since": round(entry.since, 6),
        "wall": entry.wall.isoformat(),
        "who": entry.who,
        "service": entry.service,
        "summary": redact.text(entry.summary),
    }
    if entry.facts:
        document["facts"] = redact.plain(dict(entry.facts))
    if entry.exchange is not None:
        document["exchange"] = _exchange(entry.exchange, entry.service)
    return json.dumps(document, ensure_ascii=False, default=_odd)


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
    except (ValueError, TypeError, AttributeError) as problem:
        raise BadJournal(f"{where}: {problem}") from problem


def _exchange(exchange: Exchange, service: str) -> dict[str, Any]:
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


def _message(headers: Headers, body: bytes, size: int, service: str) -> dict[str, Any]:
    message: dict[str, Any] = {"headers": [[name, redact.text(value)] for name, value in headers], "size": size}
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
