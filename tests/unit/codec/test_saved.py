"""Redacted copies for the history (codec.saved)."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.codec.inbound import HOSTILE, MARK, damaged, example, value_or_document_failure
from waagent.codec import extensions_config, remote_access, vm_settings
from waagent.codec.saved import redact_extensions_config, redact_remote_access, redact_vm_settings
from waagent.model.failure import DocumentFailure
from waagent.model.goal_state import Etag, Incarnation

CONFIG = example("extensions_config.xml")
SETTINGS = example("vm_settings.json")
ONE = Incarnation("1")
SIGNED = "https://x.blob.example.net/c/f.sh?sv=2018&sig=s3cret%3d&sp=r"


def config(settings: str, elsewhere: str = "") -> bytes:
    plugin = '<Plugins><Plugin name="A.B" version="1" state="enabled"/></Plugins>'
    inner = f'<Plugin name="A.B" version="1"><RuntimeSettings seqNo="0">{settings}</RuntimeSettings></Plugin>'
    return f"<Extensions>{plugin}<PluginSettings>{inner}</PluginSettings>{elsewhere}</Extensions>".encode()


def settings_json(**settings: Any) -> str:
    return json.dumps({"runtimeSettings": [{"handlerSettings": settings}]})


# -- ExtensionsConfig


def test_the_complete_config_loses_its_secrets_and_nothing_else() -> None:
    copy = redact_extensions_config(MARK + CONFIG)
    for gone in (b"MIIBLABsecret", b"bGFi", b"sig=", b"sk=system-1"):
        assert gone in CONFIG and gone not in copy
    before, after = extensions_config.parse(CONFIG, ONE), extensions_config.parse(copy, ONE)
    assert [each.name for each in after.handlers] == [each.name for each in before.handlers]
    assert [each.public_settings for handler in after.handlers for each in handler.extensions] == [
        each.public_settings for handler in before.handlers for each in handler.extensions
    ]
    protected = after.handlers[0].extensions[0].protected_settings
    assert protected is not None and protected.reveal() == "*** REDACTED ***"
    assert after.families == before.families
    assert after.artifacts_profile_url == (before.artifacts_profile_url or "").partition("?")[0] + "?<redacted>"


@pytest.mark.parametrize(
    "settings",
    [
        settings_json(protectedSettings="s3cret=="),
        settings_json(PROTECTEDSETTINGS="s3cret=="),
        settings_json(protectedSettings={"key": "s3cret"}),
        settings_json(protectedSettings=["s3cret"]),
        settings_json(protectedSettings="s3cret", publicSettings="s3cret".upper()),
        "<![CDATA[" + settings_json(protectedSettings="s3cret==") + "]]>",
        settings_json(protectedSettings="s3cret==").replace('"', "&quot;"),
        settings_json(protectedSettings="s3cret==").replace("s3", "&#x73;3"),
        settings_json(protectedSettings="s3cret==").replace("protected", "\\u0070rotected"),
        '{"protectedSettings": "s3cret", "protectedSettings": null}',
        '{"a": {"protectedSettings": "s3cret"}',
        '{"protectedSettings" : "s3cret',
        '{"protectedSettings": "a\\"s3cret", ',
        "<!-- s3cret -->{}",
        settings_json(publicSettings={"fileUris": [SIGNED.replace("&", "&amp;")]}),
        settings_json(publicSettings={"fileUris": [SIGNED]}).replace("&", "\\u0026").replace("https://", "https:\\/\\/"),
    ],
)
def test_a_protected_text_leaves_no_trace_however_it_is_spelt(settings: str) -> None:
    copy = redact_extensions_config(config(settings))
    assert b"s3cret" not in copy
    extensions_config.parse(copy, ONE)


@pytest.mark.parametrize("name", ["StatusUploadBlob", "InVMArtifactsProfileBlob", "HealthStatusBlobUri"])
@pytest.mark.parametrize("query", ["sv=1&amp;sig=s3cret", "foo=1&amp;sig=s3cret", "token=s3cret"])
def test_the_addresses_of_reports_lose_their_whole_query(name: str, query: str) -> None:
    copy = redact_extensions_config(config("{}", f"<{name}>\nhttps://x/y?{query}\n</{name}>"))
    assert f"<{name}>https://x/y?&lt;redacted&gt;</{name}>".encode() in copy


def test_a_signed_address_anywhere_else_loses_its_query_too() -> None:
    escaped = SIGNED.replace("&", "&amp;")
    copy = redact_extensions_config(config("{}", f'<Other location="{escaped}">{escaped}</Other>'))
    assert b"s3cret" not in copy
    extensions_config.parse(copy, ONE)


def test_when_a_protected_text_is_still_there_nothing_is_kept() -> None:
    with pytest.raises(DocumentFailure, match="still there"):
        redact_extensions_config(config(settings_json(protectedSettings="s3cret=="), '<Other copy="s3cret=="/>'))


def test_what_is_not_json_and_hides_its_protected_settings_is_not_kept() -> None:
    with pytest.raises(DocumentFailure, match="could not be told"):
        redact_extensions_config(config('{\'protectedSettings": ["s3cret"]'))


def test_what_is_no_xml_is_not_kept() -> None:
    with pytest.raises(DocumentFailure):
        redact_extensions_config(CONFIG[:-20])


@given(st.binary() | damaged(CONFIG))
def test_no_config_surprises_and_a_copy_is_still_a_config(data: bytes) -> None:
    copy = value_or_document_failure(redact_extensions_config, data)
    if copy is not None and value_or_document_failure(lambda each: extensions_config.parse(each, ONE), data) is not None:
        extensions_config.parse(copy, ONE)


# -- vmSettings


def test_the_complete_settings_lose_their_secrets_and_nothing_else() -> None:
    copy = redact_vm_settings(SETTINGS)
    for gone in (b"MIIBLABsecret", b"bGFi", b"sig=", b"sk=system-1"):
        assert gone in SETTINGS and gone not in copy
    before, after = json.loads(SETTINGS), json.loads(copy)
    assert after["statusUploadBlob"]["value"] == before["statusUploadBlob"]["value"].partition("?")[0] + "?<redacted>"
    assert after["extensionGoalStates"][0]["settings"][0]["protectedSettings"] == "*** REDACTED ***"
    assert after["extensionsLastModifiedTickCount"] == 638900000600000000
    assert vm_settings.parse(copy, Etag("1")).goal_state.families == vm_settings.parse(SETTINGS, Etag("1")).goal_state.families


@pytest.mark.parametrize(
    "data",
    [
        b'{"STATUSUPLOADBLOB": {"VALUE": "https://x/?token=s3cret"}}',
        b'{"extensionGoalStates": [{"settings": [{"ProtectedSettings": "s3cret"}]}]}',
        json.dumps({"settings": [{"publicSettings": json.dumps({"fileUris": [SIGNED]})}]}).encode(),
        json.dumps({"settings": [{"publicSettings": json.dumps({"u": SIGNED}).replace("&", "\\u0026")}]}).encode(),
        json.dumps({"settings": [{"publicSettings": "not json " + SIGNED}]}).encode(),
        b'\xef\xbb\xbf{"protectedSettings": "s3cret"}',
        b'{"protectedSettings": "s3cret"}}',
        b'{"protectedSettings": "s3cret", "extensionGoalStates": ',
        b'{"protectedSettings":"s3cret',
        b'{"statusUploadBlob": {"value": "https://x/?sv=1&sig=s3cret',
        b'\xff{"protectedSettings": "s3cret"}',
    ],
)
def test_the_secrets_of_settings_leave_no_trace_even_when_the_document_is_bad(data: bytes) -> None:
    assert b"s3cret" in data
    assert b"s3cret" not in redact_vm_settings(data)


def test_settings_that_cannot_be_made_safe_are_not_kept() -> None:
    with pytest.raises(DocumentFailure):
        redact_vm_settings(b'{"protectedSettings": {"a": "s3cret"}')
    with pytest.raises(DocumentFailure, match="still there"):
        redact_vm_settings(b'{"protectedSettings": "s3cret", "x": "s3cret"}')


@given(st.binary() | damaged(SETTINGS) | st.sampled_from(HOSTILE))
def test_no_settings_surprise(data: bytes) -> None:
    value_or_document_failure(redact_vm_settings, data)


@given(st.text(min_size=1), st.integers(1, 60))
def test_no_protected_text_survives_in_settings_cut_off_anywhere(secret: str, cut: int) -> None:
    text = json.dumps({"protectedSettings": f"s3cret{secret}", "name": "x"})
    copy = value_or_document_failure(redact_vm_settings, text[:-cut].encode())
    assert copy is None or b"s3cret" not in copy


# -- remote users


def test_a_remote_user_is_kept_without_the_password() -> None:
    copy = redact_remote_access(example("remote_access.xml"))
    assert b"MIIBLABcipher" not in copy
    (user,) = remote_access.parse(copy).users
    assert (user.name, user.encrypted_password) == ("labjit", "*")
