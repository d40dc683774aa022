"""The status blob, what the fabric knows of agent and extensions (fabric.md 7.1 to 7.3).

Pure ASCII JSON, so that bytes and characters agree. Odd: key order is the reference's; a handler's message is left out
when there is none, an extension's is null; ``extensionName`` only for multi-config handlers. Every message is redacted
here, whoever wrote it.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from waagent.codec.json_document import dump
from waagent.model.secret import redact
from waagent.model.status import ExtensionStatus, GoalStateAggregate, HandlerReport, Substatus, UpdateStatus, VmStatus

_LANG = "en-US"


def render(status: VmStatus) -> bytes:
    """The whole blob; not padded (a page blob needs a multiple of 512 bytes, fabric.md 6.2)."""
    stamp = _moment(status.reported_at)
    agent: dict[str, Any] = {
        "version": status.agent_version,
        "status": "Ready",
        "formattedMessage": _message("Guest Agent is running"),
    }
    if status.update is not None:
        agent["updateStatus"] = _update(status.update)
    aggregate: dict[str, Any] = {
        "guestAgentStatus": agent,
        "handlerAggregateStatus": [_handler(each, stamp) for each in status.handlers],
    }
    if status.aggregate is not None:
        aggregate["vmArtifactsAggregateStatus"] = {"goalStateAggregateStatus": _goal_state(status.aggregate)}
    blob: dict[str, Any] = {
        "version": "1.1",
        "timestampUTC": stamp,
        "aggregateStatus": aggregate,
        "guestOSInfo": {
            "computerName": status.computer_name,
            "osName": status.os_name,
            "osVersion": status.os_version,
            "version": status.agent_version,
        },
    }
    if status.supported_features:
        blob["supportedFeatures"] = [{"Key": key, "Value": value} for key, value in status.supported_features]
    return dump(blob)


def _handler(report: HandlerReport, stamp: str) -> dict[str, Any]:
    handler = report.handler
    entry: dict[str, Any] = {
        "handlerVersion": handler.version,
        "handlerName": handler.name,
        "status": handler.status,
        "code": handler.code,
        "useExactVersion": True,
    }
    if handler.message is not None:
        entry["formattedMessage"] = _message(handler.message)
    if report.extension is not None:
        settings: dict[str, Any] = {
            "settingsStatus": {"status": _extension(report.extension), "version": 1.0, "timestampUTC": stamp},
            "sequenceNumber": report.extension.sequence_number,
        }
        if handler.multi_config:
            settings["extensionName"] = report.extension.name
        entry["runtimeSettingsStatus"] = settings
    return entry


def _extension(status: ExtensionStatus) -> dict[str, Any]:
    body: dict[str, Any] = {
        "name": status.name,
        "configurationAppliedTime": status.configuration_applied_time,
        "operation": status.operation,
        "status": status.status,
        "code": status.code,
        "formattedMessage": _message(status.message, status.lang),
    }
    if status.substatus:
        body["substatus"] = [_substatus(each) for each in status.substatus]
    return body


def _substatus(status: Substatus) -> dict[str, Any]:
    return {
        "name": None if status.name is None else redact(status.name),
        "status": status.status,
        "code": status.code,
        "formattedMessage": _message(status.message),
    }


def _update(update: UpdateStatus) -> dict[str, Any]:
    return {
        "expectedVersion": update.expected_version,
        "status": update.status,
        "code": update.code,
        "formattedMessage": _message(update.message),
    }


def _goal_state(aggregate: GoalStateAggregate) -> dict[str, Any]:
    return {
        "formattedMessage": _message(aggregate.message),
        "timestampUTC": _moment(aggregate.processed_at),
        "inSvdSeqNo": aggregate.in_svd_seq_no,
        "status": aggregate.status,
        "code": aggregate.code,
    }


def _message(text: str | None, lang: str = _LANG) -> dict[str, str | None]:
    return {"lang": lang, "message": None if text is None else redact(text)}


def _moment(moment: datetime) -> str:
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
