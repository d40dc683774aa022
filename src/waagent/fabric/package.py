"""Downloads: version lists, packages and the artifacts profile, by two channels (fabric.md 5.6).

*Direct* asks storage itself, through the proxy if one is configured; *host* asks the host plugin to fetch. The process
starts with direct; when one channel fails and the other works, the other becomes the default for everything that
follows, in memory only (trap 32). The copies of a document are tried in random order for five minutes at most.
"""

from __future__ import annotations

import enum
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import BinaryIO

from waagent.codec import version_list
from waagent.fabric import resume
from waagent.fabric.exchange import Exchange, require
from waagent.fabric.hostgaplugin import HostPlugin
from waagent.model.extension import PackageVersion
from waagent.model.failure import DocumentFailure, ExchangeFailure, ExtensionFailure, Failure, SystemFailure
from waagent.model.secret import redact
from waagent.system.port import Request, Response

TOTAL_SECONDS = 300.0
_Sender = Callable[[str, Request, Callable[[], None] | None], Response]
"""Sends a request without address under a policy; the last parameter is called before each further attempt."""
PACKAGE_LIMIT = 2 * 1024 * 1024 * 1024
DOWNLOAD_FAILED = 1001


class Route(enum.Enum):
    """By which way a document comes."""

    DIRECT = "Direct"
    HOST = "HostGAPlugin"

    @property
    def other(self) -> Route:
        return Route.HOST if self is Route.DIRECT else Route.DIRECT


@dataclass
class Default:
    """The process-wide default channel, shared by every ``Packages`` of a process."""

    route: Route = Route.DIRECT
    changed: Callable[[Route], object] = field(default=lambda route: None)
    """Told of a change, for the telemetry event ``DefaultChannelChange``."""

    def settle(self, route: Route) -> None:
        if route is not self.route:
            self.route = route
            self.changed(route)


class Packages:
    """Fetches what goal states name by lists of equivalent addresses. Safe to share between threads."""

    def __init__(
        self,
        exchange: Exchange,
        host: HostPlugin,
        default: Default | None = None,
        shuffle: Callable[[list[str]], None] = random.shuffle,
    ) -> None:
        self._exchange = exchange
        self._system = exchange.system
        self._host = host
        self._default = default or Default()
        self._shuffle = shuffle

    def version_list(self, uris: Sequence[str], *, fast_track: bool = False) -> tuple[tuple[PackageVersion, ...], str]:
        """The versions a manifest lists, and the address it came from, which ``download`` wants for its packages.

        Errors: ``ExtensionFailure`` (code -1) when no address gave one.
        """
        found: list[tuple[PackageVersion, ...]] = []
        address = self._first(
            uris,
            lambda uri, route: found.append(version_list.parse(self._document(uri, route, fast_track))),
            "manifest",
            code=-1,
        )
        return found[-1], address

    def profile(self, url: str) -> bytes:
        """The artifacts profile blob; never with the verify header. Errors: ``ExchangeFailure`` with both causes."""
        found: list[bytes] = []
        self._either(url, lambda uri, route: found.append(self._profile(uri, route)))
        return found[-1]

    def download(
        self,
        uris: Sequence[str],
        destination: str,
        accept: Callable[[str], object],
        manifest_uri: str | None = None,
        *,
        fast_track: bool = False,
    ) -> str:
        """Stream a package to ``destination`` (0600) and have ``accept(path)`` check it; the address that worked.

        When ``accept`` raises a ``Failure``, or a download breaks off, the file is removed and the next address is
        tried. ``manifest_uri``: where the manifest that names the package came from. Errors: ``ExtensionFailure`` with
        code 1001 and every cause.
        """

        def attempt(uri: str) -> None:
            target = _Target(self._system.files.create, self._system.files.remove, destination)

            def fill(uri: str, route: Route) -> None:
                what = "GET /extensionArtifact" if route is Route.HOST else f"GET {redact(uri)}"
                self._fill(target, what, self._sender(uri, route, manifest_uri, fast_track))

            try:
                with target:
                    self._either(uri, fill)
                accept(destination)
            except Failure:
                self._system.files.remove(destination)
                raise

        return self._each(uris, attempt, "package", DOWNLOAD_FAILED)

    # -- which address, which channel

    def _first(self, uris: Sequence[str], attempt: Callable[[str, Route], None], what: str, code: int) -> str:
        return self._each(uris, lambda uri: self._either(uri, attempt), what, code)

    def _each(self, uris: Sequence[str], attempt: Callable[[str], None], what: str, code: int) -> str:
        """Try the addresses in random order; five minutes are checked before each (fabric.md 5.6)."""
        order = [uri for uri in uris if uri]
        self._shuffle(order)
        causes: list[Failure] = []
        end = self._system.clock.monotonic() + TOTAL_SECONDS
        for uri in order:
            if self._system.clock.monotonic() > end:
                causes.append(ExchangeFailure(f"{TOTAL_SECONDS:g} s have passed; {len(order)} addresses were not all tried"))
                break
            try:
                attempt(uri)
                return uri
            except Failure as failure:
                self._system.log.verbose(f"{what} {redact(uri)}: {failure}")
                causes.append(failure)
        reason = f"Failed to download the {what} from all URIs" if order else f"The {what} has no URI"
        raise ExtensionFailure("ExtensionDownloadError", reason, code=code, causes=tuple(causes))

    def _either(self, uri: str, attempt: Callable[[str, Route], None]) -> None:
        """Try the default channel, then the other, which becomes the default when only it works."""
        causes: list[Failure] = []
        for route in (self._default.route, self._default.route.other):
            try:
                attempt(uri, route)
            except (ExchangeFailure, DocumentFailure) as failure:
                causes.append(failure)
                continue
            self._default.settle(route)
            return
        raise ExchangeFailure(f"{redact(uri)}: neither channel worked", causes=tuple(causes))

    # -- one request

    def _document(self, uri: str, route: Route, fast_track: bool) -> bytes:
        if route is Route.HOST:
            return self._host.artifact(uri, fast_track=fast_track)
        return self._direct("document", uri)

    def _profile(self, uri: str, route: Route) -> bytes:
        return self._host.artifact(uri, call="host profile") if route is Route.HOST else self._direct("profile", uri)

    def _direct(self, call: str, uri: str) -> bytes:
        answer = self._exchange.send(call, Request("GET", uri, proxied=True))
        return require(answer, f"GET {redact(uri)}").body

    def _sender(self, uri: str, route: Route, manifest_uri: str | None, fast_track: bool) -> _Sender:
        """How a package is asked for by one channel."""
        if route is Route.HOST:
            return lambda call, request, restart: self._host.package(
                uri, call, request, manifest_uri=manifest_uri, fast_track=fast_track, restart=restart
            )
        return lambda call, request, restart: self._exchange.send(
            call, replace(request, url=uri, proxied=True), restart=restart
        )

    def _fill(self, target: _Target, what: str, send: _Sender) -> None:
        """Fetch a package by one channel, from where the other one ended, if it did."""
        if target.written < resume.WORTH or not self._rest(target, what, send):
            self._whole(target, what, send)

    def _whole(self, target: _Target, what: str, send: _Sender) -> None:
        request = Request("GET", "", sink=target.take, limit=PACKAGE_LIMIT)
        target.begin()
        try:
            answer = send("package", request, target.begin_unless_worth)
        except resume.Cut:
            if self._rest(target, what, send):
                return
            target.begin()
            answer = send("package", request, target.begin)
        require(answer, what)

    def _rest(self, target: _Target, what: str, send: _Sender) -> bool:
        self._system.log.verbose(f"{what}: goes on after {target.written} bytes")
        target.go_on()

        def ask(headers: Mapping[str, str]) -> Response:
            return send("package range", Request("GET", "", headers, limit=resume.LIMIT), None)

        return resume.fetch_rest(ask, target.written, target.take, PACKAGE_LIMIT)


class _Target:
    """The file a download goes to; ``begin`` starts it anew before each attempt, but only once a byte of that comes:
    until then what another attempt has left is worth something."""

    def __init__(self, create: Callable[..., BinaryIO], remove: Callable[[str], None], path: str) -> None:
        self._create = create
        self._remove = remove
        self._path = path
        self._stream: BinaryIO | None = None
        self._fresh = True
        self.written = 0

    def begin_unless_worth(self) -> None:
        """Errors: ``resume.Cut`` when there is enough to go on from."""
        if self.written >= resume.WORTH and not self._fresh:
            raise resume.Cut
        self.begin()

    def begin(self) -> None:
        self._fresh = True

    def take(self, piece: bytes) -> None:
        """Errors: ``OSError``, ``SystemFailure``."""
        if self._fresh or self._stream is None:
            self._open()
        assert self._stream is not None
        self._stream.write(piece)
        self.written += len(piece)

    def go_on(self) -> None:
        """What comes now follows what is there."""
        self._fresh = self._stream is None

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Errors: ``SystemFailure`` in place of the disk's own."""
        try:
            if self._fresh and error is None:
                self._open()
            self._close()
        except OSError as failed:
            error = error or failed
        if isinstance(error, OSError):
            raise SystemFailure(f"{self._path}: {error.strerror or error}") from error

    def _open(self) -> None:
        self._close()
        self._remove(self._path)
        self.written = 0
        self._stream = self._create(self._path, 0o600)
        self._fresh = False

    def _close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()
