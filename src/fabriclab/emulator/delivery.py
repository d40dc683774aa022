"""A reply on its way to the client, with what goes wrong with it on purpose. The one place where faults act on HTTP.

Sound replies and dripping ones are written by h11; replies that break HTTP's rules are put together by hand, and the connection
ends with them. `deliver` says whether the connection may carry another request.
"""

import random
import socket
import struct
import threading
import time
from collections.abc import Iterable
from http import HTTPStatus

import h11

from fabriclab.emulator.message import Response
from fabriclab.faults.effects import (
    Drip,
    Drop,
    Effect,
    Garbage,
    NeverEnding,
    Reset,
    Truncate,
    WrongLength,
)

BLOCK = 65536


class Wire:
    """The client's socket, for writing: in blocks, each within `patience` seconds, until `stopping` is set."""

    def __init__(self, socket_: socket.socket, patience: float, stopping: threading.Event) -> None:
        self.socket = socket_
        self.stopping = stopping
        self._patience = patience

    def send(self, data: bytes) -> None:
        """Raises OSError when the client is gone or takes nothing."""
        view = memoryview(data)
        self.socket.settimeout(self._patience)
        for start in range(0, len(view), BLOCK):
            self.socket.sendall(view[start : start + BLOCK])

    def pause(self, seconds: float) -> bool:
        """Whether the emulator still runs afterwards."""
        return not self.stopping.wait(seconds)


def deliver(wire: Wire, state: h11.Connection, method: str, response: Response, effect: Effect | None) -> bool:
    """Raises OSError when the client is gone."""
    if isinstance(effect, Drop):
        _stay_silent(wire)
    elif isinstance(effect, Reset):
        _reset(wire)
    elif isinstance(effect, Truncate):
        after = len(response.body) // 2 if effect.after is None else effect.after
        wire.send(_head(response, len(response.body)) + response.body[:after])
    elif isinstance(effect, WrongLength):
        wire.send(_head(response, max(0, len(response.body) + effect.by)) + response.body)
    elif isinstance(effect, NeverEnding):
        _never_end(wire, response, effect)
    elif isinstance(effect, Garbage) and effect.head:
        wire.send(_noise(effect))
    else:
        _sound(wire, state, method, _garbled(response, effect), effect)
        return True
    return False


def _sound(wire: Wire, state: h11.Connection, method: str, response: Response, effect: Effect | None) -> None:
    pieces = _pieces(state, method, response)
    if isinstance(effect, Drip):
        _drip(wire, b"".join(pieces), effect)
    elif sum(map(len, pieces)) <= BLOCK:
        wire.send(b"".join(pieces))
    else:
        for piece in pieces:
            wire.send(piece)


def _pieces(state: h11.Connection, method: str, response: Response) -> list[bytes]:
    bodiless = method == "HEAD" or response.status in (204, 304)
    head = h11.Response(
        status_code=response.status,
        reason=_reason(response.status),
        headers=_headers(response, None if response.status in (204, 304) else len(response.body)),
    )
    events: list[h11.Response | h11.Data | h11.EndOfMessage] = [head]
    if response.body and not bodiless:
        events.append(h11.Data(data=response.body))
    events.append(h11.EndOfMessage())
    return [data for event in events if (data := state.send(event))]


def _headers(response: Response, length: int | None) -> list[tuple[str, str]]:
    made = [("Server", "fabriclab"), ("Date", time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime()))]
    if length is not None:
        made.append(("Content-Length", str(length)))
    if response.content_type is not None:
        made.append(("Content-Type", response.content_type))
    return [*made, *response.headers]


def _head(response: Response, length: int | None) -> bytes:
    lines = [f"HTTP/1.1 {response.status} {_reason(response.status)}"]
    lines += [f"{name}: {value}" for name, value in [*_headers(response, length), ("Connection", "close")]]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def _garbled(response: Response, effect: Effect | None) -> Response:
    return Response(200, _noise(effect), response.content_type) if isinstance(effect, Garbage) else response


def _noise(effect: Garbage) -> bytes:
    return random.Random(effect.seed).randbytes(effect.size)


def _stay_silent(wire: Wire) -> None:
    """Until the client hangs up or the emulator stops, which shuts the socket down."""
    wire.socket.settimeout(None)
    while wire.socket.recv(BLOCK):
        pass


def _reset(wire: Wire) -> None:
    wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _never_end(wire: Wire, response: Response, effect: NeverEnding) -> None:
    wire.send(_head(response, None) + response.body)
    while wire.pause(effect.seconds):
        wire.send(b" " * effect.chunk)


def _drip(wire: Wire, data: bytes, effect: Drip) -> None:
    for number, piece in enumerate(_cut(data, effect.bytes)):
        if number and not wire.pause(effect.seconds):
            return
        wire.send(piece)


def _cut(data: bytes, size: int) -> Iterable[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))
