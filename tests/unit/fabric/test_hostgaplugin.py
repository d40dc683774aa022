import io
from collections.abc import Callable

import pytest

from unit.fabric.doubles import Answer, World, answering, serving
from waagent.fabric.exchange import Exchange
from waagent.fabric.hostgaplugin import HostPlugin, NewSettings, SettingsAnswer, Unchanged, Unsupported, classify_settings
from waagent.model.failure import ExchangeFailure, HttpFailure, StatusFailure
from waagent.model.goal_state import Etag
from waagent.system.port import Request, Response

CONTAINER = "11111111-2222-4333-8444-555555555555"
CONFIG = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee.3.aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee.3._labvm01.1.xml"
ARTIFACT = "https://laba.blob.example.net/p?sig=bGFi"
STALE = (400, b'{ "errorCode": "InvalidContainerConfiguration", "message": "x" }')
VERSIONS = (200, b'\xef\xbb\xbf["2015-09-01"]')


class Bench:
    """A plugin that is identified, with what it told and how often it asked for a new identity."""

    def __init__(self, world: World, *, identified: bool = True) -> None:
        self.world = world
        self.renewals = 0
        self.notes: list[tuple[str, int | None]] = []
        self.plugin = HostPlugin(
            Exchange(world.system, agent_version="9.9.9.10", chance=lambda: 0.5),
            "168.63.129.16",
            self.renew,
            lambda call, status: self.notes.append((call, status)),
            lambda: "guid",
        )
        if identified:
            self.plugin.identify(CONTAINER, CONFIG)

    def renew(self) -> None:
        self.renewals += 1
        self.plugin.identify("new-container", "new.config")

    @property
    def requests(self) -> list[Request]:
        return self.world.http.requests


def sent(request: Request) -> dict[str, str]:
    """The request's headers without those every request has."""
    return {name: value for name, value in request.headers.items() if name not in ("User-Agent", "Accept-Encoding")}


IDENTITY = {"x-ms-version": "2015-09-01", "x-ms-containerid": CONTAINER, "x-ms-host-config-name": CONFIG}


def test_settings_are_asked_for_with_exactly_the_headers_of_the_table() -> None:
    bench = Bench(answering(304))
    assert bench.plugin.vm_settings(Etag('"7"')) == Unchanged()
    request = bench.requests[0]
    assert (request.method, request.url, request.proxied) == ("GET", "http://168.63.129.16:32526/vmSettings", False)
    assert sent(request) == {**IDENTITY, "x-ms-client-correlationid": "guid", "if-none-match": '"7"'}


def test_the_first_question_for_settings_carries_no_etag() -> None:
    bench = Bench(answering(404))
    assert bench.plugin.vm_settings(None) == Unsupported()
    assert "if-none-match" not in bench.requests[0].headers


@pytest.mark.parametrize(
    ("response", "with_etag", "expected"),
    [
        (Response(200, {"etag": '"1"'}, b"{}"), False, NewSettings(b"{}", Etag('"1"'))),
        (Response(200, {}, b"{}"), False, HttpFailure),
        (Response(200, {"etag": ""}, b"{}"), False, HttpFailure),
        (Response(304, {}, b""), True, Unchanged()),
        (Response(304, {}, b""), False, StatusFailure),
        (Response(404, {}, b""), False, Unsupported()),
        (Response(410, {}, b""), False, StatusFailure),
        (Response(400, {}, b"InvalidContainerConfiguration"), False, StatusFailure),
        (Response(201, {"etag": "1"}, b"{}"), False, StatusFailure),
        (Response(302, {}, b""), False, StatusFailure),
        (Response(502, {}, b"internal"), False, StatusFailure),
    ],
)
def test_each_answer_to_a_question_for_settings_has_one_meaning(
    response: Response, with_etag: bool, expected: SettingsAnswer | type[Exception]
) -> None:
    if isinstance(expected, type):
        with pytest.raises(expected):
            classify_settings(response, asked_with_etag=with_etag)
    else:
        assert classify_settings(response, asked_with_etag=with_etag) == expected


@pytest.mark.parametrize("answer", [500, 502, 503, HttpFailure("timeout", "x")])
def test_settings_are_asked_for_once_only(answer: Answer) -> None:
    bench = Bench(answering(answer))
    with pytest.raises(ExchangeFailure):
        bench.plugin.vm_settings(None)
    assert len(bench.requests) == 1


def test_a_410_for_settings_renews_the_identity_and_repeats_once() -> None:
    bench = Bench(answering(410, 410))
    with pytest.raises(StatusFailure):
        bench.plugin.vm_settings(None)
    assert bench.renewals == 1
    assert bench.requests[1].headers["x-ms-containerid"] == "new-container"
    assert bench.requests[1].headers["x-ms-host-config-name"] == "new.config"


def test_a_400_for_settings_is_an_ordinary_error() -> None:
    bench = Bench(answering(STALE))
    with pytest.raises(StatusFailure):
        bench.plugin.vm_settings(None)
    assert bench.renewals == 0


def test_the_versions_are_asked_for_once_and_remembered() -> None:
    bench = Bench(answering(VERSIONS, (200, b"a"), (200, b"b")))
    assert bench.plugin.artifact(ARTIFACT) + bench.plugin.artifact(ARTIFACT) == b"ab"
    assert [request.url.rpartition("/")[2] for request in bench.requests] == ["versions", *["extensionArtifact"] * 2]
    assert sent(bench.requests[0]) == {"x-ms-containerid": CONTAINER}


def test_a_plugin_of_another_version_is_not_available_and_is_asked_again() -> None:
    bench = Bench(answering((200, b'["2014-01-01"]'), VERSIONS, (200, b"a")))
    with pytest.raises(ExchangeFailure, match="2015-09-01"):
        bench.plugin.artifact(ARTIFACT)
    assert bench.plugin.artifact(ARTIFACT) == b"a"


def package(bench: Bench, manifest_uri: str | None = None) -> Response:
    request = Request("GET", "")
    return bench.plugin.package(ARTIFACT, "package", request, manifest_uri=manifest_uri, fast_track=False, restart=None)


def test_an_artifact_is_asked_for_with_exactly_the_headers_of_the_table() -> None:
    bench = Bench(answering(VERSIONS, (200, b"a"), (200, b"p")))
    bench.plugin.artifact(ARTIFACT, fast_track=True)
    package(bench, manifest_uri="https://m/")
    assert sent(bench.requests[1]) == {
        **IDENTITY,
        "x-ms-artifact-location": ARTIFACT,
        "x-ms-verify-from-artifacts-blob": "true",
    }
    assert sent(bench.requests[2]) == {
        **IDENTITY,
        "x-ms-artifact-location": ARTIFACT,
        "x-ms-artifact-manifest-location": "https://m/",
    }


@pytest.mark.parametrize("ask", [lambda bench: bench.plugin.artifact(ARTIFACT), lambda bench: package(bench).body])
@pytest.mark.parametrize("stale", [410, STALE])
def test_a_stale_identity_for_an_artifact_is_renewed_and_the_request_repeated_once(
    ask: Callable[[Bench], bytes], stale: Answer
) -> None:
    bench = Bench(answering(VERSIONS, stale, (200, b"a")))
    assert ask(bench) == b"a"
    assert bench.renewals == 1
    assert bench.world.clock.pauses == []


def test_the_outcome_of_artifacts_and_versions_is_noted_for_the_health_signals() -> None:
    bench = Bench(answering(VERSIONS, 505, *[HttpFailure("refused", "x")] * 6, *[502] * 6))
    for _ in range(3):
        with pytest.raises(ExchangeFailure):
            bench.plugin.artifact(ARTIFACT)
    assert bench.notes == [("versions", 200), ("artifact", 505), ("artifact", None), ("artifact", 502)]


def test_a_status_request_is_put_with_its_headers() -> None:
    bench = Bench(answering(VERSIONS, 201))
    assert bench.plugin.put_status(b"{}") is True
    assert (bench.requests[1].method, bench.requests[1].url) == ("PUT", "http://168.63.129.16:32526/status")
    assert sent(bench.requests[1]) == {**IDENTITY, "Content-type": "application/json"}


def test_a_410_for_the_status_renews_and_leaves_it_to_the_next_round() -> None:
    bench = Bench(answering(VERSIONS, 410))
    assert bench.plugin.put_status(b"{}") is False
    assert bench.renewals == 1
    assert len(bench.requests) == 2


def test_a_400_for_the_status_is_an_error_whatever_it_says() -> None:
    bench = Bench(answering(VERSIONS, STALE))
    with pytest.raises(StatusFailure):
        bench.plugin.put_status(b"{}")


def test_logs_are_put_as_they_are_with_their_headers() -> None:
    bench = Bench(answering(VERSIONS, 200))
    bench.plugin.put_log(lambda: io.BytesIO(b"PK\x03\x04"), 4)
    request = bench.requests[1]
    assert (request.method, request.body, request.deadline) == ("PUT", None, 30)
    assert request.source is not None and request.source().read() == b"PK\x03\x04"
    assert sent(request) == {
        "x-ms-version": "2015-09-01",
        "x-ms-containerid": CONTAINER,
        "x-ms-vmagentlog-deploymentid": "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee",
        "x-ms-client-correlationid": "guid",
        "x-ms-client-name": "WALinuxAgent",
        "x-ms-client-version": "9.9.9.10",
        "Content-Length": "4",
    }


def test_logs_of_a_stale_identity_are_put_again_with_the_new_one() -> None:
    bench = Bench(answering(VERSIONS, STALE, 200))
    bench.plugin.put_log(lambda: io.BytesIO(b"PK"), 2)
    assert bench.renewals == 1
    assert [request.method for request in bench.requests] == ["GET", "PUT", "PUT"]


@pytest.mark.parametrize(("answer", "healthy"), [(200, True), (202, True), (500, False), (HttpFailure("refused", "x"), False)])
def test_health_is_one_attempt_without_special_headers(answer: Answer, healthy: bool) -> None:
    bench = Bench(answering(answer))
    assert bench.plugin.healthy() is healthy
    assert sent(bench.requests[0]) == {}


def test_without_a_config_name_the_plugin_cannot_be_used() -> None:
    bench = Bench(serving(lambda request: 200), identified=False)
    bench.plugin.identify(CONTAINER, None)
    with pytest.raises(ExchangeFailure, match="ConfigName"):
        bench.plugin.vm_settings(None)
    assert bench.requests == []
