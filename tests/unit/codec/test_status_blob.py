"""The status blob (fabric.md 7.1 to 7.3)."""

import json
from datetime import datetime, timedelta, timezone
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from waagent.codec import status_blob
from waagent.model.status import (
    ExtensionStatus,
    GoalStateAggregate,
    HandlerReport,
    HandlerStatus,
    Substatus,
    UpdateStatus,
    VmStatus,
)

NOW = datetime(2026, 1, 2, 5, 4, 5, 678, tzinfo=timezone(timedelta(hours=2)))
PROCESSED = datetime(2026, 1, 2, 3, 4, 0, tzinfo=timezone.utc)


def vm(*handlers: HandlerReport, **more: Any) -> VmStatus:
    return VmStatus("9.9.9.10", NOW, "labvm01", "labos", "1.0", handlers=handlers, **more)


def rendered(status: VmStatus) -> Any:
    return json.loads(status_blob.render(status))


def report(extension: ExtensionStatus | None = None, message: str | None = None, multi: bool = False) -> HandlerReport:
    return HandlerReport(HandlerStatus("Contoso.Lab", "2.1.6", "Ready", 0, message, multi), extension)


def test_a_vm_without_handlers_says_who_it_is_in_the_order_of_the_contract() -> None:
    assert status_blob.render(vm()).decode() == (
        '{"version": "1.1", "timestampUTC": "2026-01-02T03:04:05Z", "aggregateStatus": {"guestAgentStatus": '
        '{"version": "9.9.9.10", "status": "Ready", '
        '"formattedMessage": {"lang": "en-US", "message": "Guest Agent is running"}}, '
        '"handlerAggregateStatus": []}, "guestOSInfo": {"computerName": "labvm01", "osName": "labos", "osVersion": "1.0", '
        '"version": "9.9.9.10"}}'
    )


def test_an_extension_is_reported_below_its_handler() -> None:
    extension = ExtensionStatus(
        "Contoso.Lab", 3, "success", 0, "finished", operation="Enable", configuration_applied_time="2026-01-02T03:03:59Z",
        substatus=(Substatus("StdOut", "success", 0, "lab"),),
    )  # fmt: skip
    entry = rendered(vm(report(extension, "Plugin enabled")))["aggregateStatus"]["handlerAggregateStatus"][0]
    assert entry == {
        "handlerVersion": "2.1.6",
        "handlerName": "Contoso.Lab",
        "status": "Ready",
        "code": 0,
        "useExactVersion": True,
        "formattedMessage": {"lang": "en-US", "message": "Plugin enabled"},
        "runtimeSettingsStatus": {
            "settingsStatus": {
                "status": {
                    "name": "Contoso.Lab",
                    "configurationAppliedTime": "2026-01-02T03:03:59Z",
                    "operation": "Enable",
                    "status": "success",
                    "code": 0,
                    "formattedMessage": {"lang": "en-US", "message": "finished"},
                    "substatus": [
                        {
                            "name": "StdOut",
                            "status": "success",
                            "code": 0,
                            "formattedMessage": {"lang": "en-US", "message": "lab"},
                        }
                    ],
                },
                "version": 1.0,
                "timestampUTC": "2026-01-02T03:04:05Z",
            },
            "sequenceNumber": 3,
        },
    }


def test_what_is_not_there_is_left_out_of_a_handler() -> None:
    entry = rendered(vm(report()))["aggregateStatus"]["handlerAggregateStatus"][0]
    assert not {"formattedMessage", "runtimeSettingsStatus"} & set(entry)


def test_an_empty_status_file_is_reported_as_nulls() -> None:
    entry = rendered(vm(report(ExtensionStatus("a", 0, None, code=None))))["aggregateStatus"]["handlerAggregateStatus"][0]
    status = entry["runtimeSettingsStatus"]["settingsStatus"]["status"]
    assert (status["status"], status["code"], status["formattedMessage"]["message"]) == (None, None, None)
    assert "substatus" not in status


def test_only_multi_config_handlers_name_the_extension() -> None:
    extension = ExtensionStatus("jobA", 0, "transitioning")
    single, multi = (
        rendered(vm(report(extension, multi=flag)))["aggregateStatus"]["handlerAggregateStatus"][0]["runtimeSettingsStatus"]
        for flag in (False, True)
    )
    assert "extensionName" not in single
    assert multi["extensionName"] == "jobA"


def test_a_processed_goal_state_update_and_features_are_added() -> None:
    blob = rendered(
        vm(
            aggregate=GoalStateAggregate("Success", 0, "GoalState executed successfully", PROCESSED, 13),
            update=UpdateStatus("9.9.9.10", "Error", 1, "no package"),
            supported_features=(("FastTrack", "1.0"),),
        )
    )
    assert blob["aggregateStatus"]["vmArtifactsAggregateStatus"]["goalStateAggregateStatus"] == {
        "formattedMessage": {"lang": "en-US", "message": "GoalState executed successfully"},
        "timestampUTC": "2026-01-02T03:04:00Z",
        "inSvdSeqNo": 13,
        "status": "Success",
        "code": 0,
    }
    assert blob["aggregateStatus"]["guestAgentStatus"]["updateStatus"] == {
        "expectedVersion": "9.9.9.10",
        "status": "Error",
        "code": 1,
        "formattedMessage": {"lang": "en-US", "message": "no package"},
    }
    assert blob["supportedFeatures"] == [{"Key": "FastTrack", "Value": "1.0"}]


def test_no_message_carries_a_signature() -> None:
    text = "see https://b.blob.example/x?comp=1&sig=SECRET now"
    extension = ExtensionStatus("a", 0, "error", message=text, substatus=(Substatus(text, "error", 0, text),))
    aggregate = GoalStateAggregate("Failed", -1, text, PROCESSED, "1")
    data = status_blob.render(vm(report(extension, text), aggregate=aggregate, update=UpdateStatus("1", "Error", 1, text)))
    assert b"SECRET" not in data
    assert data.count(b"<redacted>") == 6


@given(st.text(), st.text())
def test_the_blob_is_ascii_whatever_is_said(name: str, message: str) -> None:
    data = status_blob.render(vm(report(ExtensionStatus(name, 0, "success", message=message), message)))
    assert data.isascii() and b"\n" not in data
    entry = json.loads(data)["aggregateStatus"]["handlerAggregateStatus"][0]
    assert entry["runtimeSettingsStatus"]["settingsStatus"]["status"]["name"] == name
