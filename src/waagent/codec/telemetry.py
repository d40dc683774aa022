"""Telemetry on the wire (fabric.md 11.1, 11.3): events of one provider in one XML document.

Each event is CDATA whose text is itself XML: values are escaped once, inside it, so ``]]>`` can never appear. Odd: the
delimiter of a value depends on its text; a negative integer is still ``mt:uint64``; booleans come before integers
(trap 56). Encoded events of a request stay below 64512 bytes; a larger single one is dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from waagent.codec.xml_text import attribute
from waagent.model.event import Event, Value

LIMIT = 65536 - 1024
"""Bytes of concatenated encoded events in one request, the wrapper excluded; never reached."""


@dataclass(frozen=True)
class Batch:
    """One request body: whole events of one provider."""

    provider: str
    body: bytes
    count: int


def encode_event(event: Event) -> str:
    """One ``Event`` element."""
    parameters = "".join(encode_parameter(name, value) for name, value in event.parameters)
    return f'<Event id="{event.event_id}"><![CDATA[{parameters}]]></Event>'


def encode_parameter(name: str, value: Value) -> str:
    """One ``Param`` element: ``<Param Name="n" Value="v" T="t" />``."""
    kind, text = _typed(value)
    return f'<Param Name={attribute(name)} Value={attribute(text)} T="{kind}" />'


def render(provider: str, events: Iterable[Event]) -> bytes:
    """The body of POST ``/machine?comp=telemetrydata`` with events of one provider."""
    return _wrap(provider, "".join(encode_event(event) for event in events).encode())


def batches(events: Sequence[Event]) -> tuple[tuple[Batch, ...], tuple[Event, ...]]:
    """Events as request bodies, in order, each below the limit; and the events that are too large to be sent."""
    done: list[Batch] = []
    dropped: list[Event] = []
    open_: dict[str, list[bytes]] = {}
    for event in events:
        encoded = encode_event(event).encode()
        if len(encoded) >= LIMIT:
            dropped.append(event)
            continue
        waiting = open_.setdefault(event.provider, [])
        if sum(map(len, waiting)) + len(encoded) >= LIMIT:
            done.append(_batch(event.provider, waiting))
            waiting.clear()
        waiting.append(encoded)
    done.extend(_batch(provider, waiting) for provider, waiting in open_.items() if waiting)
    return tuple(done), tuple(dropped)


def _batch(provider: str, encoded: list[bytes]) -> Batch:
    return Batch(provider, _wrap(provider, b"".join(encoded)), len(encoded))


def _wrap(provider: str, events: bytes) -> bytes:
    head = f'<?xml version="1.0"?><TelemetryData version="1.0"><Provider id={attribute(provider)}>'
    return head.encode() + events + b"</Provider></TelemetryData>"


def _typed(value: Value) -> tuple[str, str]:
    if value is None:
        return "", "None"
    if isinstance(value, bool):
        return "mt:bool", str(value)
    if isinstance(value, int):
        return "mt:uint64", str(value)
    if isinstance(value, float):
        return "mt:float64", str(value)
    return "mt:wstr", value
