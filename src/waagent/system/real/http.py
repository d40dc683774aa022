"""The ``Http`` port over urllib3: kept-alive connections, one deadline per request, no redirects, no decoding.

A request on a kept connection that the server had closed meanwhile is sent once more on a new one, when it is idempotent
and not one byte of an answer came. ``HttpFailure.kind`` tells the request policy (fabric.md 13.2) what happened.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

from waagent.model.failure import HttpFailure
from waagent.model.secret import redact
from waagent.system.port import Request, Response
from waagent.system.real.proxy import choose

_PIECE = 64 * 1024
_IDEMPOTENT = frozenset(("GET", "HEAD", "PUT", "DELETE", "OPTIONS"))
_UNREACHABLE = frozenset((errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN, errno.EADDRNOTAVAIL))


class UrllibHttp:
    """``proxy_host`` and ``proxy_port`` are the settings; without a host the environment's variables decide."""

    def __init__(
        self,
        user_agent: str = "",
        *,
        proxy_host: str | None = None,
        proxy_port: int | None = None,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._user_agent = user_agent
        self._proxy = (proxy_host, proxy_port)
        self._environment = environment
        self._lock = threading.Lock()
        self._managers: dict[str | None, Any] = {}
        self._counter: Any = None

    @property
    def connections_made(self) -> int:
        """Connections opened so far."""
        return 0 if self._counter is None else int(self._counter.made)

    def send(self, request: Request) -> Response:
        """One exchange. Errors: ``HttpFailure``; what ``request.sink`` raises comes through as it is."""
        from waagent.system.real.connection import exchange

        exchange.end = time.monotonic() + request.deadline
        manager = self._manager(request)
        try:
            return self._attempt(manager, request)
        except HttpFailure as failure:
            stale = failure.kind == "reset" and exchange.reused and not exchange.answered
            if not stale or request.method not in _IDEMPOTENT:
                raise
        return self._attempt(manager, request)

    def _manager(self, request: Request) -> Any:
        from waagent.system.real import connection

        proxy = None
        if request.proxied:
            from urllib.parse import urlsplit

            parts = urlsplit(request.url)
            proxy = choose(parts.scheme.lower(), parts.hostname or "", self._proxy, self._environment)
        with self._lock:
            if self._counter is None:
                self._counter = connection.Counter()
            if proxy not in self._managers:
                try:
                    self._managers[proxy] = connection.manager(self._counter, proxy)
                except connection.ERRORS as error:
                    raise _explain(request, error) from error
            return self._managers[proxy]

    def _attempt(self, manager: Any, request: Request) -> Response:
        answer = None
        complete = False
        try:
            answer = _ask(manager, request, self._user_agent)
            status = int(answer.status)
            sink = request.sink if 200 <= status < 300 else None
            pieces = bytearray()
            count = 0
            while piece := _next_piece(request, answer):
                count += len(piece)
                if count > request.limit:
                    raise HttpFailure("too-large", f"{_name(request)}: the answer is longer than {request.limit} bytes")
                if sink is None:
                    pieces += piece
                else:
                    sink(piece)
            headers = {name.lower(): answer.headers[name] for name in answer.headers}
            _check_length(request, status, headers, count)
            complete = True
            return Response(status, headers, bytes(pieces))
        finally:
            if answer is not None:
                if not complete:
                    answer.close()
                answer.release_conn()


def _ask(manager: Any, request: Request, user_agent: str) -> Any:
    """Send the request and read status and headers; the body is still to come."""
    from urllib3 import Timeout
    from urllib3.util import SKIP_HEADER

    from waagent.system.real import connection

    given = {name.lower() for name in request.headers}
    headers = dict(request.headers)
    if "user-agent" not in given:
        headers["User-Agent"] = user_agent or SKIP_HEADER
    if "accept-encoding" not in given:
        headers["Accept-Encoding"] = "identity"
    source = nullcontext(request.body) if request.source is None else request.source()
    try:
        left = connection.exchange.left()
        with source as body:
            return manager.urlopen(
                request.method,
                request.url,
                body=body,
                headers=headers,
                redirect=False,
                retries=False,
                timeout=Timeout(connect=left, read=left),
                preload_content=False,
                decode_content=False,
                enforce_content_length=True,
            )
    except connection.ERRORS as error:
        raise _explain(request, error) from error


def _next_piece(request: Request, answer: Any) -> bytes:
    from waagent.system.real import connection

    try:
        return bytes(answer.read(_PIECE, decode_content=False))
    except connection.ERRORS as error:
        raise _explain(request, error, in_body=True) from error


def _check_length(request: Request, status: int, headers: Mapping[str, str], count: int) -> None:
    """urllib3 does not notice every short body."""
    announced = headers.get("content-length", "")
    if request.method == "HEAD" or status in (204, 304) or "transfer-encoding" in headers or not announced.isdecimal():
        return
    if count < int(announced):
        raise HttpFailure("truncated", f"{_name(request)}: {count} of {announced} bytes came")


def _name(request: Request) -> str:
    return redact(f"{request.method} {request.url}")


def _explain(request: Request, error: BaseException, in_body: bool = False) -> HttpFailure:
    """The failure for whatever urllib3, http.client, ssl or the socket raised."""
    kind, text = _classify(error)
    if in_body and kind in ("reset", "protocol"):
        kind = "truncated"
    return HttpFailure(kind, redact(f"{_name(request)}: {text}"))


def _classify(error: BaseException) -> tuple[str, str]:
    from http.client import HTTPException, IncompleteRead, RemoteDisconnected
    from socket import gaierror
    from ssl import SSLError

    from urllib3 import exceptions as theirs

    chain = list(_chain(error))
    for one in chain:
        if isinstance(one, gaierror):
            return "unreachable", f"the name cannot be resolved: {one.strerror or one}"
        if isinstance(one, SSLError) and "timed out" not in str(one):
            return "protocol", f"TLS: {one.reason or one}"
        if isinstance(one, (TimeoutError, theirs.TimeoutError)) or "timed out" in str(one):
            return "timeout", "no complete answer in time"
        if isinstance(one, ConnectionRefusedError):
            return "refused", "connection refused"
        if isinstance(one, (IncompleteRead, theirs.IncompleteRead)):
            return "truncated", "the answer ended early"
        if isinstance(one, (RemoteDisconnected, ConnectionError)):
            return "reset", "the server closed the connection"
        if isinstance(one, OSError) and one.errno in _UNREACHABLE:
            return "unreachable", one.strerror or str(one)
    last = chain[-1]
    kind = "protocol" if isinstance(last, (HTTPException, theirs.HTTPError, ValueError)) else "unreachable"
    return kind, f"{type(last).__name__}: {last}"


def _chain(error: BaseException) -> list[BaseException]:
    """The error with its causes, the innermost first."""
    seen: list[BaseException] = []
    pending: list[object] = [error]
    while pending:
        one = pending.pop()
        if isinstance(one, BaseException) and one not in seen:
            seen.append(one)
            pending += [one.__cause__, one.__context__, getattr(one, "original_error", None), *one.args]
    return seen[::-1]
