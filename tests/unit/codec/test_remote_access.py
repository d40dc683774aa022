"""The just-in-time users (codec.remote_access)."""

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.codec.inbound import HOSTILE, MARK, damaged, example, value_or_document_failure
from waagent.codec.remote_access import parse
from waagent.model.failure import DocumentFailure
from waagent.model.goal_state import RemoteAccess, RemoteUser

EXAMPLE = example("remote_access.xml")
NOON = datetime(2026, 1, 2, 12, tzinfo=timezone.utc)


def user(inner: str) -> RemoteUser:
    data = f"<RemoteAccess><Users><User><Name>labjit</Name>{inner}</User></Users></RemoteAccess>"
    (found,) = parse(data.encode()).users
    return found


def test_the_complete_example_is_read_whole() -> None:
    expected = RemoteUser("labjit", "MIIBLABcipher==", NOON, "Fri, 02 Jan 2026 12:00:00 UTC")
    assert parse(EXAMPLE) == parse(MARK + EXAMPLE) == RemoteAccess("1", "1", (expected,))


@pytest.mark.parametrize("inner", ["", "<Users/>", "<Users><User><Name/></User></Users>"])
def test_there_may_be_no_user(inner: str) -> None:
    assert parse(f"<RemoteAccess>{inner}</RemoteAccess>".encode()) == RemoteAccess("", "")


def test_a_password_loses_the_line_breaks_of_its_base64() -> None:
    assert user("<Password>\nMII\n BLAB\n</Password>").encrypted_password == "MIIBLAB"


@pytest.mark.parametrize(
    "text", ["Fri, 02 Jan 2026 12:00:00 UTC", "fri, 2 JAN 2026 12:0:0 GMT", "\n  Fri,  02 Jan 2026 12:00:00 UTC\n"]
)
def test_the_one_form_of_an_expiration_is_read(text: str) -> None:
    assert user(f"<Expiration>{text}</Expiration>").expiration == NOON


@pytest.mark.parametrize(
    "text",
    [
        "2019-01-01",
        "",
        "Fri, 02 Jan 2026 12:00:00",
        "Fri, 02 Jan 2026 12:00:00 CET",
        "Fri, 32 Jan 2026 12:00:00 UTC",
        "Fri, 02 Foo 2026 12:00:00 UTC",
        "Fri, 02 Jan 0000 12:00:00 UTC",
        "Fri, 02 Jan 2026 25:00:00 UTC",
        "Freitag, 02 Jan 2026 12:00:00 UTC",
    ],
)
def test_another_expiration_is_a_fault_of_that_user_only(text: str) -> None:
    found = user(f"<Expiration>{text}</Expiration>")
    assert (found.name, found.expiration, found.expiration_text) == ("labjit", None, text)


@pytest.mark.parametrize("data", HOSTILE, ids=range(len(HOSTILE)))
def test_another_document_is_refused(data: bytes) -> None:
    with pytest.raises(DocumentFailure, match=r"^RemoteAccess\.xml: "):
        parse(data)


@given(st.binary() | damaged(EXAMPLE))
def test_any_bytes_give_users_or_a_document_failure(data: bytes) -> None:
    value_or_document_failure(parse, data)
