import pytest

from unit.fabric.doubles import Answer, World, answering
from waagent.fabric.exchange import Exchange
from waagent.fabric.wireserver import WireServer
from waagent.model.failure import DocumentFailure, ExchangeFailure, StatusFailure
from waagent.model.goal_state import Incarnation, WireGoalState
from waagent.model.health import READY, STARTING, HealthReport, Observation
from waagent.system.port import Request

GOAL_STATE = WireGoalState(Incarnation("4"), "container", "instance._labvm01", "config.name")
TEXT = (
    b"<GoalState><Version>2012-11-30</Version><Incarnation>4</Incarnation><Container><ContainerId>container</ContainerId>"
    b"<RoleInstanceList><RoleInstance><InstanceId>instance._labvm01</InstanceId><Configuration>"
    b"<ConfigName>config.name</ConfigName></Configuration></RoleInstance></RoleInstanceList></Container></GoalState>"
)
WITHOUT_ROLE = (
    b"<GoalState><Version>2012-11-30</Version><Incarnation>4</Incarnation>"
    b"<Container><ContainerId>container</ContainerId></Container></GoalState>"
)


def versions(*listed: str) -> bytes:
    inner = "".join(f"<Version>{each}</Version>" for each in listed[1:])
    first = f"<Preferred><Version>{listed[0]}</Version></Preferred>"
    return f"<Versions>{first}<Supported>{inner}</Supported></Versions>".encode()


def server(world: World) -> WireServer:
    return WireServer(Exchange(world.system, agent_version="9.9.9.10", chance=lambda: 0.5), "168.63.129.16")


def sent(request: Request) -> dict[str, str]:
    return {name: value for name, value in request.headers.items() if name not in ("User-Agent", "Accept-Encoding")}


COMMON = {"x-ms-version": "2012-11-30", "x-ms-agent-name": "WALinuxAgent"}
XML = {**COMMON, "Content-Type": "text/xml;charset=utf-8"}


@pytest.mark.parametrize("listed", [("2012-11-30", "2010-12-15"), ("2015-04-05", "2015-04-05", "2010-28-10", "2012-11-30")])
def test_our_version_may_be_preferred_or_supported(listed: tuple[str, ...]) -> None:
    world = answering((200, versions(*listed)))
    server(world).negotiate()
    request = world.http.requests[0]
    assert (request.url, sent(request)) == ("http://168.63.129.16/?comp=versions", {})


@pytest.mark.parametrize(
    "answer", [(200, versions("2015-04-05", "2010-12-15")), (200, b"<html><body>dns</body></html>"), (404, b""), (200, b"")]
)
def test_something_else_at_the_address_is_not_believed(answer: Answer) -> None:
    with pytest.raises((ExchangeFailure, DocumentFailure)):
        server(answering(answer)).negotiate()


def test_the_goal_state_is_asked_for_with_the_common_headers() -> None:
    world = answering((200, TEXT))
    parsed, text = server(world).goal_state()
    assert (parsed.container_id, parsed.config_name, text) == ("container", "config.name", TEXT)
    request = world.http.requests[0]
    assert (request.method, request.url) == ("GET", "http://168.63.129.16/machine/?comp=goalstate")
    assert sent(request) == COMMON
    assert request.headers["User-Agent"] == "WALinuxAgent/9.9.9.10"


def test_a_goal_state_without_role_instance_is_asked_for_again_after_half_a_second() -> None:
    world = answering((200, WITHOUT_ROLE), (200, WITHOUT_ROLE), (200, TEXT))
    server(world).goal_state()
    assert world.clock.pauses == [0.5, 0.5]


def test_after_six_goal_states_without_role_instance_the_update_fails() -> None:
    world = answering(*[(200, WITHOUT_ROLE)] * 7)
    with pytest.raises(ExchangeFailure, match="RoleInstance"):
        server(world).goal_state()
    assert len(world.http.requests) == 6


def test_a_redirect_is_a_plain_failure() -> None:
    with pytest.raises(StatusFailure):
        server(answering(302)).goal_state()


def test_a_410_from_the_wire_server_fails_at_once() -> None:
    world = answering(410)
    with pytest.raises(StatusFailure):
        server(world).goal_state()
    assert len(world.http.requests) == 1


def test_an_encrypted_part_is_asked_for_with_certificate_and_cipher() -> None:
    world = answering((200, b"x"))
    server(world).encrypted_part("http://168.63.129.16:80/machine/c?comp=certificates", "certificates", "MIIC", "AES128_CBC")
    request = world.http.requests[0]
    assert request.url == "http://168.63.129.16:80/machine/c?comp=certificates"
    assert sent(request) == {
        **COMMON,
        "x-ms-guest-agent-public-x509-cert": "MIIC",
        "x-ms-cipher-name": "AES128_CBC",
    }


@pytest.mark.parametrize("report", [READY, STARTING])
@pytest.mark.parametrize("status", [200, 201, 202])
def test_health_is_posted_with_the_identities_of_the_goal_state(report: HealthReport, status: int) -> None:
    world = answering(status)
    server(world).report_health(report, GOAL_STATE)
    request = world.http.requests[0]
    assert (request.method, request.url, sent(request)) == ("POST", "http://168.63.129.16/machine?comp=health", XML)
    body = (request.body or b"").decode()
    for part in (report.state, "4", "container", "instance._labvm01"):
        assert part in body


def test_role_properties_take_only_202() -> None:
    world = answering(202, 200)
    client = server(world)
    client.role_properties(GOAL_STATE, "0123456789ABCDEF")
    assert world.http.requests[0].url == "http://168.63.129.16/machine?comp=roleProperties"
    assert sent(world.http.requests[0]) == XML
    assert b"0123456789ABCDEF" in (world.http.requests[0].body or b"")
    with pytest.raises(StatusFailure):
        client.role_properties(GOAL_STATE, "0123456789ABCDEF")


def test_telemetry_is_posted_and_slows_down_when_throttled() -> None:
    world = answering(429, 429, 200)
    server(world).telemetry(b"<x/>")
    assert world.http.requests[0].url == "http://168.63.129.16/machine?comp=telemetrydata"
    assert sent(world.http.requests[0]) == XML
    assert world.clock.pauses == [8, 8]


def test_urgent_telemetry_waits_two_seconds_and_gives_up_after_three_tries() -> None:
    world = answering(503, 503, 503)
    with pytest.raises(ExchangeFailure):
        server(world).telemetry(b"<x/>", now=True)
    assert world.clock.pauses == [2, 2]


def test_a_health_signal_goes_to_port_80_as_json() -> None:
    world = answering(200)
    server(world).health_signal(Observation("GuestAgentPluginHeartbeat", True))
    request = world.http.requests[0]
    assert (request.method, request.url) == ("POST", "http://168.63.129.16:80/HealthService")
    assert sent(request) == {"Content-Type": "application/json"}


def test_nothing_goes_through_a_proxy() -> None:
    world = answering((200, TEXT), 200, 200)
    client = server(world)
    client.goal_state()
    client.report_health(READY, GOAL_STATE)
    client.health_signal(Observation("x", True))
    assert not any(request.proxied for request in world.http.requests)
