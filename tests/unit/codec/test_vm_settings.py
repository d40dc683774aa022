"""vmSettings (codec.vm_settings): the complete example, and what rejects the whole document."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.codec.inbound import HOSTILE, MARK, damaged, example, value_or_document_failure
from waagent.codec.number_text import ZERO_GUID
from waagent.codec.vm_settings import host_plugin_version, parse
from waagent.model.extension import RequestedExtension, RequestedHandler, RequestedState
from waagent.model.failure import DocumentFailure
from waagent.model.goal_state import AgentFamily, BlobType, Channel, Etag, ExtensionsGoalState, StatusBlob, VmSettings
from waagent.model.secret import Secret

EXAMPLE = example("vm_settings.json")
ETAG = Etag('"638"')
ENABLED, DISABLED = RequestedState.ENABLED, RequestedState.DISABLED
A, B, C = (f"https://lab{each}.blob.example.net" for each in "abc")
SINGLE = {"name": "Contoso.Lab.Script", "version": "2.1.6", "state": "enabled"}
MULTI = {**SINGLE, "isMultiConfig": True}
JOB = {"extensionName": "jobA", "seqNo": 0, "extensionState": "enabled"}


def read(**top: Any) -> VmSettings:
    return parse(json.dumps({"hostGAPluginVersion": "1.0.8.175", **top}).encode(), ETAG)


def handler(**changes: Any) -> RequestedHandler:
    (found,) = read(extensionGoalStates=[{**SINGLE, **changes}]).goal_state.handlers
    return found


def settings(**changes: Any) -> RequestedExtension:
    (found,) = handler(settingsSeqNo=4, settings=[changes]).extensions
    return found


def script(text: str) -> dict[str, object]:
    return {"source": {"script": text}}


def test_the_complete_example_is_read_whole() -> None:
    agent = RequestedExtension(
        "Contoso.Lab.Agent",
        0,
        public_settings={"workspace": "lab"},
        protected_settings=Secret("MIIBLABsecret=="),
        certificate_thumbprint="0123456789ABCDEF0123456789ABCDEF01234567",
    )
    shell = RequestedExtension("Contoso.Lab.Script", 4, dependency_level=1, public_settings={"commandToExecute": "echo lab"})
    jobs = (
        RequestedExtension("jobA", 0, ENABLED, 1, script("echo A")),
        RequestedExtension("jobB", 1, DISABLED, 0, script("echo B")),
    )
    names = [f"{place}/p/Contoso.Lab_Agent_manifest.xml" for place in (A, B, C)]
    blob = "https://labstat.blob.example.net/$system/labvm01.99999999-8888-4777-8666-555555555555.status"
    query = "sv=2018-03-28&sr=b&sk=system-1&sig=bGFi%3d&se=9999-01-01T00%3a00%3a00Z&sp=w"
    assert parse(EXAMPLE, ETAG) == VmSettings(
        etag=ETAG,
        host_plugin_version="1.0.8.175",
        source=Channel.FAST_TRACK,
        goal_state=ExtensionsGoalState(
            channel=Channel.FAST_TRACK,
            identity='etag_"638"',
            created_on_ticks=638900000600000000,
            in_svd_seq_no=13,
            activity_id="44444444-5555-4666-8777-888888888888",
            correlation_id="55555555-6666-4777-8888-999999999999",
            status_blob=StatusBlob(f"{blob}?{query}"),
            required_features=("MultipleExtensionsPerHandler",),
            families=(
                AgentFamily("Prod", "9.9.9.10", None, True, True, (f"{A}/ga/Prod_manifest.xml", f"{B}/ga/Prod_manifest.xml")),
            ),
            handlers=(
                RequestedHandler("Contoso.Lab.Agent", "1.4.0", ENABLED, tuple(names), False, (agent,), "MIIlabSignature=="),
                RequestedHandler(
                    "Contoso.Lab.Script", "2.1.6", ENABLED, (names[0].replace("Agent", "Script"),), False, (shell,)
                ),
                RequestedHandler("Contoso.Lab.Multi", "1.0.3", ENABLED, (names[0].replace("Agent", "Multi"),), True, jobs),
            ),
        ),
    )


def shuffled(value: Any, change: Any) -> Any:
    """Every key of every object in another case; values untouched."""
    if isinstance(value, dict):
        return {change(key): shuffled(inner, change) for key, inner in value.items()}
    return [shuffled(inner, change) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize("change", [str.upper, str.lower, str.swapcase, str.title])
def test_names_of_properties_match_ignoring_case_at_every_level(change: Any) -> None:
    assert parse(json.dumps(shuffled(json.loads(EXAMPLE), change)).encode(), ETAG) == parse(EXAMPLE, ETAG)


def test_case_inside_public_settings_is_the_extensions_own_business() -> None:
    assert settings(publicSettings='{"Key": {"KEY": 1}}').public_settings == {"Key": {"KEY": 1}}


def test_protected_settings_never_print() -> None:
    assert "MIIBLABsecret" not in repr(parse(EXAMPLE, ETAG))


def test_almost_everything_may_be_missing() -> None:
    found = parse(b"{}", ETAG)
    assert (found.host_plugin_version, found.source) == ("0.0.0.0", None)
    assert found.goal_state == ExtensionsGoalState(
        Channel.FAST_TRACK, 'etag_"638"', in_svd_seq_no=ZERO_GUID, activity_id=ZERO_GUID, correlation_id=ZERO_GUID
    )


def test_null_counts_as_missing() -> None:
    keys = ("hostGAPluginVersion", "statusUploadBlob", "requiredFeatures", "gaFamilies", "extensionGoalStates", "onHold")
    assert parse(json.dumps(dict.fromkeys(keys)).encode(), ETAG) == parse(b"{}", ETAG)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("FastTrack", Channel.FAST_TRACK),
        ("Fabric", Channel.FABRIC),
        ("fabric", Channel.FABRIC),
        ("", None),
        ("Other", None),
        (None, None),
    ],
)
def test_the_source_may_be_unknown(said: str | None, expected: Channel | None) -> None:
    assert read(extensionGoalStatesSource=said).source is expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [(637726657706205299, 637726657706205299), ("637726657706205299", 637726657706205299), ("x", 0), (True, 0), (6.3e17, 0)],
)
def test_ticks_are_integers_or_their_text(said: Any, expected: int) -> None:
    assert read(extensionsLastModifiedTickCount=said).goal_state.created_on_ticks == expected


@pytest.mark.parametrize(("said", "expected"), [(13, 13), ("13", 13), (None, ZERO_GUID), (ZERO_GUID, ZERO_GUID), (0, 0)])
def test_the_sequence_number_in_the_status_is_the_integer_of_the_document(said: Any, expected: Any) -> None:
    assert read(inSvdSeqNo=said).goal_state.in_svd_seq_no == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [(True, True), (False, False), ("True", True), ("false", False), (1, False), ("x", False), ({}, False)],
)
def test_on_hold_is_a_flag_and_any_problem_means_no(said: Any, expected: bool) -> None:
    assert read(onHold=said).goal_state.on_hold is expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [("PageBlob", BlobType.PAGE), ("BlockBlob", BlobType.BLOCK), ("x", BlobType.BLOCK), (None, BlobType.BLOCK)],
)
def test_a_bad_type_of_blob_is_a_block_blob(said: Any, expected: BlobType) -> None:
    found = read(statusUploadBlob={"statusBlobType": said, "value": " https://x/?sig=y\n"}).goal_state
    assert found.status_blob == StatusBlob("https://x/?sig=y", expected)


def test_a_family_may_have_no_addresses() -> None:
    found = read(gaFamilies=[{"name": "Prod", "fromVersion": "1.2", "isVersionFromRSM": False}]).goal_state
    assert found.families == (AgentFamily("Prod", from_version="1.2", is_version_from_rsm=False),)


# -- extensions


@pytest.mark.parametrize("said", [{}, {"settings": None}, {"settings": []}, {"settings": [], "dependsOn": [{}, {}]}])
def test_a_handler_may_have_no_settings(said: dict[str, Any]) -> None:
    found = handler(**said)
    assert (found.extensions, found.invalid) == ((), None)


def test_null_settings_stay_null() -> None:
    found = settings(publicSettings=None, protectedSettings=None)
    assert (found.public_settings, found.protected_settings, found.certificate_thumbprint) == (None, None, None)


@pytest.mark.parametrize("value", [{}, [], None, 5, "text", {"a": [1.5, None]}])
def test_public_settings_are_text_that_holds_json(value: Any) -> None:
    assert settings(publicSettings=json.dumps(value)).public_settings == value


def test_an_empty_depends_on_is_level_zero() -> None:
    (found,) = handler(settingsSeqNo=0, settings=[{}], dependsOn=[]).extensions
    assert found.dependency_level == 0


def test_the_sequence_number_of_a_multi_config_handler_is_that_of_each_instance() -> None:
    found = handler(isMultiConfig=True, settings=[{**JOB, "seqNo": 7, "extensionState": "Disabled"}])
    assert found.extensions == (RequestedExtension("jobA", 7, DISABLED),)
    assert found.multi_config


@pytest.mark.parametrize("name", ["a/b", "..\\x", "a\0b"])
def test_a_name_that_could_leave_its_directory_is_never_run(name: str) -> None:
    found = handler(name=name)
    assert found.invalid is not None and found.invalid.startswith("vmSettings: extensionGoalStates[0]: ")
    assert handler(isMultiConfig=True, settings=[{**JOB, "extensionName": name}]).invalid is not None


# -- what rejects the whole document


@pytest.mark.parametrize(
    ("top", "path"),
    [
        ({"hostGAPluginVersion": 5}, "hostGAPluginVersion"),
        ({"statusUploadBlob": {}}, "statusUploadBlob.value"),
        ({"statusUploadBlob": "x"}, "statusUploadBlob"),
        ({"statusUploadBlob": {"value": None}}, "statusUploadBlob.value"),
        ({"requiredFeatures": {}}, "requiredFeatures"),
        ({"requiredFeatures": [{}]}, "requiredFeatures[0].name"),
        ({"requiredFeatures": ["x"]}, "requiredFeatures[0]"),
        ({"gaFamilies": {}}, "gaFamilies"),
        ({"gaFamilies": [{"uris": []}]}, "gaFamilies[0].name"),
        ({"gaFamilies": [{"name": "Prod", "uris": "x"}]}, "gaFamilies[0].uris"),
        ({"extensionGoalStates": {}}, "extensionGoalStates"),
        ({"extensionGoalStates": [None]}, "extensionGoalStates[0]"),
    ],
)
def test_a_fault_of_the_document_is_named_by_its_path(top: dict[str, Any], path: str) -> None:
    with pytest.raises(DocumentFailure) as caught:
        read(**top)
    assert (caught.value.document, caught.value.path) == ("vmSettings", path)


@pytest.mark.parametrize(
    ("wanted", "path"),
    [
        ({**SINGLE, "name": ""}, "name"),
        ({**SINGLE, "version": None}, "version"),
        ({**SINGLE, "version": 1.0}, "version"),
        ({**SINGLE, "state": None}, "state"),
        ({**SINGLE, "state": "Enabled"}, "state"),
        ({**SINGLE, "additionalLocations": "x"}, "additionalLocations"),
        ({**SINGLE, "additionalLocations": [5]}, "additionalLocations"),
        ({**SINGLE, "settings": {}}, "settings"),
        ({**SINGLE, "settings": [{}, {}], "settingsSeqNo": 0}, "settings"),
        ({**SINGLE, "settings": [{}]}, "settingsSeqNo"),
        ({**SINGLE, "settings": [{}], "settingsSeqNo": "x"}, "settingsSeqNo"),
        ({**SINGLE, "settings": [{}], "settingsSeqNo": -1}, "settingsSeqNo"),
        ({**SINGLE, "settings": [{"publicSettings": ""}], "settingsSeqNo": 0}, "settings[0].publicSettings"),
        ({**SINGLE, "settings": [{"publicSettings": "{"}], "settingsSeqNo": 0}, "settings[0].publicSettings"),
        ({**SINGLE, "settings": [{"publicSettings": {}}], "settingsSeqNo": 0}, "settings[0].publicSettings"),
        ({**SINGLE, "settings": [{"protectedSettings": "MII"}], "settingsSeqNo": 0}, "settings[0].protectedSettings"),
        ({**SINGLE, "settings": [{}], "settingsSeqNo": 0, "dependsOn": {}}, "dependsOn"),
        ({**SINGLE, "settings": [{}], "settingsSeqNo": 0, "dependsOn": [{}, {}]}, "dependsOn"),
        ({**MULTI, "settings": [{**JOB, "extensionName": None}]}, "settings[0].extensionName"),
        ({**MULTI, "settings": [{**JOB, "seqNo": None}]}, "settings[0].seqNo"),
        ({**MULTI, "settings": [{**JOB, "extensionState": None}]}, "settings[0].extensionState"),
        ({**MULTI, "settings": [{**JOB, "extensionState": "gone"}]}, "settings[0].extensionState"),
        ({**MULTI, "settings": [JOB], "dependsOn": [{"dependencyLevel": 1}]}, "dependsOn[0].name"),
        ({**MULTI, "settings": [JOB], "dependsOn": [{"name": "jobB"}]}, "dependsOn[0].name"),
    ],
)
def test_a_fault_of_one_extension_rejects_the_whole_document(wanted: dict[str, Any], path: str) -> None:
    with pytest.raises(DocumentFailure) as caught:
        read(extensionGoalStates=[SINGLE, wanted])
    assert (caught.value.document, caught.value.path) == ("vmSettings", f"extensionGoalStates[1].{path}")


def test_a_byte_order_mark_makes_these_settings_unreadable() -> None:
    with pytest.raises(DocumentFailure, match="byte order mark"):
        parse(MARK + EXAMPLE, ETAG)


@pytest.mark.parametrize("data", [b"", b"null", b"[]", b"5", EXAMPLE[:-5], b"<html/>"])
def test_what_is_no_object_is_refused(data: bytes) -> None:
    with pytest.raises(DocumentFailure, match=r"^vmSettings: "):
        parse(data, ETAG)


def test_the_version_of_the_host_can_be_read_from_a_document_that_is_rejected() -> None:
    data = b'{"hostgapluginversion": "1.0.8.1", "extensionGoalStates": 5}'
    assert host_plugin_version(data) == "1.0.8.1"
    assert host_plugin_version(b"{}") == "0.0.0.0"


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted({*SINGLE, *JOB, "settings"})), inner),
    max_leaves=8,
)


@given(st.sampled_from(sorted(json.loads(EXAMPLE))), VALUES)
def test_no_value_of_a_property_surprises(key: str, value: Any) -> None:
    value_or_document_failure(lambda each: parse(each, ETAG), json.dumps({**json.loads(EXAMPLE), key: value}).encode())


@given(st.binary() | damaged(EXAMPLE) | st.sampled_from(HOSTILE))
def test_any_bytes_give_settings_or_a_document_failure(data: bytes) -> None:
    value_or_document_failure(lambda each: parse(each, ETAG), data)
