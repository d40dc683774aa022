"""scenario.hearing: what was expected of the journal, against entries."""

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

import pytest

from fabriclab.journal.entry import Entry, Exchange
from fabriclab.scenario.expected import GoalState, Handler, Health, Logs, Requests
from fabriclab.scenario.hearing import hear

WALL = datetime(2026, 1, 2, tzinfo=timezone.utc)


def entry(
    number: int, facts: Mapping[str, Any] | None = None, exchange: Exchange | None = None, summary: str = "", service: str = "x"
) -> Entry:
    return Entry(number, number / 10, WALL, "agent", service, summary, exchange, facts or {})


def health(number: int, state: str, substatus: str | None = None, description: str | None = None) -> Entry:
    return entry(number, {"kind": "health", "state": state, "substatus": substatus, "description": description})


def status(number: int, *handlers: Mapping[str, Any], goal_state: Mapping[str, Any] | None = None) -> Entry:
    aggregate: dict[str, Any] = {"handlerAggregateStatus": list(handlers)}
    if goal_state is not None:
        aggregate["vmArtifactsAggregateStatus"] = {"goalStateAggregateStatus": goal_state}
    return entry(number, {"kind": "status", "document": {"aggregateStatus": aggregate}})


def handler(
    name: str = "A.B", state: str = "Ready", code: int = 0, message: str = "Plugin enabled", **extension: Any
) -> dict[str, Any]:
    found: dict[str, Any] = {"handlerName": name, "handlerVersion": "1.0.0", "status": state, "code": code}
    found["formattedMessage"] = {"lang": "en-US", "message": message}
    if extension:
        sequence, instance = extension.pop("sequence", 0), extension.pop("instance", None)
        said = extension.pop("said", "")
        found["runtimeSettingsStatus"] = {
            "settingsStatus": {"status": {**extension, "formattedMessage": {"message": said}}},
            "sequenceNumber": sequence,
            **({"extensionName": instance} if instance else {}),
        }
    return found


def test_a_health_report_holds_with_its_state_substatus_and_part_of_its_description() -> None:
    entries = [health(1, "NotReady", "Provisioning", "Starting"), health(2, "Ready")]
    seen = hear(Health("Ready"), entries)
    assert seen.held and seen.entry == entries[1]
    assert hear(Health("NotReady", "Provisioning", "Start"), entries).entry == entries[0]
    assert hear(Health("NotReady", "ProvisioningFailed"), entries).held is None


def test_a_refused_health_report_is_none() -> None:
    refused = entry(1, {"kind": "health", "state": "Ready"}, Exchange("POST", "/machine?comp=health", refusal="stale"))
    assert hear(Health("Ready"), [refused]).held is None


def test_a_report_that_must_not_come_is_held_until_it_comes() -> None:
    never = Health("Ready", absent=True)
    assert hear(never, [health(1, "NotReady")]).held is True
    assert hear(never, [health(1, "NotReady"), health(2, "Ready")]).held is False


def test_a_handler_holds_when_one_blob_says_all_that_is_expected_at_once() -> None:
    wanted = Handler("A.B", status="Ready", version="1.0.0", code=0, extension="success", extension_message="done", sequence=2)
    first = status(1, handler(state="NotReady", status="success", code=0, said="done", sequence=2))
    second = status(2, handler("Other.One"), handler(status="success", code=0, said="all done", sequence=2))
    assert hear(wanted, [first]).held is None
    assert "NotReady" in hear(wanted, [first]).detail
    assert hear(wanted, [first, second]).entry == second


@pytest.mark.parametrize(
    "wanted",
    [
        Handler("A.C"),
        Handler("A.B", status="NotReady"),
        Handler("A.B", version="2.0.0"),
        Handler("A.B", code=1009),
        Handler("A.B", message="disabled"),
        Handler("A.B", extension="error"),
        Handler("A.B", extension_code=1),
        Handler("A.B", extension_message="else"),
        Handler("A.B", sequence=3),
        Handler("A.B", instance="job"),
        Handler("A.B", absent=True),
    ],
)
def test_each_part_of_a_handler_counts(wanted: Handler) -> None:
    entries = [status(1, handler(status="success", code=0, said="done", sequence=2))]
    assert hear(wanted, entries).held is None
    assert hear(Handler("A.B"), entries).held is True


def test_instances_of_a_handler_are_told_apart() -> None:
    entries = [status(1, handler(status="error", code=5, instance="one"), handler(status="success", code=0, instance="two"))]
    assert hear(Handler("A.B", instance="two", extension="success"), entries).held
    assert hear(Handler("A.B", instance="one", extension="success"), entries).held is None


def test_a_handler_is_gone_when_a_blob_lacks_it() -> None:
    assert hear(Handler("A.B", absent=True), [status(1)]).held is True
    assert hear(Handler("A.B", absent=True), []).held is None


def test_the_goal_state_as_a_whole_is_heard() -> None:
    said = {"status": "Failed", "code": 2001, "formattedMessage": {"message": "unsupported"}}
    assert hear(GoalState("Failed", 2001, "unsup"), [status(1, goal_state=said)]).held
    assert hear(GoalState("Success"), [status(1, goal_state=said)]).held is None
    assert hear(GoalState("Success"), [status(1)]).held is None


def test_a_status_blob_of_any_shape_is_survived() -> None:
    odd = [
        entry(1, {"kind": "status", "document": None}),
        entry(2, {"kind": "status", "document": {"aggregateStatus": [1]}}),
        entry(
            3, {"kind": "status", "document": {"aggregateStatus": {"handlerAggregateStatus": ["x", {"handlerName": "A.B"}]}}}
        ),
    ]
    assert hear(Handler("A.B", extension="success"), odd).held is None
    assert hear(Handler("A.B"), odd).held is True


def exchange(
    number: int, target: str, status_code: int = 200, service: str = "wireserver", refusal: str | None = None
) -> Entry:
    made = Exchange("GET", target, status=status_code, refusal=refusal)
    return entry(number, exchange=made, summary=f"GET {target}", service=service)


def test_requests_are_counted_by_service_method_path_status_and_refusal() -> None:
    entries = [
        exchange(1, "/machine/?comp=goalstate"),
        exchange(2, "/machine/?comp=GoalState", 503),
        exchange(3, "/vmSettings", service="hostplugin", refusal="no container"),
    ]

    def count(**what: Any) -> bool | None:
        return hear(Requests(at_least=what.pop("least", 1), **what), entries).held

    assert count(path="*comp=goalstate", least=2)
    assert count(path="*comp=goalstate", least=3) is None
    assert count(service="hostplugin") and count(service="imds") is None
    assert count(status=503) and count(method="POST") is None
    assert count(refused=True) and count(refused=False, least=2)
    assert count(text="^GET /vm")


def test_too_many_requests_are_final_and_the_first_too_many_is_named() -> None:
    entries = [exchange(1, "/a"), exchange(2, "/b")]
    seen = hear(Requests(at_most=1), entries)
    assert seen.held is False and "/b" in seen.detail
    assert hear(Requests(at_most=2), entries).held is True


def test_brackets_in_a_path_are_plain_characters() -> None:
    assert hear(Requests(path="/a[1]", at_least=1), [exchange(1, "/a[1]")]).held
    assert hear(Requests(path="/a[1]", at_least=1), [exchange(1, "/a1")]).held is None


def test_a_bundle_of_logs_holds_with_all_that_is_wanted_and_none_of_what_is_not() -> None:
    def sent(number: int, *names: str) -> Entry:
        return entry(number, {"kind": "agent_log", "size": 9, "names": list(names)})

    wanted = Logs(("results.txt", "var/log/*/own.log"), ("*.prv",))
    assert hear(wanted, []).held is None
    assert hear(wanted, [sent(1, "results.txt")]).detail == "the last one lacks var/log/*/own.log"
    surplus = hear(wanted, [sent(1, "results.txt", "var/log/azure/A/own.log", "A.prv")])
    assert surplus.held is None and "has A.prv" in surplus.detail
    good = [sent(1, "results.txt"), sent(2, "results.txt", "var/log/azure/A/own.log")]
    found = hear(wanted, good)
    assert found.held and found.entry is good[1]
    assert hear(wanted, [entry(3, {"kind": "agent_log", "size": 9})]).held is None
