"""The wire server: ``http://<endpoint>:80`` (fabric.md 1.5 and 2).

We build the addresses of versions, goal state and reports; every other one is taken word for word from the goal state.
Odd: success is 200, 201 or 202 everywhere but for role properties, where it is 202 only; a goal state may for a moment
lack its role instance (trap 3). Never through a proxy, no redirects.
"""

from __future__ import annotations

from collections.abc import Mapping

from waagent.codec import goal_state as goal_state_document
from waagent.codec import health_report, health_signal, role_properties
from waagent.codec import versions as versions_document
from waagent.fabric.exchange import Exchange, label, require
from waagent.model.failure import ExchangeFailure
from waagent.model.goal_state import WireGoalState
from waagent.model.health import HealthReport, Observation
from waagent.system.port import Request

PROTOCOL_VERSION = "2012-11-30"
AGENT_NAME = "WALinuxAgent"
XML_CONTENT = "text/xml;charset=utf-8"
JSON_CONTENT = "application/json"
ROLE_INSTANCE_TRIES = 6
ROLE_INSTANCE_DELAY = 0.5

COMMON_HEADERS: Mapping[str, str] = {"x-ms-version": PROTOCOL_VERSION, "x-ms-agent-name": AGENT_NAME}


class WireServer:
    """What the wire server can be asked and told. Errors of every method: ``ExchangeFailure`` and ``DocumentFailure``.

    ``address`` may be set anew: the server has moved.
    """

    def __init__(self, exchange: Exchange, address: str) -> None:
        self.address = address
        self._exchange = exchange

    def versions(self) -> tuple[str, ...]:
        """The protocol versions this server speaks, preferred one first. This request carries no special headers."""
        request = Request("GET", f"http://{self.address}/?comp=versions")
        answer = require(self._exchange.send("versions", request), f"versions of {self.address}")
        return versions_document.parse(answer.body)

    def negotiate(self) -> None:
        """Prove that what answers is a wire server that speaks our version. Errors: ``ExchangeFailure``."""
        offered = self.versions()
        if PROTOCOL_VERSION not in offered:
            raise ExchangeFailure(
                f"{self.address} does not speak protocol {PROTOCOL_VERSION}", facts={"offered": ", ".join(offered)}
            )

    def goal_state(self) -> tuple[WireGoalState, bytes]:
        """The goal state and its text. Asked again, at most 6 times in all, while it lacks its role instance (trap 3)."""
        for attempt in range(ROLE_INSTANCE_TRIES):
            if attempt and not self._exchange.system.clock.pause(ROLE_INSTANCE_DELAY):
                raise ExchangeFailure("goal state: given up because the agent is ending")
            data = self.part(f"http://{self.address}/machine/?comp=goalstate", "goal state")
            parsed = goal_state_document.parse(data)
            if has_role_instance(parsed):
                return parsed, data
        raise ExchangeFailure(f"goal state: no RoleInstance in {ROLE_INSTANCE_TRIES} answers")

    def part(self, url: str, call: str = "goal state part", headers: Mapping[str, str] | None = None) -> bytes:
        """The body of one document of the goal state."""
        request = Request("GET", url, {**COMMON_HEADERS, **(headers or {})})
        return require(self._exchange.send(call, request), label(request)).body

    def encrypted_part(self, url: str, call: str, certificate: str, cipher: str) -> bytes:
        """A document encrypted to us: ``certificate`` is one base64 line, ``cipher`` AES128_CBC or DES_EDE3_CBC."""
        return self.part(url, call, {"x-ms-guest-agent-public-x509-cert": certificate, "x-ms-cipher-name": cipher})

    def report_health(self, report: HealthReport, goal_state: WireGoalState) -> None:
        """Say whether provisioning is done (fabric.md 2.2). Write KVP before: the host collects it now (trap 23)."""
        body = health_report.render(report, goal_state.incarnation, goal_state.container_id, goal_state.instance_id or "")
        self._post("/machine?comp=health", "health", body)

    def role_properties(self, goal_state: WireGoalState, fingerprint: str) -> None:
        """Report the SSH host key's fingerprint (fabric.md 2.3, guest.md 2.13). Only 202 is success."""
        body = role_properties.render(goal_state.container_id, goal_state.instance_id or "", fingerprint)
        self._post("/machine?comp=roleProperties", "role properties", body, accepted=(202,))

    def telemetry(self, body: bytes, *, now: bool = False) -> None:
        """Send one rendered batch of one provider (fabric.md 11.1); ``now`` for events that cannot wait."""
        self._post("/machine?comp=telemetrydata", "telemetry now" if now else "telemetry", body)

    def health_signal(self, observation: Observation) -> None:
        """Send one observation about the host (fabric.md 2.4)."""
        url = f"http://{self.address}:80/HealthService"
        request = Request("POST", url, {"Content-Type": JSON_CONTENT}, health_signal.render(observation))
        require(self._exchange.send("health signal", request), "health signal")

    def _post(self, path: str, call: str, body: bytes, accepted: tuple[int, ...] = (200, 201, 202)) -> None:
        headers = {**COMMON_HEADERS, "Content-Type": XML_CONTENT}
        request = Request("POST", f"http://{self.address}{path}", headers, body)
        require(self._exchange.send(call, request), f"POST {path}", accepted)


def has_role_instance(goal_state: WireGoalState) -> bool:
    """False for the goal state that appears for a moment without any ``RoleInstance`` (fabric.md 3.1)."""
    return goal_state.instance_id is not None or goal_state.config_name is not None
