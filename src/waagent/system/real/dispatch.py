"""The ``Http`` port: the host is spoken to plainly, everything else goes through urllib3.

TLS and proxies are what urllib3 is for (storage, where packages come from); it is imported by the first request that
needs one of them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from waagent.system.port import Request, Response
from waagent.system.real.http import UrllibHttp
from waagent.system.real.plain import PlainHttp, split
from waagent.system.real.proxy import choose


class RealHttp:
    """``proxy_host`` and ``proxy_port`` are the settings; without a host the environment's variables decide."""

    def __init__(
        self,
        user_agent: str = "",
        *,
        proxy_host: str | None = None,
        proxy_port: int | None = None,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._proxy = (proxy_host, proxy_port)
        self._environment = environment
        self._plain = PlainHttp(user_agent)
        self._urllib = UrllibHttp(user_agent, proxy_host=proxy_host, proxy_port=proxy_port, environment=environment)

    @property
    def connections_made(self) -> int:
        """Connections opened so far."""
        return self._plain.connections_made + self._urllib.connections_made

    def send(self, request: Request) -> Response:
        """One exchange. Errors: ``HttpFailure``; what ``request.sink`` raises comes through as it is."""
        return self._plain.send(request) if self._is_plain(request) else self._urllib.send(request)

    def _is_plain(self, request: Request) -> bool:
        if not request.url.lower().startswith("http://"):
            return False
        if not request.proxied:
            return True
        try:
            host, _, _ = split(request.url)
        except ValueError:
            return True  # an address that is none: the plain client says so
        return choose("http", host, self._proxy, self._environment) is None
