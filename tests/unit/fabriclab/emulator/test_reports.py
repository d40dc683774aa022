"""Health, role properties and health signals: what is understood, what is refused, and when the KVP pool is read."""

import json
from collections.abc import Iterator

import pytest

from unit.fabriclab.emulator.bench import AGENT, XML, Bench, running, world

JSON = {"Content-Type": "application/json"}
DETAILS = "<Details><SubStatus>{}</SubStatus><Description>{}</Description></Details>"


@pytest.fixture
def bench() -> Iterator[Bench]:
    with running() as made:
        yield made


def health(
    state: str = "Ready",
    details: str = "",
    incarnation: str = "1",
    container: str = "11111111-2222-4333-8444-555555555555",
    instance: str = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee._labvm01",
) -> str:
    return (
        f"<Health><GoalStateIncarnation>{incarnation}</GoalStateIncarnation><Container><ContainerId>{container}</ContainerId>"
        f"<RoleInstanceList><Role><InstanceId>{instance}</InstanceId><Health><State>{state}</State>{details}</Health></Role>"
        "</RoleInstanceList></Container></Health>"
    )


def test_ready_is_taken_and_told(bench: Bench) -> None:
    assert bench.post("/machine?comp=health", health()).status == 200
    assert bench.last.facts == {
        "kind": "health",
        "state": "Ready",
        "substatus": None,
        "description": None,
        "incarnation": "1",
        "container": "11111111-2222-4333-8444-555555555555",
        "instance": "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee._labvm01",
    }


def test_a_failure_keeps_its_unescaped_description(bench: Bench) -> None:
    body = health("NotReady", DETAILS.format("ProvisioningFailed", "user &amp; group &lt;x&gt;"))
    assert bench.post("/machine/?comp=health", body).status == 200
    assert (bench.last.facts["substatus"], bench.last.facts["description"]) == ("ProvisioningFailed", "user & group <x>")


def test_an_indented_document_with_namespaces_is_the_same(bench: Bench) -> None:
    body = (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<Health xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns="urn:lab">\n'
        + health().removeprefix("<Health>").replace("><", ">\n  <")
    )
    assert bench.post("/machine?comp=health", body).status == 200
    assert bench.last.facts["state"] == "Ready"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (health(incarnation="2"), "incarnation 2, not 1"),
        (health(container="other"), "container other, not"),
        (health(instance="other"), "role instance other, not"),
        (health("Perfect"), "State is 'Perfect'"),
        (health("Ready", DETAILS.format("Provisioning", "x")), "Ready carries Details"),
        (health("NotReady", DETAILS.format("Odd", "x")), "SubStatus is 'Odd'"),
        (health("NotReady", DETAILS.format("ProvisioningFailed", "ü" * 2049)), "4098 bytes is over the limit of 4096"),
        (health().replace("GoalStateIncarnation", "Other"), "GoalStateIncarnation is missing"),
        ("<Health/>", "0 elements Container/RoleInstanceList/Role"),
        ("<Other/>", "the root element is Other"),
        ("Ready", "not XML"),
        ("", "not XML"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><Health>&a;</Health>', "not XML"),
        ("<?xml version='1.0' encoding='nonsense'?><Health/>", "not XML"),
    ],
)
def test_a_wrong_health_report_is_refused(bench: Bench, body: str, reason: str) -> None:
    assert bench.post("/machine?comp=health", body).status == 400
    assert reason in str(bench.last.refusal)
    assert bench.last.facts == {}


def test_a_report_needs_the_xml_content_type(bench: Bench) -> None:
    assert bench.post("/machine?comp=health", health(), AGENT).status == 400
    assert bench.post("/machine?comp=health", health(), {**AGENT, "Content-Type": "application/json"}).status == 400
    assert bench.post("/machine?comp=health", health(), {**XML, "Content-Type": "TEXT/XML"}).status == 200


def test_ids_are_not_compared_when_the_world_is_not_strict_and_the_status_can_be_chosen() -> None:
    with running(world(strict_report=False, health_status=202)) as bench:
        assert bench.post("/machine?comp=health", health(incarnation="77")).status == 202


def test_the_pool_is_read_before_each_health_report_and_stands_before_it_in_the_journal(bench: Bench) -> None:
    record = b"PROVISIONING_REPORT".ljust(512, b"\0") + b"result=success|agent=lab".ljust(2048, b"\0")
    bench.fabric.before_health = lambda: record
    bench.post("/machine?comp=health", health())
    pool, report = bench.journal.entries()[-2:]
    assert (pool.kind, report.kind) == ("kvp", "health")
    assert pool.facts["report"] == {"result": "success", "agent": "lab"}


def test_no_pool_leaves_no_entry(bench: Bench) -> None:
    bench.fabric.before_health = lambda: None
    bench.post("/machine?comp=health", health())
    assert [entry.kind for entry in bench.journal.entries()] == ["health"]


@pytest.mark.parametrize(
    ("document", "substatus"),
    [
        ({"state": "Ready"}, None),
        ({"state": "NotReady", "details": {"subStatus": "Provisioning", "description": "wait"}}, "Provisioning"),
    ],
)
def test_the_json_health_report_needs_no_ids_and_is_created(bench: Bench, document: object, substatus: str | None) -> None:
    assert bench.post("/provisioning/health", json.dumps(document), JSON).status == 201
    assert (bench.last.kind, bench.last.facts["substatus"]) == ("health", substatus)


@pytest.mark.parametrize(
    "document",
    [[], {}, {"state": "Odd"}, {"state": "Ready", "details": {}}, {"state": "NotReady", "details": {"subStatus": []}}, "{"],
)
def test_a_wrong_json_health_report_is_refused(bench: Bench, document: object) -> None:
    body = document if isinstance(document, str) else json.dumps(document)
    assert bench.post("/provisioning/health", body, JSON).status == 400


def properties(inner: str = '<Property name="CertificateThumbprint" value="0123" />', container: str | None = None) -> str:
    return (
        '<?xml version="1.0" encoding="utf-8"?><RoleProperties><Container>'
        f"<ContainerId>{container or '11111111-2222-4333-8444-555555555555'}</ContainerId><RoleInstances><RoleInstance>"
        f"<Id>aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee._labvm01</Id><Properties>{inner}</Properties></RoleInstance></RoleInstances>"
        "</Container></RoleProperties>"
    )


def test_role_properties_are_accepted_with_202(bench: Bench) -> None:
    assert bench.post("/machine?comp=roleProperties", properties()).status == 202
    assert bench.last.facts == {"kind": "role_properties", "properties": {"CertificateThumbprint": "0123"}}


@pytest.mark.parametrize("body", [properties(""), properties('<Property name="x"/>'), properties(container="other"), "<x/>"])
def test_wrong_role_properties_are_refused(bench: Bench, body: str) -> None:
    assert bench.post("/machine?comp=roleProperties", body).status == 400


def signal(**changes: object) -> str:
    observation = {"ObservationName": "GuestAgentPluginHeartbeat", "IsHealthy": True, "Description": "", "Value": ""}
    return json.dumps(
        {"Api": "reporttargethealth", "Version": "1.0", "Source": "WALinuxAgent", "Observations": [observation | changes]}
    )


def test_a_health_signal_needs_none_of_the_common_headers(bench: Bench) -> None:
    assert bench.post("/HealthService", signal(), JSON).status == 200
    assert bench.last.facts["observations"][0]["IsHealthy"] is True


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (signal(IsHealthy="yes"), "IsHealthy"),
        (signal(Description="x" * 129), "Description"),
        (signal(ObservationName="x" * 65), "ObservationName"),
        ('{"Api": "other"}', "Api is 'other'"),
        ("[]", "not a JSON object"),
        ("[" * 100000, "not JSON"),
    ],
)
def test_a_wrong_health_signal_is_refused(bench: Bench, body: str, reason: str) -> None:
    assert bench.post("/HealthService", body, JSON).status == 400
    assert reason in str(bench.last.refusal)
