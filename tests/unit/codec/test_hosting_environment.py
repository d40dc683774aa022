"""HostingEnvironmentConfig (codec.hosting_environment)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.codec.inbound import MARK, damaged, example, value_or_document_failure
from waagent.codec.hosting_environment import parse
from waagent.model.failure import DocumentFailure
from waagent.model.goal_state import HostingEnvironment

EXAMPLE = example("hosting_environment.xml")


def test_the_three_names_are_read() -> None:
    expected = HostingEnvironment("_labvm01", "LabRole", "5f5f5f5f5f5f4e4e8d8d3c3c3c3c3c3c")
    assert parse(EXAMPLE) == parse(MARK + EXAMPLE) == expected


def test_what_newer_fabrics_leave_out_is_none() -> None:
    modern = (
        b'<HostingEnvironmentConfig><StoredCertificates/><Incarnation number="1" instance="_vm"/></HostingEnvironmentConfig>'
    )
    assert parse(modern) == HostingEnvironment(vm_name="_vm")
    assert parse(b"<HostingEnvironmentConfig/>") == HostingEnvironment()


def test_what_is_no_xml_is_refused() -> None:
    with pytest.raises(DocumentFailure, match=r"^HostingEnvironmentConfig\.xml: "):
        parse(b"")


@given(st.binary() | damaged(EXAMPLE))
def test_any_bytes_give_names_or_a_document_failure(data: bytes) -> None:
    value_or_document_failure(parse, data)
