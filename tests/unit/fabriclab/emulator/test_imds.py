"""Instance metadata: the rules of asking, the addressing of parts, the limit, and reprovision data."""

import http.client
from collections.abc import Iterator

import pytest

from fabriclab.world.events import ClaimVm
from unit.fabriclab.emulator.bench import METADATA, Bench, running, world

INSTANCE = "/metadata/instance?api-version=2021-12-13"


@pytest.fixture
def bench() -> Iterator[Bench]:
    with running(world(imds_rate=1000)) as made:
        yield made


def test_the_instance_is_one_document(bench: Bench) -> None:
    document = bench.metadata(INSTANCE).document
    assert document["compute"]["vmId"] == "99999999-8888-4777-8666-555555555555"
    assert document["network"]["interface"][0]["macAddress"] == "000D3A112233"
    assert "extended" not in document


def test_extended_shows_more(bench: Bench) -> None:
    assert bench.metadata(INSTANCE + "&extended=true").document["extended"]["compute"]["ppsType"] == "None"


def test_a_part_is_json_and_a_value_is_text(bench: Bench) -> None:
    assert bench.metadata("/metadata/instance/compute/tagsList?api-version=2021-12-13").document == [
        {"name": "env", "value": "lab"}
    ]
    target = "/metadata/instance/network/interface/0/macAddress?api-version=2021-12-13&format="
    assert bench.metadata(target + "text").body == b"000D3A112233"
    assert bench.metadata(target + "json").status == 400
    assert bench.metadata("/metadata/instance?api-version=2021-12-13&format=text").body == b"compute/\nnetwork/"


@pytest.mark.parametrize("part", ["compute/nonsense", "network/interface/7", "network/interface/%C2%B2", "compute/name/x"])
def test_an_unknown_part_is_not_found(bench: Bench, part: str) -> None:
    assert bench.metadata(f"/metadata/instance/{part}?api-version=2021-12-13&format=text").status == 404


@pytest.mark.parametrize(
    ("target", "headers", "status"),
    [
        (INSTANCE, {}, 400),
        (INSTANCE, {"Metadata": "false"}, 400),
        (INSTANCE, {"Metadata": "TRUE"}, 200),
        (INSTANCE, {**METADATA, "X-Forwarded-For": "1.2.3.4"}, 400),
        ("/metadata/instance", METADATA, 400),
        ("/metadata/instance?api-version=1999-01-01", METADATA, 400),
        (INSTANCE + "&api-version=2021-12-13", METADATA, 400),
        (INSTANCE + "&format=yaml", METADATA, 400),
        ("/metadata/other?api-version=2021-12-13", METADATA, 404),
        ("/other?api-version=2021-12-13", METADATA, 404),
        ("/", METADATA, 404),
    ],
)
def test_the_rules_of_asking(bench: Bench, target: str, headers: dict[str, str], status: int) -> None:
    assert bench.metadata(target, headers).status == status
    assert (bench.last.refusal is None) == (status == 200)


def test_a_bad_version_is_answered_with_the_newest_ones(bench: Bench) -> None:
    assert bench.metadata("/metadata/instance").document["newest-versions"] == ["2025-04-07", "2024-07-17", "2024-03-15"]
    assert "2017-03-01" in bench.metadata("/metadata/versions").document["apiVersions"]


def test_only_get_is_a_verb(bench: Bench) -> None:
    assert bench.ask("imds", "POST", INSTANCE, METADATA).status == 405


def test_the_sixth_request_in_a_second_is_too_many() -> None:
    with running() as bench:
        assert [bench.metadata(INSTANCE).status for _ in range(6)] == [200] * 5 + [429]
        bench.clock.now += 1.0
        assert bench.metadata(INSTANCE).status == 200


@pytest.mark.parametrize(("mode", "status"), [("404", 404), ("410", 410), ("429", 429), ("500", 500)])
def test_the_service_can_be_ill(mode: str, status: int) -> None:
    with running(world(imds=mode, retry_after=3)) as bench:
        answer = bench.metadata(INSTANCE)
        assert answer.status == status
        assert ("retry-after" in answer.headers) == (status == 429)


def test_a_document_can_be_cut_off() -> None:
    with running(world(imds="not-json")) as bench:
        answer = bench.metadata(INSTANCE)
        assert answer.status == 200
        with pytest.raises(ValueError, match="Expecting"):
            answer.document  # noqa: B018


def test_a_silent_service_answers_nothing() -> None:
    with running(world(imds="silent")) as bench, pytest.raises(TimeoutError):
        client = http.client.HTTPConnection(bench.fabric.authority("imds"), timeout=0.2)
        client.request("GET", INSTANCE, headers=METADATA)
        client.getresponse()


def test_reprovision_data_is_there_once_the_vm_is_claimed(bench: Bench) -> None:
    target = "/metadata/reprovisiondata?api-version=2019-06-01"
    assert bench.metadata(target).status == 404
    bench.fabric.apply(ClaimVm(b"<Environment/>"))
    assert bench.metadata(target).body == b"<Environment/>"


def test_an_older_version_knows_less(bench: Bench) -> None:
    assert "osProfile" not in bench.metadata("/metadata/instance/compute?api-version=2018-02-01").document
