"""Other content in some elements, everything else byte for byte (codec.xml_rewrite)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.codec.inbound import HOSTILE, example, value_or_document_failure
from waagent.codec.xml_rewrite import rewrite
from waagent.model.failure import DocumentFailure


def shout(data: str) -> str:
    return rewrite(data.encode(), "x", {"b"}, lambda name, text: f"{name}:{text.upper()}").decode()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("<a><b>c</b></a>", "<a><b>b:C</b></a>"),
        ("<a>\n <b  d='e' >c</b >\n</a >", "<a>\n <b  d='e' >b:C</b >\n</a >"),
        ('<a xmlns:p="u"><p:B>c</p:B></a>', '<a xmlns:p="u"><p:B>b:C</p:B></a>'),
        ("<a><b><![CDATA[c<d]]>e&amp;</b></a>", "<a><b>b:C&lt;DE&amp;</b></a>"),
        ("<a><b>c<b>d</b>e</b><b>f</b></a>", "<a><b>b:CDE</b><b>b:F</b></a>"),
        ("<a><b/><b></b><b><!-- c --></b></a>", "<a><b/><b></b><b></b></a>"),
        ("<a>c<!-- d --><e>f</e><![CDATA[g]]>&lt;<?h i?></a>", "<a>c<e>f</e><![CDATA[g]]>&lt;<?h i?></a>"),
    ],
)
def test_only_the_content_of_the_named_elements_changes(before: str, after: str) -> None:
    assert shout(before) == after


def test_another_encoding_is_kept() -> None:
    data = "<a>é<b>c</b></a>"
    changed = {"b": "ü"}
    for encoding in ("utf-16", "utf-16-be", "utf-8"):
        whole = f'<?xml version="1.0" encoding="{encoding[:6]}"?>{data}'
        copy = rewrite(whole.encode(encoding), "x", {"b"}, lambda name, text: changed[name])
        assert copy.decode(encoding) == whole.replace("<b>c", "<b>&#252;" if encoding == "utf-8" else "<b>ü")


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1))
def test_the_text_given_is_the_text_of_the_document(text: str) -> None:
    legal = text.replace("\ufffe", "").replace("\uffff", "")
    escaped = legal.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    seen: list[str] = []
    rewrite(f"<a><b>{escaped}</b></a>".encode(), "x", {"b"}, lambda name, said: seen.append(said) or "")
    assert seen == ([legal] if legal else [])


@pytest.mark.parametrize("name", ["goal_state.xml", "extensions_config.xml", "hosting_environment.xml"])
def test_without_names_the_complete_examples_stay_as_they_are(name: str) -> None:
    assert rewrite(example(name), "x", (), lambda name, text: "") == example(name).strip()


def test_what_cannot_be_read_is_refused() -> None:
    with pytest.raises(DocumentFailure):
        rewrite(b"<a><b>c</a>", "x", {"b"}, lambda name, text: "")


@given(st.binary() | st.sampled_from(HOSTILE))
def test_any_bytes_give_a_document_or_a_document_failure(data: bytes) -> None:
    value_or_document_failure(lambda each: rewrite(each, "x", {"a", "b"}, lambda name, text: "*"), data)
