"""ExtensionsConfig (codec.extensions_config): everything around the handlers, and the complete example."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.codec.inbound import HOSTILE, MARK, damaged, example, value_or_document_failure
from waagent.codec.extensions_config import parse
from waagent.codec.number_text import ZERO_GUID
from waagent.model.extension import RequestedExtension, RequestedHandler, RequestedState
from waagent.model.failure import DocumentFailure
from waagent.model.goal_state import AgentFamily, BlobType, Channel, ExtensionsGoalState, Incarnation, StatusBlob
from waagent.model.secret import Secret

EXAMPLE = example("extensions_config.xml")
FOUR = Incarnation("4")
ENABLED, DISABLED = RequestedState.ENABLED, RequestedState.DISABLED
A, B, C = (f"https://lab{each}.blob.example.net" for each in "abc")
BLOB = "https://labstat.blob.example.net/$system/labvm01.99999999-8888-4777-8666-555555555555"
QUERY = "sv=2018-03-28&sr=b&sk=system-1&sig=bGFi%3d&se=9999-01-01T00%3a00%3a00Z"


def document(content: str = "") -> ExtensionsGoalState:
    return parse(f'<Extensions version="1.0.0.0" goalStateIncarnation="4">{content}</Extensions>'.encode(), FOUR)


def script(text: str) -> dict[str, object]:
    return {"source": {"script": text}}


def uris(name: str) -> tuple[str, ...]:
    return (f"{A}/p/Contoso.Lab_{name}_manifest.xml", f"{B}/p/Contoso.Lab_{name}_manifest.xml")


def test_the_complete_example_is_read_whole() -> None:
    found = parse(EXAMPLE, FOUR)
    agent = RequestedExtension(
        "Contoso.Lab.Agent",
        0,
        public_settings={"workspace": "lab"},
        protected_settings=Secret("MIIBLABsecret=="),
        certificate_thumbprint="0123456789ABCDEF0123456789ABCDEF01234567",
    )
    shell = RequestedExtension("Contoso.Lab.Script", 3, dependency_level=2, public_settings={"commandToExecute": "echo lab"})
    jobs = (
        RequestedExtension("jobA", 0, ENABLED, 1, script("echo A")),
        RequestedExtension("jobB", 1, ENABLED, 2, script("echo B")),
        RequestedExtension("jobC", 5, DISABLED, 0, {}),
    )
    more = f"{C}/p/Contoso.Lab_Agent_manifest.xml"
    assert found == ExtensionsGoalState(
        channel=Channel.FABRIC,
        identity="incarnation_4",
        created_on_ticks=638900000000000000,
        in_svd_seq_no="4",
        activity_id="22222222-3333-4444-8555-666666666666",
        correlation_id="33333333-4444-4555-8666-777777777777",
        status_blob=StatusBlob(f"{BLOB}.status?{QUERY}&sp=w"),
        artifacts_profile_url=f"{BLOB}.vmSettings?{QUERY}&sp=r",
        required_features=("MultipleExtensionsPerHandler",),
        families=(
            AgentFamily("Prod", "9.9.9.10", None, True, True, (f"{A}/ga/Prod_manifest.xml", f"{B}/ga/Prod_manifest.xml")),
            AgentFamily("Test", uris=(f"{A}/ga/Test_manifest.xml",)),
        ),
        handlers=(
            RequestedHandler(
                "Contoso.Lab.Agent", "1.4.0", ENABLED, (*uris("Agent"), more), False, (agent,), "MIIlabSignature=="
            ),
            RequestedHandler("Contoso.Lab.Script", "2.1.6", ENABLED, uris("Script"), False, (shell,)),
            RequestedHandler("Contoso.Lab.Multi", "1.0.3", ENABLED, uris("Multi"), True, jobs),
            RequestedHandler("Contoso.Lab.Old", "0.9.0", RequestedState.UNINSTALL, uris("Old")),
        ),
    )


def test_a_byte_order_mark_changes_nothing() -> None:
    assert parse(MARK + EXAMPLE, FOUR) == parse(EXAMPLE, FOUR)


def test_protected_settings_never_print() -> None:
    assert "MIIBLABsecret" not in repr(parse(EXAMPLE, FOUR))


def test_everything_may_be_missing() -> None:
    assert document() == ExtensionsGoalState(
        Channel.FABRIC, "incarnation_4", 0, "4", activity_id=ZERO_GUID, correlation_id=ZERO_GUID
    )


def test_the_sequence_number_in_the_status_is_the_incarnation_as_text() -> None:
    found = document('<InVMGoalStateMetaData inSvdSeqNo="12"/>')
    assert found.in_svd_seq_no == "4"


@pytest.mark.parametrize("said", ["", "x", "-5", "6.389e17", "9" * 30])
def test_a_bad_time_is_the_minimum_date(said: str) -> None:
    assert document(f'<InVMGoalStateMetaData createdOnTicks="{said}"/>').created_on_ticks == 0


def test_ticks_keep_their_last_digit() -> None:
    assert document('<InVMGoalStateMetaData createdOnTicks="637726657706205217"/>').created_on_ticks == 637726657706205217


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("", BlobType.BLOCK),
        (' statusBlobType="BlockBlob"', BlobType.BLOCK),
        (' statusBlobType="PageBlob"', BlobType.PAGE),
        (' statusBlobType="pageblob"', BlobType.BLOCK),
        (' statusBlobType=""', BlobType.BLOCK),
    ],
)
def test_anything_but_a_page_blob_is_a_block_blob(said: str, expected: BlobType) -> None:
    found = document(f"<StatusUploadBlob{said}>\n https://x/?a=b&amp;sig=c \n</StatusUploadBlob>")
    assert found.status_blob == StatusBlob("https://x/?a=b&sig=c", expected)


@pytest.mark.parametrize("element", ["<StatusUploadBlob/>", "<StatusUploadBlob> </StatusUploadBlob>"])
def test_an_empty_status_blob_is_none(element: str) -> None:
    assert document(element).status_blob is None


@pytest.mark.parametrize(
    ("element", "expected"),
    [("", None), ("<IsVersionFromRSM>TRUE</IsVersionFromRSM>", True), ("<IsVersionFromRSM>no</IsVersionFromRSM>", False)],
)
def test_flags_of_a_family_have_three_states(element: str, expected: bool | None) -> None:
    (family,) = document(f"<GAFamilies><GAFamily>{element}<Name>Prod</Name></GAFamily></GAFamilies>").families
    assert family == AgentFamily("Prod", is_version_from_rsm=expected)


def test_a_family_says_from_which_version_a_downgrade_may_start() -> None:
    inner = "<Uris><Uri>\nhttps://x/\n</Uri><Uri/></Uris><FromVersion>9.9.9.11</FromVersion><Name>Prod</Name>"
    (family,) = document(f"<GAFamilies><GAFamily>{inner}</GAFamily><GAFamily/></GAFamilies>").families
    assert family == AgentFamily("Prod", from_version="9.9.9.11", uris=("https://x/",))


def test_a_required_feature_without_a_name_is_not_passed_over() -> None:
    assert document(
        "<RequiredFeatures><RequiredFeature><Value>1</Value></RequiredFeature></RequiredFeatures>"
    ).required_features == ("",)


@pytest.mark.parametrize("data", HOSTILE, ids=range(len(HOSTILE)))
def test_another_document_is_refused(data: bytes) -> None:
    with pytest.raises(DocumentFailure, match=r"^ExtensionsConfig\.xml: "):
        parse(data, FOUR)


@given(st.binary() | damaged(EXAMPLE))
def test_any_bytes_give_a_goal_state_or_a_document_failure(data: bytes) -> None:
    value_or_document_failure(lambda each: parse(each, FOUR), data)
