"""The versions a wire server speaks (codec.versions)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.codec.inbound import HOSTILE, MARK, damaged, example, value_or_document_failure
from waagent.codec.versions import parse
from waagent.model.failure import DocumentFailure

EXAMPLE = example("versions.xml")


def test_the_preferred_version_comes_first_and_each_once() -> None:
    assert parse(EXAMPLE) == parse(MARK + EXAMPLE) == ("2015-04-05", "2012-11-30", "2010-12-15")


def test_a_version_that_is_no_date_is_text_like_any_other() -> None:
    assert parse(b"<Versions><Supported><Version> 2010-28-10 </Version><Version/></Supported></Versions>") == ("2010-28-10",)


@pytest.mark.parametrize("data", HOSTILE, ids=range(len(HOSTILE)))
def test_another_document_is_refused(data: bytes) -> None:
    with pytest.raises(DocumentFailure):
        parse(data)


@given(st.binary() | damaged(EXAMPLE))
def test_any_bytes_give_versions_or_a_document_failure(data: bytes) -> None:
    found = value_or_document_failure(parse, data)
    assert found is None or all(isinstance(version, str) and version for version in found)
