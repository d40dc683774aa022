import pytest

from unit.fabric.doubles import Answer, World, answering
from waagent.fabric.exchange import (
    POLICIES,
    RETRYABLE,
    Exchange,
    Policy,
    fibonacci,
    is_stale_identity,
    next_delay,
    readable,
    require,
    status_of,
)
from waagent.model.failure import ExchangeFailure, HttpFailure, StatusFailure
from waagent.system.port import Request, Response

REFUSED = HttpFailure("refused", "GET http://x/: connection refused")
GET = Request("GET", "http://168.63.129.16/?comp=versions")


def exchange(world: World) -> Exchange:
    return Exchange(world.system, agent_version="9.9.9.10", chance=lambda: 0.5)


def test_delays_are_the_fibonacci_numbers_from_two() -> None:
    assert [fibonacci(n) for n in range(1, 7)] == [2, 3, 5, 8, 13, 21]


def test_six_attempts_wait_thirty_one_seconds_in_all() -> None:
    delays = [next_delay(POLICIES["document"], attempt, throttled=False) for attempt in range(1, 7)]
    assert delays == [2, 3, 5, 8, 13, None]


@pytest.mark.parametrize(
    ("call", "attempts", "deadline"),
    [
        ("versions", 1, 10),
        ("goal state", 1, 10),
        ("goal state part", 1, 10),
        ("certificates", 3, 10),
        ("remote access", 1, 10),
        ("health", 30, 10),
        ("role properties", 6, 10),
        ("telemetry", 3, 10),
        ("telemetry now", 3, 10),
        ("health signal", 1, 10),
        ("vm settings", 1, 10),
        ("host versions", 1, 10),
        ("host health", 1, 10),
        ("host document", 6, 10),
        ("host status", 1, 10),
        ("host log", 6, 30),
        ("status", 1, 10),
        ("metadata", 6, 10),
        ("metadata health", 1, 10),
        ("profile", 3, 10),
        ("host profile", 3, 10),
    ],
)
def test_the_table_has_the_numbers_of_the_protocol(call: str, attempts: int, deadline: float) -> None:
    assert (POLICIES[call].attempts, POLICIES[call].deadline) == (attempts, deadline)


@pytest.mark.parametrize(
    ("policy", "attempt", "throttled", "elapsed", "expected"),
    [
        (POLICIES["document"], 6, True, 0, 3.0),  # throttled: a steady delay, and as long as the reference's 25 s
        (POLICIES["document"], 8, True, 0, 3.0),
        (POLICIES["document"], 9, True, 0, None),
        (POLICIES["goal state"], 1, True, 0, None),  # the next poll is the other try
        (POLICIES["telemetry"], 1, False, 0, 2),
        (POLICIES["telemetry"], 2, False, 0, 3),
        (POLICIES["telemetry"], 2, True, 0, 8.0),
        (POLICIES["telemetry now"], 2, True, 0, 2.0),
        (POLICIES["telemetry"], 3, True, 0, None),  # keeps its own limit
        (POLICIES["vm settings"], 1, True, 0, None),
        (POLICIES["health"], 1, False, 0, 30),
        (POLICIES["health"], 10, False, 0, 60),  # capped (trap 33)
        (POLICIES["health"], 11, False, 841, None),  # 15 minutes in all
        (Policy(fixed=(0.5,)), 4, False, 0, 0.5),
    ],
)
def test_the_next_delay_follows_the_policy(
    policy: Policy, attempt: int, throttled: bool, elapsed: float, expected: float | None
) -> None:
    assert next_delay(policy, attempt, throttled=throttled, elapsed=elapsed) == expected


def test_jitter_spreads_a_delay_both_ways() -> None:
    policy = Policy(base=5.0, jitter=0.1)
    assert next_delay(policy, 1, throttled=False, spread=0.0) == pytest.approx(9.0)
    assert next_delay(policy, 1, throttled=False, spread=0.5) == pytest.approx(10.0)


@pytest.mark.parametrize("status", sorted(RETRYABLE - {403, 429, 503}))
def test_a_retryable_status_is_tried_again(status: int) -> None:
    world = answering(status, (200, b"ok"))
    assert exchange(world).send("document", GET).body == b"ok"
    assert world.clock.pauses == [2]


@pytest.mark.parametrize("status", [403, 429, 503])
def test_throttling_changes_to_a_steady_delay(status: int) -> None:
    world = answering(500, status, 500, 500, (200, b"ok"))
    exchange(world).send("document", GET)
    assert world.clock.pauses == [2, 3, 3, 3]


@pytest.mark.parametrize("answer", [304, 302, 400, 404, 405, 410, (400, b"InvalidContainerConfiguration")])
def test_other_statuses_reach_the_caller_at_once(answer: Answer) -> None:
    world = answering(answer)
    exchange(world).send("goal state", GET)
    assert len(world.http.requests) == 1


def test_a_retryable_status_after_the_last_attempt_is_no_reply_but_an_error() -> None:
    world = answering(*[500] * 6)
    with pytest.raises(ExchangeFailure) as caught:
        exchange(world).send("document", GET)
    assert not isinstance(caught.value, StatusFailure)
    assert status_of(caught.value) == 500
    assert len(world.http.requests) == 6


def test_a_refused_connection_is_tried_again_and_keeps_its_kind() -> None:
    world = answering(*[REFUSED] * 6)
    with pytest.raises(HttpFailure) as caught:
        exchange(world).send("document", GET)
    assert caught.value.kind == "refused"
    assert sum(world.clock.pauses) == 31


@pytest.mark.parametrize("answer", [REFUSED, 503, 500, 410, (200, b"")])
def test_what_is_polled_is_asked_once_whatever_comes(answer: Answer) -> None:
    for call in ("goal state", "goal state part", "vm settings", "host status", "status", "versions", "metadata health"):
        world = answering(answer)
        try:
            exchange(world).send(call, GET)
        except ExchangeFailure:
            pass
        assert (len(world.http.requests), world.clock.pauses) == (1, []), call


def test_a_body_that_is_too_long_is_not_asked_for_again() -> None:
    world = answering(HttpFailure("too-large", "GET http://x/: more than 16 MB"))
    with pytest.raises(HttpFailure):
        exchange(world).send("goal state", GET)
    assert len(world.http.requests) == 1


def test_the_spurious_400_is_tried_again_only_for_documents_by_the_host() -> None:
    world = answering(400, (200, b"manifest"))
    assert exchange(world).send("host document", GET).body == b"manifest"
    packages = answering(400)
    assert exchange(packages).send("host package", GET).status == 400


def test_a_stale_identity_is_never_tried_again_even_where_400_is() -> None:
    world = answering((400, b'{"errorCode": "InvalidContainerConfiguration"}'))
    assert is_stale_identity(exchange(world).send("host document", GET))
    assert len(world.http.requests) == 1


def test_the_agent_names_itself_and_takes_no_compressed_bodies() -> None:
    world = answering((200, b""))
    exchange(world).send("goal state", GET)
    headers = world.http.requests[0].headers
    assert headers["User-Agent"] == "WALinuxAgent/9.9.9.10"
    assert headers["Accept-Encoding"] == "identity"
    assert "Connection" not in headers


def test_an_ending_agent_gives_up_between_two_tries() -> None:
    world = answering(500, 500)
    world.clock.ending_after = 0
    with pytest.raises(ExchangeFailure, match="ending"):
        exchange(world).send("document", GET)
    assert len(world.http.requests) == 1


def test_a_download_begins_anew_before_each_further_try() -> None:
    world = answering(HttpFailure("truncated", "cut"), (200, b"whole"))
    begun: list[int] = []
    exchange(world).send("package", GET, restart=lambda: begun.append(1))
    assert begun == [1]


def test_errors_are_counted_by_side_and_taken_once() -> None:
    world = answering(404, REFUSED, 404)
    client = exchange(world)
    client.send("host health", GET)
    with pytest.raises(HttpFailure):
        client.send("goal state", GET)
    client.send("document", GET)
    assert client.take_errors() == {"hostplugin": 1, "protocol": 1, "other": 1}
    assert client.take_errors() == {"hostplugin": 0, "protocol": 0, "other": 0}


def test_nothing_secret_appears_in_an_error() -> None:
    signed = Request("GET", "https://laba.blob.example.net/p?sp=r&sig=hidden%3d")
    world = answering(*[(500, b"see https://x.example.net/a?sig=hidden")] * 6)
    with pytest.raises(ExchangeFailure) as caught:
        exchange(world).send("document", signed)
    assert "hidden" not in str(caught.value) + str(caught.value.facts) + world.log.text


def test_a_body_in_an_error_is_plain_text() -> None:
    assert readable("cafe\u0301 \x00\x1b[31m".encode()) == "cafe [31m"


def test_require_takes_only_the_accepted_statuses() -> None:
    assert require(Response(202, {}, b""), "x", (202,)).status == 202
    with pytest.raises(StatusFailure, match="x: answered 200"):
        require(Response(200, {}, b""), "x", (202,))
