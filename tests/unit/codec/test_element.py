"""XML from outside (codec.element)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.codec.inbound import HOSTILE, value_or_document_failure
from waagent.codec import element
from waagent.model.failure import DocumentFailure


@pytest.mark.parametrize("around", [b"%s", b"\xef\xbb\xbf%s", b"\n  %s\n", b"%s\0\0\0", b"\xef\xbb\xbf\r\n%s\0 "], ids=range(5))
def test_what_may_surround_a_document_is_tolerated(around: bytes) -> None:
    assert element.value(element.tree(around % b'<?xml version="1.0"?><a><b>c</b></a>', "x"), "b") == "c"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1"])
def test_a_declared_encoding_is_honoured(encoding: str) -> None:
    data = f'<?xml version="1.0" encoding="{encoding}"?><a><b>é</b></a>'.encode(encoding)
    assert element.value(element.tree(data, "x"), "b") == "é"


@pytest.mark.parametrize(
    "content", ["  c d\n", "<![CDATA[c d]]>", "c <!-- no -->d", "c<![CDATA[ d]]>", "<!-- no -->c d", "c <?no no?>d"]
)
def test_text_is_read_whole_through_cdata_comments_and_instructions(content: str) -> None:
    assert element.value(element.tree(f"<a><b>{content}</b></a>".encode(), "x"), "b") == "c d"


def test_names_count_without_their_namespace_and_the_first_in_document_order_wins() -> None:
    root = element.tree(b'<a xmlns="urn:x" xmlns:p="urn:y"><p:c><b>1</b></p:c><b>2</b></a>', "x", "a")
    assert element.value(root, "b") == "1"
    assert [element.text(each) for each in element.children(root, "b")] == ["2"]
    assert element.first(root, "a") is None


@pytest.mark.parametrize("content", ["", "<b/>", "<b></b>", "<b>  \n</b>"])
def test_missing_and_empty_are_the_same(content: str) -> None:
    root = element.tree(f"<a>{content}</a>".encode(), "x")
    assert element.value(root, "b") is None
    with pytest.raises(DocumentFailure, match=r"^x: a: the element b is missing or empty$") as caught:
        element.require(root, "b", "x", "a")
    assert (caught.value.document, caught.value.path) == ("x", "a")


def test_nothing_is_found_below_nothing() -> None:
    assert element.first(None, "a") is element.text(None) is element.attribute(None, "a") is element.value(None, "a") is None
    assert list(element.children(None, "a")) == []


def test_another_root_is_another_document() -> None:
    with pytest.raises(DocumentFailure, match="the root element is Error, not GoalState"):
        element.tree(b"<Error/>", "x", "GoalState")


@pytest.mark.parametrize("data", [*HOSTILE[:4], *HOSTILE[5:8]])
def test_what_is_not_xml_or_brings_a_document_type_is_refused(data: bytes) -> None:
    with pytest.raises(DocumentFailure, match=r"^x: not a well-formed XML document"):
        element.tree(data, "x")


@given(st.binary())
def test_any_bytes_give_elements_or_a_document_failure(data: bytes) -> None:
    value_or_document_failure(lambda each: element.tree(each, "x"), data)
