"""The Certificates document (codec.certificates)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.codec.inbound import HOSTILE, MARK, damaged, example, value_or_document_failure
from waagent.codec.certificates import CertificatesDocument, parse
from waagent.model.failure import DocumentFailure

EXAMPLE = example("certificates.xml")


def test_format_and_data_are_read_with_the_lines_of_the_sender() -> None:
    found = parse(EXAMPLE)
    assert parse(MARK + EXAMPLE) == found
    assert found.format == "Pkcs7BlobWithPfxContents"
    assert found.data is not None
    assert [len(line) for line in found.data.splitlines()] == [64, 64]


@pytest.mark.parametrize("inner", ["", "<Data/><Format/>", "<Data>\n</Data><Format> </Format>"])
def test_no_data_and_no_format_are_no_error(inner: str) -> None:
    assert parse(f"<CertificateFile>{inner}</CertificateFile>".encode()) == CertificatesDocument(None, None)


def test_another_format_is_passed_on() -> None:
    assert (
        parse(EXAMPLE.replace(b"Pkcs7BlobWithPfxContents", b"CertificatesNonPfxPackage")).format == "CertificatesNonPfxPackage"
    )


@pytest.mark.parametrize("data", HOSTILE, ids=range(len(HOSTILE)))
def test_another_document_is_refused(data: bytes) -> None:
    with pytest.raises(DocumentFailure, match=r"^Certificates\.xml: "):
        parse(data)


@given(st.binary() | damaged(EXAMPLE))
def test_any_bytes_give_a_value_or_a_document_failure(data: bytes) -> None:
    value_or_document_failure(parse, data)
