"""A server on 127.0.0.1 that answers with exactly the bytes it is told to, as slowly and as wrongly as it is told to."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from types import TracebackType

Script = Callable[[socket.socket, bytes, int], bool]
"""Takes the channel, the request as read and the number of the connection (from 1); True keeps the connection."""


class RawServer:
    """Serves each connection in a thread. ``requests`` keeps (connection number, request bytes)."""

    def __init__(self, script: Script, tls: ssl.SSLContext | None = None) -> None:
        self._script = script
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.requests: list[tuple[int, bytes]] = []
        self.over = threading.Event()
        self.closed = threading.Event()
        self._channels: list[socket.socket] = []

    def __enter__(self) -> RawServer:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.over.set()
        self._listener.close()
        for channel in self._channels:
            channel.close()

    def _accept(self) -> None:
        number = 0
        while not self.over.is_set():
            try:
                channel, _ = self._listener.accept()
            except OSError:
                return
            number += 1
            self._channels.append(channel)
            threading.Thread(target=self._serve, args=(channel, number), daemon=True).start()

    def _serve(self, channel: socket.socket, number: int) -> None:
        try:
            if self._tls is not None:
                channel = self._tls.wrap_socket(channel, server_side=True)
                self._channels.append(channel)
            while (request := read_request(channel)) is not None:
                self.requests.append((number, request))
                if not self._script(channel, request, number):
                    break
            channel.close()
            self.closed.set()
        except OSError:
            pass


def read_request(channel: socket.socket) -> bytes | None:
    """Head and body of one request, None at the end of the connection."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = channel.recv(65536)
        if not piece:
            return None
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
    while len(body) < length:
        body += channel.recv(65536)
    return head + b"\r\n\r\n" + body


def answer(status: str = "200 OK", body: bytes = b"hello", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def always(data: bytes, keep: bool = True) -> Script:
    def script(channel: socket.socket, request: bytes, number: int) -> bool:
        channel.sendall(data)
        return keep

    return script
