"""HandlerManifest.json (extensions.md 1.2, 7.4)."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waagent.codec import handler_manifest
from waagent.codec.json_document import NotJson
from waagent.model.extension import HandlerManifest, Limits, SigningInfo
from waagent.model.failure import DocumentFailure


def parse(manifest: Any, **beside: Any) -> HandlerManifest:
    return handler_manifest.parse(json.dumps([{"handlerManifest": manifest, **beside}]).encode())


def test_a_manifest_says_its_commands_and_modes() -> None:
    found = parse(
        {
            "installCommand": "bin/install.sh",
            "enableCommand": "bin/enable.sh -x",
            "updateCommand": "",
            "disableCommand": "/bin/disable",
            "updateMode": "UpdateWithoutInstall",
            "reportHeartbeat": True,
            "rebootAfterInstall": True,
        },
        name="x",
        version=1.0,
    )
    assert found == HandlerManifest(
        install_command="bin/install.sh",
        enable_command="bin/enable.sh -x",
        update_command="",
        disable_command="/bin/disable",
        uninstall_command=None,
        update_with_install=False,
        report_heartbeat=True,
    )


@pytest.mark.parametrize(
    ("mode", "install"), [(None, True), ("updatewithinstall", True), ("UpdateWithoutInstall", False), (1, False)]
)
def test_the_update_mode_is_compared_ignoring_case(mode: Any, install: bool) -> None:
    assert parse({"updateMode": mode}).update_with_install is install


@pytest.mark.parametrize(
    ("value", "meaning", "remarks"),
    [
        (True, True, 0),
        (False, False, 0),
        ("true", True, 1),
        ("True", True, 1),
        ("yes", False, 1),
        (1, False, 1),
        (None, False, 1),
    ],
)
def test_flags_tolerate_text_with_a_remark(value: Any, meaning: bool, remarks: int) -> None:
    found = parse({"supportsMultipleExtensions": value})
    assert found.supports_multiple_extensions is meaning
    assert len(found.remarks) == remarks


def test_limits_and_services_stand_beside_the_manifest() -> None:
    limits = {
        "cpuQuotaPercentage": 20,
        "memoryQuotaInMB": 200,
        "services": [{"name": "sampled", "cpuQuotaPercentage": 5}, {"cpuQuotaPercentage": 5}, "x"],
    }
    found = parse({}, resourceLimits=limits)
    assert found.limits == Limits(20, 200)
    assert found.services == (("sampled", Limits(5, None)),)
    assert len(found.remarks) == 2


@pytest.mark.parametrize("limits", [None, [], 5, {"cpuQuotaPercentage": "20"}, {"cpuQuotaPercentage": -1}, {"services": 7}])
def test_bad_limits_are_no_limits(limits: Any) -> None:
    assert parse({}, resourceLimits=limits).limits == Limits()


def test_signing_info_needs_its_three_texts() -> None:
    info = {"publisher": "P", "type": "T", "version": "1"}
    assert parse({}, signingInfo=info).signing_info == SigningInfo("P", "T", "1")
    assert parse({}, signingInfo={**info, "version": 1}).signing_info is None


def test_a_byte_order_mark_is_tolerated_and_not_stored() -> None:
    data = b'\xef\xbb\xbf[{"handlerManifest": {}}]'
    assert handler_manifest.parse(data) == HandlerManifest()
    assert handler_manifest.stored(data) == b'[{"handlerManifest": {}}]'


def test_what_is_not_json_is_told_from_what_is_malformed() -> None:
    with pytest.raises(NotJson, match=r"HandlerManifest\.json"):
        handler_manifest.parse(b"{")
    with pytest.raises(DocumentFailure, match="Malformed manifest file") as malformed:
        parse(None)
    assert not isinstance(malformed.value, NotJson)


@pytest.mark.parametrize("data", [b"{}", b"null", b"[]", b"[null]", b"[1]", b"[{}]", b'[{"handlerManifest": 1}]'])
def test_another_shape_is_refused(data: bytes) -> None:
    with pytest.raises(DocumentFailure, match=r"HandlerManifest\.json"):
        handler_manifest.parse(data)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(("installCommand", "updateMode", "reportHeartbeat", "continueOnUpdateFailure"))


@given(st.dictionaries(KEYS, VALUES), VALUES, VALUES)
def test_no_value_anywhere_stops_the_parser(manifest: dict[str, Any], limits: Any, info: Any) -> None:
    assert isinstance(parse(manifest, resourceLimits=limits, signingInfo=info), HandlerManifest)


@given(st.binary() | VALUES.map(lambda value: json.dumps(value).encode()))
def test_hostile_bytes_give_a_value_or_a_document_failure(data: bytes) -> None:
    try:
        handler_manifest.parse(data)
    except DocumentFailure:
        return
