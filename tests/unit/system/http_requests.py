"""What the tests of the HTTP clients ask with, and how a server misbehaves."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from typing import Any

import pytest

from unit.system.server import RawServer, Script
from waagent.model.failure import HttpFailure
from waagent.system.port import Http, Request


def get(server: RawServer, path: str = "/x", **fields: object) -> Request:
    return Request("GET", server.url + path, **fields)  # type: ignore[arg-type]


Client = Callable[..., Any]


def failure_of(http: Http, request: Request) -> HttpFailure:
    with pytest.raises(HttpFailure) as caught:
        http.send(request)
    return caught.value


def reset(channel: socket.socket) -> None:
    channel.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    channel.close()


def drip(data: bytes, pause: float, over: list[RawServer]) -> Script:
    def script(channel: socket.socket, request: bytes, number: int) -> bool:
        for byte in data:
            channel.sendall(bytes([byte]))
            if over[0].over.wait(pause):
                return False
        return False

    return script
