"""Files the agent writes into a handler's directory (extensions.md 1.3, 1.4, 1.6, 3.5). Their exact text is a contract.

Odd: a settings file holds all three keys, null included, and is pure ASCII; the environment's version is the number
``1.0``, and a shell script cuts ``logFolder`` out of the text, so blanks and the order of keys count.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from waagent.codec.json_document import dump, load, require_object, text
from waagent.model.extension import HandlerState, RequestedExtension
from waagent.model.failure import DocumentFailure
from waagent.model.secret import redact
from waagent.model.status import ExtensionStatus, HandlerStatus

_STATUS = "HandlerStatus"


def render_settings(extension: RequestedExtension | None) -> bytes:
    """``config/<seq>.settings``. Without settings the file ``0.settings`` is empty."""
    if extension is None:
        return b""
    protected = extension.protected_settings
    settings = {
        "publicSettings": extension.public_settings,
        "protectedSettings": protected.reveal() if protected is not None else None,
        "protectedSettingsCertThumbprint": extension.certificate_thumbprint,
    }
    try:
        return dump({"runtimeSettings": [{"handlerSettings": settings}]})
    except (RecursionError, ValueError, TypeError) as error:
        raise DocumentFailure("settings", extension.name, f"cannot be written as JSON: {error}") from error


def render_environment(
    *, name: str, log_folder: str, config_folder: str, status_folder: str, heartbeat_file: str, events_folder: str
) -> bytes:
    """HandlerEnvironment.json: an array with one object."""
    environment = {
        "logFolder": log_folder,
        "configFolder": config_folder,
        "statusFolder": status_folder,
        "heartbeatFile": heartbeat_file,
        "eventsFolder": events_folder,
        "eventsFolder_preview": events_folder,
    }
    return dump([{"name": name, "version": 1.0, "handlerEnvironment": environment}])


def render_handler_state(state: HandlerState) -> bytes:
    """``config/HandlerState``: the word, without a newline."""
    return state.value.encode("ascii")


def parse_handler_state(data: bytes | None) -> HandlerState:
    """The state of a handler; a missing file, or one that says nothing known, means ``NotInstalled``."""
    word = (data or b"").decode("utf-8-sig", "replace").strip("\0 \t\r\n")
    return next((state for state in HandlerState if state.value == word), HandlerState.NOT_INSTALLED)


def render_handler_status(status: HandlerStatus) -> bytes:
    """``config/HandlerStatus``, redacted."""
    return dump(
        {
            "name": status.name,
            "version": status.version,
            "status": status.status,
            "code": status.code,
            "message": _redacted(status.message),
            "supports_multi_config": status.multi_config,
            "extension_status": None,
        }
    )


def parse_handler_status(data: bytes) -> HandlerStatus:
    """``config/HandlerStatus`` read back; unknown keys are tolerated.

    Errors: ``DocumentFailure``; the caller takes that as a missing file (extensions.md 1.6).
    """
    value = require_object(load(data, _STATUS), _STATUS, "")
    return HandlerStatus(
        name=_string(value, "name", ""),
        version=_string(value, "version", ""),
        status=_string(value, "status", "NotReady"),
        code=_code(value.get("code")),
        message=text(value.get("message")),
        multi_config=value.get("supports_multi_config") is True,
    )


def render_placeholder(status: ExtensionStatus, now: datetime) -> bytes:
    """A status file that the agent writes in the extension's place (extensions.md 3.5)."""
    body = {
        "name": status.name,
        "operation": status.operation,
        "status": status.status,
        "code": status.code,
        "formattedMessage": {"lang": status.lang, "message": _redacted(status.message)},
    }
    return dump([{"version": 1.0, "timestampUTC": _moment(now), "status": body}])


def _moment(moment: datetime) -> str:
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _redacted(value: str | None) -> str | None:
    return None if value is None else redact(value)


def _string(value: dict[str, Any], key: str, default: str) -> str:
    found = value.get(key)
    return found if isinstance(found, str) else default


def _code(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
