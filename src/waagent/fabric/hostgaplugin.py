"""The host's plugin for the guest agent: ``http://<endpoint>:32526`` (fabric.md 5.1 to 5.4).

It hands out Fast Track settings, fetches what the guest cannot reach, and carries status and logs. Odd: it knows us by
two header values that change without any sign in the goal state (trap 1), so every fetch of a goal state renews them
here, and an answer of 410 (or 400 with ``InvalidContainerConfiguration``) means "ask for the goal state and repeat
once" (traps 27 and 28). 502 says that its upstream failed, not the plugin (trap 29). Never through a proxy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import BinaryIO

from waagent.fabric.exchange import Exchange, is_stale_identity, label, readable, require, status_of
from waagent.model.failure import ExchangeFailure, HttpFailure, StatusFailure
from waagent.model.goal_state import Etag
from waagent.system.identifier import new_identifier
from waagent.system.port import Request, Response

API_VERSION = "2015-09-01"
PORT = 32526


@dataclass(frozen=True)
class Identity:
    """Who we are to the plugin: ContainerId and ConfigName of the newest goal state."""

    container_id: str
    role_config_name: str

    @property
    def deployment_id(self) -> str:
        """The text before the first dot of the ConfigName."""
        return self.role_config_name.partition(".")[0]


@dataclass(frozen=True)
class NewSettings:
    """A 200 answer: the document and its tag exactly as received, quotes included."""

    data: bytes
    etag: Etag


@dataclass(frozen=True)
class Unchanged:
    """A 304 answer: keep what the tag we sent stands for."""


@dataclass(frozen=True)
class Unsupported:
    """A 404 answer: this host has no Fast Track."""


SettingsAnswer = NewSettings | Unchanged | Unsupported


class HostPlugin:
    """The plugin at one endpoint. Errors of every method: ``ExchangeFailure``.

    ``refresh`` fetches the goal state and calls ``identify``; it is used once when the plugin says that our identity is
    stale. ``note`` is told of each call's outcome (call name, status or None) for the health signals (fabric.md 2.4).
    """

    def __init__(
        self,
        exchange: Exchange,
        address: str,
        refresh: Callable[[], object],
        note: Callable[[str, int | None], object] = lambda call, status: None,
        new_id: Callable[[], str] = new_identifier,
    ) -> None:
        self._exchange = exchange
        self._base = f"http://{address}:{PORT}"
        self._refresh = refresh
        self._note = note
        self._new_id = new_id
        self._identity: Identity | None = None
        self._spoken = False

    @property
    def identity(self) -> Identity | None:
        return self._identity

    def move(self, address: str) -> None:
        """Talk to the plugin at another address from now on."""
        self._base = f"http://{address}:{PORT}"
        self._spoken = False

    def identify(self, container_id: str, role_config_name: str | None) -> None:
        """Take the identity of a goal state just fetched; without a ConfigName the plugin cannot be used."""
        self._identity = Identity(container_id, role_config_name) if role_config_name else None

    def available(self) -> None:
        """Make sure, once, that the plugin speaks our version. Errors: ``ExchangeFailure``; asked again next time."""
        if self._spoken:
            return
        identity = self._known()
        request = Request("GET", f"{self._base}/versions", {"x-ms-containerid": identity.container_id})
        answer = require(self._noted("versions", lambda: self._exchange.send("host versions", request)), label(request))
        if API_VERSION.encode() not in answer.body:
            raise ExchangeFailure(f"the host plugin does not speak {API_VERSION}", facts={"body": readable(answer.body)})
        self._spoken = True

    def healthy(self) -> bool:
        """Whether ``/health`` answers well; one attempt."""
        try:
            return self._exchange.send("host health", Request("GET", f"{self._base}/health")).status in (200, 201, 202)
        except ExchangeFailure:
            return False

    def vm_settings(self, etag: Etag | None) -> SettingsAnswer:
        """The Fast Track settings; one attempt, repeated once after renewing a stale identity (fabric.md 5.4)."""

        def ask(identity: Identity) -> Response:
            headers = {**versioned(identity), "x-ms-client-correlationid": self._new_id()}
            if etag is not None:
                headers["if-none-match"] = etag
            return self._exchange.send("vm settings", Request("GET", f"{self._base}/vmSettings", headers))

        # 400 is an ordinary client error here, whatever it says: only 410 renews (fabric.md 2.1).
        answer = self._renewing(ask, lambda response: response.status == 410)
        return classify_settings(answer, asked_with_etag=etag is not None)

    def artifact(self, url: str, *, call: str = "host document", fast_track: bool = False) -> bytes:
        """The body of ``url``, fetched by the plugin. ``call``: the policy."""
        return require(self._fetch(url, call, Request("GET", ""), _verified(fast_track)), "GET /extensionArtifact").body

    def package(
        self,
        url: str,
        call: str,
        request: Request,
        *,
        manifest_uri: str | None,
        fast_track: bool,
        restart: Callable[[], None] | None,
    ) -> Response:
        """The plugin's answer when it is asked to fetch ``url``. ``request`` says where the body goes, and which part."""
        extra = _verified(fast_track)
        if manifest_uri:
            extra["x-ms-artifact-manifest-location"] = manifest_uri
        return self._fetch(url, f"host {call}", request, extra, restart)

    def _fetch(
        self, url: str, call: str, request: Request, extra: dict[str, str], restart: Callable[[], None] | None = None
    ) -> Response:
        self.available()

        def ask(identity: Identity) -> Response:
            headers = {**request.headers, **versioned(identity), "x-ms-artifact-location": url, **extra}
            asked = replace(request, url=f"{self._base}/extensionArtifact", headers=headers)
            return self._exchange.send(call, asked, restart=restart)

        return self._noted("artifact", lambda: self._renewing(ask, is_stale_identity, restart))

    def put_status(self, body: bytes) -> bool:
        """Hand over one storage request for a status blob (fabric.md 5.3).

        False when our identity was stale: it has been renewed, and the next round tries again.
        """
        self.available()
        headers = {**versioned(self._known()), "Content-type": "application/json"}
        request = Request("PUT", f"{self._base}/status", headers, body)
        answer = self._noted("status", lambda: self._exchange.send("host status", request))
        if answer.status == 410:
            self._refresh()
            return False
        require(answer, label(request))
        return True

    def put_log(self, bundle: Callable[[], BinaryIO], size: int) -> None:
        """Upload a zip of logs, as it is (fabric.md 5.2); ``bundle`` opens it anew for each try, ``size`` is its length."""
        self.available()

        def ask(identity: Identity) -> Response:
            headers = {
                "x-ms-version": API_VERSION,
                "x-ms-containerid": identity.container_id,
                "x-ms-vmagentlog-deploymentid": identity.deployment_id,
                "x-ms-client-correlationid": self._new_id(),
                "x-ms-client-name": "WALinuxAgent",
                "x-ms-client-version": self._exchange.agent_version,
                "Content-Length": str(size),
            }
            return self._exchange.send("host log", Request("PUT", f"{self._base}/vmAgentLog", headers, source=bundle))

        require(self._renewing(ask, is_stale_identity), f"PUT {self._base}/vmAgentLog")

    def _known(self) -> Identity:
        if self._identity is None:
            raise ExchangeFailure("the host plugin cannot be used: the goal state names no ConfigName")
        return self._identity

    def _renewing(
        self,
        ask: Callable[[Identity], Response],
        stale: Callable[[Response], bool],
        restart: Callable[[], None] | None = None,
    ) -> Response:
        answer = ask(self._known())
        if not stale(answer):
            return answer
        self._refresh()
        if restart is not None:
            restart()
        return ask(self._known())

    def _noted(self, call: str, attempt: Callable[[], Response]) -> Response:
        """Run ``attempt`` and tell ``note`` its status; None stands for no answer."""
        try:
            answer = attempt()
        except ExchangeFailure as failure:
            self._note(call, status_of(failure))
            raise
        self._note(call, answer.status)
        return answer


def versioned(identity: Identity) -> dict[str, str]:
    """The three identity headers of settings, artifacts and status (fabric.md 5.1)."""
    return {
        "x-ms-version": API_VERSION,
        "x-ms-containerid": identity.container_id,
        "x-ms-host-config-name": identity.role_config_name,
    }


def _verified(fast_track: bool) -> dict[str, str]:
    return {"x-ms-verify-from-artifacts-blob": "true"} if fast_track else {}


def classify_settings(answer: Response, *, asked_with_etag: bool) -> SettingsAnswer:
    """What an answer to ``/vmSettings`` means (fabric.md 5.4). Errors: ``StatusFailure``, ``HttpFailure`` without ETag.

    A 304 that we did not ask for is a protocol error: there is nothing it could refer to.
    """
    if answer.status == 200:
        etag = answer.headers.get("etag")
        if not etag:
            raise HttpFailure("protocol", "GET /vmSettings: the answer has no ETag")
        return NewSettings(answer.body, Etag(etag))
    if answer.status == 304 and asked_with_etag:
        return Unchanged()
    if answer.status == 404:
        return Unsupported()
    raise StatusFailure(answer.status, f"GET /vmSettings: answered {answer.status}", readable(answer.body))
