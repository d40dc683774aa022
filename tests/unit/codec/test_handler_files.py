"""Files in a handler's directory: their exact text (extensions.md 1.3, 1.4, 1.6, 3.5)."""

import json
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waagent.codec import handler_files, handler_status
from waagent.model.extension import HandlerState, RequestedExtension
from waagent.model.failure import DocumentFailure
from waagent.model.secret import Secret
from waagent.model.status import ExtensionStatus, HandlerStatus

NOW = datetime(2026, 1, 31, 12, 20, 30, 999, tzinfo=timezone(timedelta(hours=2)))


def test_a_settings_file_has_the_text_extensions_expect() -> None:
    extension = RequestedExtension(
        "A.B", 0, public_settings={"port": 8080, "café": None}, protected_settings=Secret("MIIB"), certificate_thumbprint="02F4"
    )
    assert handler_files.render_settings(extension) == (
        b'{"runtimeSettings": [{"handlerSettings": {"publicSettings": {"port": 8080, "caf\\u00e9": null}, '
        b'"protectedSettings": "MIIB", "protectedSettingsCertThumbprint": "02F4"}}]}'
    )


def test_absent_settings_are_null_and_no_extension_is_an_empty_file() -> None:
    assert handler_files.render_settings(RequestedExtension("A.B", 0)) == (
        b'{"runtimeSettings": [{"handlerSettings": {"publicSettings": null, '
        b'"protectedSettings": null, "protectedSettingsCertThumbprint": null}}]}'
    )
    assert handler_files.render_settings(None) == b""


def test_the_environment_has_the_text_a_shell_script_cuts() -> None:
    data = handler_files.render_environment(
        name="Contoso.Sample",
        log_folder="/var/log/azure/Contoso.Sample",
        config_folder="/c",
        status_folder="/s",
        heartbeat_file="/h",
        events_folder="/e",
    )
    assert data == (
        b'[{"name": "Contoso.Sample", "version": 1.0, "handlerEnvironment": {"logFolder": "/var/log/azure/Contoso.Sample", '
        b'"configFolder": "/c", "statusFolder": "/s", "heartbeatFile": "/h", '
        b'"eventsFolder": "/e", "eventsFolder_preview": "/e"}}]'
    )


@pytest.mark.parametrize("state", HandlerState)
def test_a_state_is_its_word_without_a_newline(state: HandlerState) -> None:
    data = handler_files.render_handler_state(state)
    assert data == state.value.encode()
    assert handler_files.parse_handler_state(data) is state
    assert handler_files.parse_handler_state(data + b"\n") is state


@pytest.mark.parametrize("data", [None, b"", b"installed", b"\xff"])
def test_no_known_state_means_not_installed(data: bytes | None) -> None:
    assert handler_files.parse_handler_state(data) is HandlerState.NOT_INSTALLED


def test_a_handler_status_has_the_keys_of_the_contract() -> None:
    status = HandlerStatus("Contoso.Sample", "1.0.0", "Ready", 0, "Plugin enabled")
    assert handler_files.render_handler_status(status) == (
        b'{"name": "Contoso.Sample", "version": "1.0.0", "status": "Ready", "code": 0, "message": "Plugin enabled", '
        b'"supports_multi_config": false, "extension_status": null}'
    )


TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=20).filter(lambda text: "sig=" not in text.lower())


@given(TEXT, TEXT, TEXT, st.integers(), st.none() | TEXT, st.booleans())
def test_a_handler_status_reads_back_as_it_was(
    name: str, version: str, status: str, code: int, message: str | None, multi: bool
) -> None:
    written = HandlerStatus(name, version, status, code, message, multi)
    assert handler_files.parse_handler_status(handler_files.render_handler_status(written)) == written


def test_messages_are_redacted_before_they_are_written() -> None:
    text = "failed: https://b.blob.example/p?foo=1&sig=SECRET end"
    status = handler_files.render_handler_status(HandlerStatus("n", "1", "NotReady", -1, text))
    placeholder = handler_files.render_placeholder(ExtensionStatus("n", 0, "error", message=text), NOW)
    assert b"SECRET" not in status + placeholder


def test_a_handler_status_of_other_types_falls_back() -> None:
    data = b'{"name": 1, "status": null, "code": "7", "message": 5, "supports_multi_config": "true", "new": 1}'
    assert handler_files.parse_handler_status(data) == HandlerStatus("", "", "NotReady", 0, "5", False)


@given(
    st.binary().filter(lambda data: not data.strip().startswith(b"{"))
    | st.sampled_from((b"[]", b"null", b"5", b'"x"', b"{", b"{]"))
)
def test_hostile_bytes_give_a_document_failure(data: bytes) -> None:
    with pytest.raises(DocumentFailure):
        handler_files.parse_handler_status(data)


def test_a_placeholder_is_a_status_file() -> None:
    status = ExtensionStatus("A.B", 3, "error", code=-1, message="why", operation="Enable")
    data = handler_files.render_placeholder(status, NOW)
    assert json.loads(data) == [
        {
            "version": 1.0,
            "timestampUTC": "2026-01-31T10:20:30Z",
            "status": {
                "name": "A.B",
                "operation": "Enable",
                "status": "error",
                "code": -1,
                "formattedMessage": {"lang": "en-US", "message": "why"},
            },
        }
    ]
    assert handler_status.parse(data, "A.B", 3) == status
