"""urllib3's connections with two things it lacks: a deadline for the whole exchange, and the truth about reuse.

urllib3 bounds each read, so that a server that sends one byte now and then holds a request for ever. Here every read
and write of a socket gets what is left of the exchange's time. Works with urllib3 1.26 and 2.

Importing this module imports urllib3, http.client and ssl: 10.9 MB of resident memory on CPython 3.11, of which the ssl
module alone is 1.3 MB; libcrypto (3.4 MB) would come with ``hashlib`` anyway. Hence it is imported by the first request.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from http.client import HTTPException
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.ssl_ import create_urllib3_context


class Exchange(threading.local):
    """What the request that this thread makes has left and has learned."""

    end = 0.0
    reused = False
    answered = False

    def left(self) -> float:
        """Seconds until the deadline. Raises ``TimeoutError`` after it."""
        remaining = self.end - time.monotonic()
        if remaining <= 0:
            raise TimeoutError("the deadline has passed")
        return remaining


exchange = Exchange()

ERRORS = (OSError, ValueError, HTTPException, urllib3.exceptions.HTTPError)
"""Everything that urllib3, http.client, ssl and sockets raise for a bad URL, a bad network or a bad server."""


class _Bounded:
    """Mixed into sockets: no call outlives the exchange."""

    def recv_into(self, *arguments: Any, **named: Any) -> int:
        self.settimeout(exchange.left())  # type: ignore[attr-defined]
        count = int(super().recv_into(*arguments, **named))  # type: ignore[misc]
        exchange.answered = exchange.answered or count > 0
        return count

    def send(self, *arguments: Any, **named: Any) -> int:
        self.settimeout(exchange.left())  # type: ignore[attr-defined]
        return int(super().send(*arguments, **named))  # type: ignore[misc]

    def sendall(self, *arguments: Any, **named: Any) -> None:
        self.settimeout(exchange.left())  # type: ignore[attr-defined]
        super().sendall(*arguments, **named)  # type: ignore[misc]


class _PlainSocket(_Bounded, socket.socket):
    pass


class _TlsSocket(_Bounded, ssl.SSLSocket):
    pass


class Counter:
    """Connections made so far, for whoever wants to see them kept alive."""

    def __init__(self) -> None:
        self.made = 0


class _Watched:
    """Mixed into connections: bounded sockets, and whether a request was the first of its connection."""

    counter: Counter
    _used = False

    def _new_conn(self) -> socket.socket:
        self.timeout = exchange.left()
        plain = super()._new_conn()  # type: ignore[misc]
        self._used = exchange.reused = False
        self.counter.made += 1
        bounded = _PlainSocket(plain.family, plain.type, plain.proto, fileno=plain.detach())
        bounded.settimeout(self.timeout)
        return bounded

    def putrequest(self, *arguments: Any, **named: Any) -> None:
        exchange.reused = self._used
        exchange.answered = False
        super().putrequest(*arguments, **named)  # type: ignore[misc]

    def getresponse(self, *arguments: Any, **named: Any) -> Any:
        self._used = True
        return super().getresponse(*arguments, **named)  # type: ignore[misc]


def manager(counter: Counter, proxy: str | None) -> urllib3.PoolManager:
    """A pool manager of such connections, direct or through a proxy; its connections stay open."""
    plain = type("_Plain", (_Watched, HTTPConnection), {"counter": counter})
    secure = type("_Secure", (_Watched, HTTPSConnection), {"counter": counter})
    options: dict[str, Any] = {"num_pools": 8, "maxsize": 4}
    if proxy is None:
        made: urllib3.PoolManager = _Direct(**options)
    else:
        made = _Proxied(proxy, proxy_headers=_credentials(proxy), **options)
    made.pool_classes_by_scheme = {
        "http": type("_PlainPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
        "https": type("_SecurePool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
    }
    return made


class _LateContext:
    """TLS contexts cost 2 to 4 MB that never come back: made with the first https pool."""

    def _new_pool(self, scheme: str, host: str, port: int, request_context: dict[str, Any] | None = None) -> Any:
        if scheme == "https":
            request_context = dict(request_context or self.connection_pool_kw)  # type: ignore[attr-defined]
            request_context.update(ssl_context=_context(), cert_reqs="CERT_REQUIRED")
        return super()._new_pool(scheme, host, port, request_context)  # type: ignore[misc]


class _Direct(_LateContext, urllib3.PoolManager):
    pass


class _Proxied(_LateContext, urllib3.ProxyManager):
    pass


_contexts: list[ssl.SSLContext] = []


def _context() -> ssl.SSLContext:
    if not _contexts:
        made = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
        made.load_default_certs()
        made.sslsocket_class = _TlsSocket
        _contexts.append(made)
    return _contexts[0]


def _credentials(proxy: str) -> dict[str, str] | None:
    user = urllib3.util.parse_url(proxy).auth
    return urllib3.util.make_headers(proxy_basic_auth=user) if user else None
