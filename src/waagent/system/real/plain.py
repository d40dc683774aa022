"""HTTP/1.1 without TLS and without a proxy: how the host is spoken to, and nothing else.

The wire server, the host plugin and metadata speak plain HTTP on the machine's own link, and that is all an idle agent
does. urllib3 does it too, but brings http.client, email, logging and ssl with it, which cost more than all the rest of
an idle agent (``docs/decisions``, "Plain HTTP to the host"). Same promises as ``http.py``: kept-alive connections, one
deadline per request, no redirects, no decoding.
"""

from __future__ import annotations

import errno
import re
import select
import socket
import threading
import time
from collections.abc import Callable
from typing import BinaryIO

from waagent.model.failure import HttpFailure
from waagent.model.secret import redact
from waagent.system.port import Request, Response
from waagent.system.real.answer import PIECE, EndedEarly, NotHttp, Reader

KEPT = 4
"""Idle connections kept for one address."""
ADDRESSES = 8
"""Addresses for which any are kept: those used last."""
IDEMPOTENT = frozenset(("GET", "HEAD", "PUT", "DELETE", "OPTIONS"))
UNREACHABLE = frozenset((errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN, errno.EADDRNOTAVAIL))
_TOGETHER = 16 * 1024
_VISIBLE = "".join(chr(number) for number in range(0x21, 0x7F))
_ORDINARY = re.compile(r"(?i)http://([a-z0-9._-]+)(?::([1-9][0-9]{0,4}))?([/?][!-\"$-~]*)?(?<!\?)")
"""How nearly every address of the host is spelled; any other is split by the library, which costs half a megabyte."""

Address = tuple[str, int]


class PlainHttp:
    """``user_agent`` is sent where a request names none."""

    def __init__(self, user_agent: str = "") -> None:
        self._user_agent = user_agent
        self._lock = threading.Lock()
        self._idle: dict[Address, list[socket.socket]] = {}
        self.connections_made = 0

    def send(self, request: Request) -> Response:
        """One exchange. Errors: ``HttpFailure``; what ``request.sink`` raises comes through as it is.

        On a kept connection that the server had closed meanwhile it is sent once more, on a new one, when it is
        idempotent and not one byte of an answer came.
        """
        try:
            address, head = _prepare(request, self._user_agent)
        except ValueError as error:
            raise failure(request, "protocol", str(error)) from error
        end = time.monotonic() + request.deadline
        channel = self._kept(address)
        if channel is not None:
            attempt = _Attempt(request, channel, end)
            try:
                return self._finish(attempt, address, head)
            except HttpFailure as problem:
                if problem.kind != "reset" or attempt.answered or request.method not in IDEMPOTENT:
                    raise
        return self._finish(_Attempt(request, self._connect(request, address, end), end), address, head)

    def _finish(self, attempt: _Attempt, address: Address, head: bytes) -> Response:
        keeps = False
        try:
            response, keeps = attempt.exchange(head)
            return response
        finally:
            if not (keeps and self._keep(address, attempt.channel)):
                attempt.channel.close()

    def _keep(self, address: Address, channel: socket.socket) -> bool:
        with self._lock:
            idle = self._idle.pop(address, [])
            self._idle[address] = idle  # now the last in order
            forgotten = self._idle.pop(next(iter(self._idle))) if len(self._idle) > ADDRESSES else []
            has_room = len(idle) < KEPT
            if has_room:
                idle.append(channel)
        for other in forgotten:
            other.close()
        return has_room

    def _kept(self, address: Address) -> socket.socket | None:
        """The idle connection that was used last; one that the server closed, or said more on, is thrown away."""
        while True:
            with self._lock:
                idle = self._idle.get(address)
                if not idle:
                    return None
                channel = idle.pop()
            poller = select.poll()
            poller.register(channel, select.POLLIN)
            if not poller.poll(0):
                return channel
            channel.close()

    def _connect(self, request: Request, address: Address, end: float) -> socket.socket:
        try:
            channel = _opened(address, lambda: _left(request, end))
        except OSError as error:
            raise _explained(request, error) from error
        with self._lock:
            self.connections_made += 1
        return channel


class _Attempt:
    """A request on one connection."""

    def __init__(self, request: Request, channel: socket.socket, end: float) -> None:
        self._request = request
        self._end = end
        self._broken = False
        self._sinks = False
        self.channel = channel
        self.answered = False

    def exchange(self, head: bytes) -> tuple[Response, bool]:
        """The response, and whether the connection may be used again."""
        request, reader = self._request, Reader(self._receive)
        in_body = False
        try:
            if request.source is None:
                self._say(head, request.body or b"")
            else:
                self._pour(head, request.source)
            found = reader.head(request.method)
            in_body = True
            if (found.length or 0) > request.limit:
                raise failure(request, "too-large", f"the answer is longer than {request.limit} bytes")
            sink = request.sink if 200 <= found.status < 300 else None
            body = bytearray()
            count = 0
            for piece in reader.body(found):
                count += len(piece)
                if count > request.limit:
                    raise failure(request, "too-large", f"the answer is longer than {request.limit} bytes")
                if sink is None:
                    body += piece
                else:
                    self._sinks = True
                    sink(piece)
                    self._sinks = False
        except NotHttp as error:
            raise failure(request, "protocol", str(error)) from error
        except EndedEarly as error:
            if self.answered:
                raise failure(request, "truncated", "the answer ended early") from error
            raise failure(request, "reset", "the server closed the connection") from error
        except OSError as error:
            if self._sinks:  # not the network's
                raise
            raise _explained(request, error, in_body) from error
        return Response(found.status, found.headers, bytes(body)), found.keeps and reader.is_empty and not self._broken

    def _say(self, head: bytes, body: bytes) -> None:
        try:
            if len(body) <= _TOGETHER:
                self._send(head + body)
            else:
                self._send(head)
                self._send(body)
        except (BrokenPipeError, ConnectionResetError):
            if not body:
                raise
            self._broken = True  # a server that does not want the rest of a body may have said why before it hung up

    def _pour(self, head: bytes, source: Callable[[], BinaryIO]) -> None:
        with source() as body:
            self._send(head)
            try:
                while piece := body.read(PIECE):
                    self._send(piece)
            except (BrokenPipeError, ConnectionResetError):
                self._broken = True  # as above

    def _send(self, data: bytes) -> None:
        self.channel.settimeout(_left(self._request, self._end))
        self.channel.sendall(data)

    def _receive(self) -> bytes:
        self.channel.settimeout(_left(self._request, self._end))
        data = self.channel.recv(PIECE)
        self.answered = self.answered or bool(data)
        return data


def failure(request: Request, kind: str, text: str) -> HttpFailure:
    return HttpFailure(kind, redact(f"{request.method} {request.url}: {text}"))


def split(url: str) -> tuple[str, int, str]:
    """Host, port and target of an http address. Errors: ``ValueError`` for what is none."""
    ordinary = _ORDINARY.fullmatch(url)
    if ordinary is not None and int(ordinary[2] or 80) < 65536:
        target = ordinary[3] or "/"
        return ordinary[1].lower(), int(ordinary[2] or 80), target if target[0] == "/" else f"/{target}"
    from urllib.parse import quote, urlsplit

    parts = urlsplit(url)
    if parts.scheme.lower() != "http" or not parts.hostname:
        raise ValueError("this is no http address")
    target = quote((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), safe=_VISIBLE)
    return parts.hostname, parts.port or 80, target


def _prepare(request: Request, user_agent: str) -> tuple[Address, bytes]:
    """Where to, and the request up to its body. Errors: ``ValueError`` for what cannot be said in HTTP."""
    host, port, target = split(request.url)
    name = f"[{host}]" if ":" in host else host
    lines = [f"{request.method} {target} HTTP/1.1", f"Host: {name}" if port == 80 else f"Host: {name}:{port}"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    given = {name.lower() for name in request.headers}
    if "user-agent" not in given and user_agent:
        lines.append(f"User-Agent: {user_agent}")
    if "accept-encoding" not in given:
        lines.append("Accept-Encoding: identity")
    if (request.body is not None or request.method in ("PUT", "POST")) and "content-length" not in given:
        lines.append(f"Content-Length: {len(request.body or b'')}")
    if any("\r" in line or "\n" in line for line in lines):
        raise ValueError("a header has more than one line")
    return (host, port), "\r\n".join([*lines, "", ""]).encode("latin-1")


def _opened(address: Address, left: Callable[[], float]) -> socket.socket:
    """A connection to the first of the name's addresses that takes one."""
    host, port = address
    problem: OSError | None = None
    # As bytes, the name is not taken through Python's own tables of international names (300 KB).
    for family, kind, protocol, _, place in socket.getaddrinfo(_encoded(host), port, type=socket.SOCK_STREAM):
        channel = socket.socket(family, kind, protocol)
        try:
            channel.settimeout(left())
            channel.connect(place)
            channel.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return channel
        except OSError as error:
            problem = error
            channel.close()
    raise problem or OSError(errno.EADDRNOTAVAIL, "the name has no address")


def _encoded(host: str) -> bytes:
    return host.encode("ascii") if host.isascii() else host.encode("idna")


def _left(request: Request, end: float) -> float:
    """Seconds that the next step may take. Raises ``TimeoutError`` when there are none."""
    remaining = end - time.monotonic()
    if remaining <= 0:
        raise TimeoutError("the deadline has passed")
    return remaining if request.patience is None else min(remaining, request.patience)


def _explained(request: Request, error: OSError, in_body: bool = False) -> HttpFailure:
    if isinstance(error, socket.gaierror):
        return failure(request, "unreachable", f"the name cannot be resolved: {error.strerror or error}")
    if isinstance(error, TimeoutError):
        return failure(request, "timeout", "no complete answer in time")
    if isinstance(error, ConnectionRefusedError):
        return failure(request, "refused", "connection refused")
    if isinstance(error, ConnectionError):
        return failure(request, "truncated" if in_body else "reset", "the server closed the connection")
    if error.errno in UNREACHABLE:
        return failure(request, "unreachable", error.strerror or str(error))
    return failure(request, "unreachable", f"{type(error).__name__}: {error}")
