"""Status files of extensions (fabric.md 7.4; extensions.md 1.5, 4.4)."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waagent.codec import handler_status, status_blob
from waagent.codec.json_document import NotJson
from waagent.model.failure import DocumentFailure
from waagent.model.status import ExtensionStatus, Substatus


def parse(status: Any, **beside: Any) -> ExtensionStatus:
    return handler_status.parse(json.dumps([{"status": status, **beside}]).encode(), "Contoso.Sample", 3)


def message(text: Any, lang: str = "en-US") -> dict[str, Any]:
    return {"lang": lang, "message": text}


def test_a_whole_status_is_passed_on_under_the_name_of_the_goal_state() -> None:
    found = parse(
        {
            "name": "any text",
            "operation": "Enable",
            "status": "success",
            "code": "0",
            "configurationAppliedTime": "2026-01-31T10:20:29Z",
            "formattedMessage": message("done", "de"),
            "substatus": [
                {"name": "step 1", "status": "warning", "code": 7, "formattedMessage": message("ok")},
                None,
                {"status": "success", "formattedMessage": None},
            ],
        }
    )
    assert found == ExtensionStatus(
        "Contoso.Sample",
        3,
        "success",
        code="0",
        message="done",
        lang="de",
        operation="Enable",
        configuration_applied_time="2026-01-31T10:20:29Z",
        substatus=(
            Substatus("step 1", "warning", 7, "ok"),
            Substatus(None, "success", 0, None, has_message=False),
        ),
    )


@pytest.mark.parametrize("data", [b"[]", b"null", b"\xef\xbb\xbf[]"])
def test_an_empty_document_gives_nulls(data: bytes) -> None:
    assert handler_status.parse(data, "n", 0) == ExtensionStatus("n", 0, None, code=None)


@pytest.mark.parametrize("word", ["failed", "Success", "NotReady", "", None, 5, ["success"]])
def test_an_unknown_word_counts_as_error(word: Any) -> None:
    assert parse({"status": word}).status == "error"


def test_a_missing_code_is_zero_and_any_code_passes_unchanged() -> None:
    assert parse({"status": "success"}).code == 0
    for code in (-5, "12", None, 1.5, [1]):
        assert parse({"status": "success", "code": code}).code == code


def test_a_missing_or_null_substatus_is_empty() -> None:
    assert parse({"status": "success", "substatus": None}).substatus == ()
    assert parse({"status": "success"}).substatus == ()


@pytest.mark.parametrize(
    "data",
    [
        b"{}",
        b"5",
        b"[null]",
        b"[1]",
        b"[{}]",
        b'[{"status": null}]',
        b'[{"status": 1}]',
        b'[{"status": {}}]',
        b'[{"status": {"status": "success", "formattedMessage": 1}}]',
        b'[{"status": {"status": "success", "formattedMessage": {"lang": "en"}}}]',
        b'[{"status": {"status": "success", "formattedMessage": {"message": "x"}}}]',
        b'[{"status": {"status": "success", "substatus": 1}}]',
        b'[{"status": {"status": "success", "substatus": [1]}}]',
        b'[{"status": {"status": "success", "substatus": [{}]}}]',
        b'[{"status": {"status": "success", "substatus": [{"status": "Success"}]}}]',
    ],
)
def test_another_shape_is_malformed_but_json(data: bytes) -> None:
    with pytest.raises(DocumentFailure) as failure:
        handler_status.parse(data, "n", 0)
    assert not isinstance(failure.value, NotJson)
    assert handler_status.invalid("n", 0, "/p", failure.value, data).code == 1012


def test_nothing_is_cut_up_to_the_limit() -> None:
    body = {"status": "success", "formattedMessage": message("")}
    room = handler_status.FILE_LIMIT - len(json.dumps([{"status": body}]))
    body["formattedMessage"] = message("x" * room)
    assert parse(body).message == "x" * room


def test_characters_count_not_bytes() -> None:
    text = "é" * 100_000
    data = json.dumps([{"status": {"status": "success", "formattedMessage": message(text)}}], ensure_ascii=False)
    assert handler_status.parse(data.encode(), "n", 0).message == text


def test_a_large_file_loses_the_ends_of_its_texts() -> None:
    found = parse(
        {
            "status": "success",
            "formattedMessage": message("m" * 1024),
            "substatus": [
                {"name": "n" * 10240, "status": "success", "formattedMessage": message("s" * 140_000)},
                {"name": "n" * 10239, "status": "success", "formattedMessage": message(None)},
                {"name": None, "status": "success"},
            ],
        }
    )
    assert found.message == "m" * 1024 + " ... [TRUNCATED]"
    assert found.substatus[0].name == "n" * 10240 + " ... [TRUNCATED]"
    assert found.substatus[0].message == "s" * 10240 + " ... [TRUNCATED]"
    assert (found.substatus[1].name, found.substatus[1].message) == ("n" * 10239, "")
    assert found.substatus[2].name == ""


def test_a_large_file_drops_substatuses_from_the_first_that_passes_the_total() -> None:
    entries = [{"name": f"{i}", "status": "success", "formattedMessage": message("s" * 20_000)} for i in range(20)]
    found = parse({"status": "success", "formattedMessage": message(None), "substatus": entries})
    assert found.message == ""
    assert [each.name for each in found.substatus] == [f"{i}" for i in range(12)]
    total = sum(len(each.name or "") + len(each.message or "") for each in found.substatus)
    assert total <= handler_status.FILE_LIMIT < total + 10_257 + 2


def test_statuses_on_behalf_of_the_extension() -> None:
    missing = handler_status.missing("A.B", 2, "/s/2.status")
    assert (missing.status, missing.code) == ("transitioning", 0)
    assert "/s/2.status" in (missing.message or "")
    unreadable = handler_status.unreadable("A.B", 2, "/s/2.status", "Permission denied")
    assert (unreadable.status, unreadable.code) == ("error", -1)
    assert all(part in (unreadable.message or "") for part in ("/s/2.status", "2", "Permission denied"))


def test_what_is_not_json_is_quoted_redacted_and_cut() -> None:
    data = b"https://b.blob/x?sv=1&sig=SECRET " + b"x" * 5000 + b"END"
    with pytest.raises(NotJson) as failure:
        handler_status.parse(data, "n", 0)
    status = handler_status.invalid("n", 0, "/s/0.status", failure.value, data)
    assert (status.status, status.code) == ("error", 1012)
    assert "xxxx" in (status.message or "") and "END" not in (status.message or "")
    assert "SECRET" not in (status.message or "")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.sampled_from(handler_status.WORDS),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(("status", "formattedMessage", "lang", "message", "substatus", "code", "name")), inner, max_size=5
        )
    ),
    max_leaves=12,
)


@given(st.binary() | VALUES.map(lambda value: json.dumps([{"status": value}]).encode()))
def test_hostile_bytes_give_a_status_that_can_be_sent_or_a_document_failure(data: bytes) -> None:
    try:
        found = handler_status.parse(data, "n", 0)
    except DocumentFailure as failure:
        found = handler_status.invalid("n", 0, "/p", failure, data)
    assert json.dumps(status_blob._extension(found))
