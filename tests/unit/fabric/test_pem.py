import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waagent.fabric.pem import der_length, is_private_key, rewrap, split_pem, thumbprint


def block(label: str, der: bytes, before: str = "") -> str:
    return f"{before}-----BEGIN {label}-----\n{rewrap(base64.b64encode(der).decode())}\n-----END {label}-----\n"


@given(st.lists(st.tuples(st.sampled_from(["CERTIFICATE", "PRIVATE KEY"]), st.binary(min_size=1, max_size=200)), max_size=5))
def test_blocks_come_back_in_order_with_their_payload(blocks: list[tuple[str, bytes]]) -> None:
    text = "".join(block(label, der, "Bag Attributes\n    localKeyID: 01 00 00 00\n") for label, der in blocks)
    found = split_pem(text)
    assert [(each.label, each.der) for each in found] == blocks
    assert "".join(each.text for each in found) == text


def test_a_block_whose_payload_is_no_base64_is_left_out() -> None:
    assert split_pem("-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n") == ()


@pytest.mark.parametrize("label", ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"])
def test_keys_of_every_form_are_private_keys(label: str) -> None:
    assert is_private_key(split_pem(block(label, b"x"))[0])


@pytest.mark.parametrize("label", ["EC PARAMETERS", "CERTIFICATE"])
def test_other_blocks_are_no_keys(label: str) -> None:
    assert not is_private_key(split_pem(block(label, b"x"))[0])


def test_a_thumbprint_is_sha1_in_upper_case() -> None:
    (found,) = split_pem(block("CERTIFICATE", b"abc"))
    assert thumbprint(found) == "A9993E364706816ABA3E25717850C26C9CD0D89D"


def test_a_key_never_prints() -> None:
    (found,) = split_pem(block("PRIVATE KEY", b"secret"))
    assert repr(found) == "<PRIVATE KEY>"


@pytest.mark.parametrize(
    ("data", "length"),
    [
        (b"", None),
        (b"\x30", None),
        (b"\x02\x01\x00", None),
        (b"\x30\x03abc", 5),
        (b"\x30\x81\x80", 131),
        (b"\x30\x82\x01\x00", 260),
        (b"\x30\x85\x01\x00\x00\x00\x00", None),
        (b"\x30\x82\x01", None),
        (b"\x30\x80abc", 5),
    ],
)
def test_the_length_a_der_value_announces(data: bytes, length: int | None) -> None:
    assert der_length(data) == length
