"""Text for XML that we write (codec.xml_text)."""

from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from waagent.codec import xml_text


@given(st.text())
def test_content_and_attributes_read_back_as_the_legal_text(text: str) -> None:
    element = ElementTree.fromstring(f"<a b={xml_text.attribute(text)}>{xml_text.content(text)}</a>")
    legal = xml_text.legal(text)
    assert element.get("b") == legal
    assert (element.text or "") == legal.replace("\r\n", "\n").replace("\r", "\n")


def test_forbidden_characters_become_the_replacement_character() -> None:
    assert xml_text.legal("a\0b\x1f\ufffe\ud800\t\n") == "a\ufffdb\ufffd\ufffd\ufffd\t\n"
