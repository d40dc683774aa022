"""The artifacts profile (codec.artifacts_profile)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.codec.inbound import value_or_document_failure
from waagent.codec.artifacts_profile import on_hold
from waagent.model.failure import DocumentFailure


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (
            b'{"inVMArtifactsProfileBlobSeqNo": 3, "profileId": "labProfile", "onHold": false, "certificateThumbprint": "x"}',
            False,
        ),
        (b'{"onHold": true}', True),
        (b'{"onHold": "True"}', True),
        (b'{"onHold": "FALSE"}', False),
        (b'\xef\xbb\xbf{"onHold": true}', True),
        (b'{"onHold": true}\r\n \0\0\n\0', True),
        (b"{}", False),
        (b"", False),
        (b"\0" * 512, False),
        (b" \n\0 ", False),
    ],
)
def test_only_the_flag_matters_and_padding_does_not(data: bytes, expected: bool) -> None:
    assert on_hold(data) is expected


@pytest.mark.parametrize("data", [b"{", b"[]", b"null", b'{"onHold": 1}', b'{"onHold": null}', b'{"onHold": "yes"}', b"\xff"])
def test_anything_else_is_an_error_that_names_the_document(data: bytes) -> None:
    with pytest.raises(DocumentFailure, match=r"^InVMArtifactsProfileBlob: "):
        on_hold(data)


@given(st.binary())
def test_any_bytes_give_a_flag_or_a_document_failure(data: bytes) -> None:
    assert value_or_document_failure(on_hold, data) in (True, False, None)
