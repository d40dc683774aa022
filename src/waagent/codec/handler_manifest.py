"""HandlerManifest.json, how a package describes itself (extensions.md 1.2, 5.6, 7.4).

An array of which only element 0 counts. Odd: real packages write booleans as ``"true"``, leave names out and give
versions as numbers; ``resourceLimits`` stands beside ``handlerManifest``, not in it; a missing ``updateMode`` means with
install. Errors become handler status codes: ``NotJson`` 1003, any other ``DocumentFailure`` -1.
"""

from __future__ import annotations

from typing import Any

from waagent.codec.json_document import kind, load, require_object
from waagent.model.extension import HandlerManifest, Limits, SigningInfo
from waagent.model.failure import DocumentFailure

DOCUMENT = "HandlerManifest.json"
_PATH = "[0].handlerManifest"
_LIMITS_PATH = "[0].resourceLimits"


def parse(data: bytes) -> HandlerManifest:
    """What the package says. Oddities that are tolerated become ``remarks``. Errors: ``NotJson``, ``DocumentFailure``."""
    top = _element(load(data, DOCUMENT))
    if "handlerManifest" not in top:
        raise DocumentFailure(DOCUMENT, _PATH, "the key handlerManifest is missing")
    if top["handlerManifest"] is None:
        raise DocumentFailure(DOCUMENT, _PATH, "Malformed manifest file.")
    manifest = require_object(top["handlerManifest"], DOCUMENT, _PATH)
    remarks: list[str] = []
    limits = _object(top, "resourceLimits", "[0]", remarks)
    return HandlerManifest(
        install_command=_command(manifest, "installCommand", remarks),
        enable_command=_command(manifest, "enableCommand", remarks),
        update_command=_command(manifest, "updateCommand", remarks),
        disable_command=_command(manifest, "disableCommand", remarks),
        uninstall_command=_command(manifest, "uninstallCommand", remarks),
        update_with_install=_with_install(manifest.get("updateMode")),
        report_heartbeat=_flag(manifest, "reportHeartbeat", remarks),
        continue_on_update_failure=_flag(manifest, "continueOnUpdateFailure", remarks),
        supports_multiple_extensions=_flag(manifest, "supportsMultipleExtensions", remarks),
        limits=_limits(limits, _LIMITS_PATH, remarks),
        services=_services(limits.get("services"), remarks),
        signing_info=_signing_info(top),
        remarks=tuple(remarks),
    )


def stored(data: bytes) -> bytes:
    """The bytes as they are written to the top of the handler's directory: without the byte order mark."""
    return data.removeprefix(b"\xef\xbb\xbf")


def _element(value: Any) -> dict[str, Any]:
    if not isinstance(value, list):
        raise DocumentFailure(DOCUMENT, "", f"an array is expected, not {kind(value)}")
    if not value:
        raise DocumentFailure(DOCUMENT, "", "the array is empty")
    return require_object(value[0], DOCUMENT, "[0]")


def _command(manifest: dict[str, Any], key: str, remarks: list[str]) -> str | None:
    command = manifest.get(key)
    if command is None or isinstance(command, str):
        return command
    remarks.append(f"{_PATH}.{key} is {kind(command)}, not a string; it counts as missing")
    return None


def _with_install(mode: Any) -> bool:
    return mode is None or (isinstance(mode, str) and mode.lower() == "updatewithinstall")


def _flag(manifest: dict[str, Any], key: str, remarks: list[str]) -> bool:
    value = manifest.get(key, False)
    if isinstance(value, bool):
        return value
    meaning = isinstance(value, str) and value.lower() == "true"
    remarks.append(f"{_PATH}.{key} is {kind(value)}, not a boolean; it counts as {str(meaning).lower()}")
    return meaning


def _object(parent: dict[str, Any], key: str, path: str, remarks: list[str]) -> dict[str, Any]:
    value = parent.get(key)
    if isinstance(value, dict):
        return value
    if value is not None:
        remarks.append(f"{path}.{key} is {kind(value)}, not an object; ignored")
    return {}


def _limits(value: dict[str, Any], path: str, remarks: list[str]) -> Limits:
    return Limits(_number(value, "cpuQuotaPercentage", path, remarks), _number(value, "memoryQuotaInMB", path, remarks))


def _number(value: dict[str, Any], key: str, path: str, remarks: list[str]) -> int | None:
    number = value.get(key)
    if number is None:
        return None
    if isinstance(number, (int, float)) and not isinstance(number, bool) and number > 0:
        return max(1, int(number))
    remarks.append(f"{path}.{key} is not a positive number; ignored")
    return None


def _services(value: Any, remarks: list[str]) -> tuple[tuple[str, Limits], ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        remarks.append(f"{_LIMITS_PATH}.services is {kind(value)}, not an array; ignored")
        return ()
    found: list[tuple[str, Limits]] = []
    for index, service in enumerate(value):
        path = f"{_LIMITS_PATH}.services[{index}]"
        if isinstance(service, dict) and isinstance(service.get("name"), str) and service["name"]:
            found.append((service["name"], _limits(service, path, remarks)))
        else:
            remarks.append(f"{path} has no name; ignored")
    return tuple(found)


def _signing_info(top: dict[str, Any]) -> SigningInfo | None:
    info = top.get("signingInfo")
    if not isinstance(info, dict):
        return None
    publisher, type_, version = (info.get(key) for key in ("publisher", "type", "version"))
    if isinstance(publisher, str) and isinstance(type_, str) and isinstance(version, str):
        return SigningInfo(publisher, type_, version)
    return None
