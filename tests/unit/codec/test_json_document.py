"""JSON from outside (codec.json_document)."""

import pytest

from waagent.codec.json_document import NotJson, dump, first, load, text
from waagent.model.failure import DocumentFailure


def test_a_byte_order_mark_and_padding_are_tolerated() -> None:
    assert load(b'\xef\xbb\xbf{"a": "\xc3\xa9"}\0\0', "x") == {"a": "é"}


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"NaN", b"[Infinity]", b"1e999", b"\xff", b"[" * 200000, b"9" * 5000, b'{"a":1}x', b"\0", b"-1e400"],
    ids=range(11),
)
def test_what_is_not_json_is_named(data: bytes) -> None:
    with pytest.raises(NotJson, match=r"^x: not JSON"):
        load(data, "x")


@pytest.mark.parametrize("data", [b"{}", b"null", b"[]", b"1"])
def test_the_first_element_needs_an_array_that_has_one(data: bytes) -> None:
    with pytest.raises(DocumentFailure):
        first(data, "x")


def test_output_is_ascii_on_one_line() -> None:
    assert dump({"a": "é\n", "b": [1.0, None, True]}) == b'{"a": "\\u00e9\\n", "b": [1.0, null, true]}'


@pytest.mark.parametrize(("value", "expected"), [(None, None), ("a", "a"), (1, "1"), ({"a": [True]}, '{"a": [true]}')])
def test_other_values_become_text(value: object, expected: str | None) -> None:
    assert text(value) == expected
