"""Our own DHCP exchange, byte by byte (codec.dhcp_packet)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.codec.inbound import value_or_document_failure
from waagent.codec import dhcp_packet
from waagent.model.failure import DocumentFailure
from waagent.model.network import DhcpOffer, Route

XID = b"\x01\x02\x03\x04"
MAC = b"\x00\x15\x5d\x0a\x1b\x2c"
FABRIC = "f504a83f8110"


def answer(options: str = "", xid: bytes = XID, mac: bytes = MAC, cookie: str = "63825363") -> bytes:
    """As the recipe for an emulator says: 236 bytes of BOOTP, the cookie, the options."""
    head = bytearray(236)
    head[0:3] = b"\x02\x01\x06"
    head[4:8] = xid
    head[28:34] = mac
    return bytes(head) + bytes.fromhex(cookie + "350102" + options + "ff")


def parse(data: bytes) -> DhcpOffer:
    return dhcp_packet.parse_offer(data, XID, MAC)


@pytest.mark.parametrize(("broadcast", "flags"), [(False, 0), (True, 0x80)])
def test_the_question_is_the_packet_of_the_protocol(broadcast: bool, flags: int) -> None:
    packet = dhcp_packet.discover(XID, MAC, broadcast)
    assert len(packet) == 244
    expected = {
        0: 1,
        1: 1,
        2: 6,
        10: flags,
        0xEC: 0x63,
        0xED: 0x82,
        0xEE: 0x53,
        0xEF: 0x63,
        0xF0: 53,
        0xF1: 1,
        0xF2: 1,
        0xF3: 255,
    }
    expected.update({4 + place: byte for place, byte in enumerate(XID)})
    expected.update({0x1C + place: byte for place, byte in enumerate(MAC)})
    assert dict(enumerate(packet)) == {place: expected.get(place, 0) for place in range(244)}


def test_the_recipe_for_an_emulator_is_read() -> None:
    data = answer("3604a83f8110" + FABRIC + "03040a140001" + "0104ffffff00" + "3304ffffffff")
    assert parse(data) == DhcpOffer("168.63.129.16", "10.20.0.1", ())


@pytest.mark.parametrize("code", ["79", "f9"])
def test_classless_routes_come_by_either_number(code: str) -> None:
    routes = "00" + "0a140001" + "20a83f8110" + "0a140001" + "17c0a802" + "0a140002"
    data = answer(f"{code}{len(routes) // 2:02x}{routes}")
    assert parse(data).routes == (
        Route("0.0.0.0/0", "10.20.0.1"),
        Route("168.63.129.16/32", "10.20.0.1"),
        Route("192.168.2.0/23", "10.20.0.2"),
    )


@pytest.mark.parametrize("routes", ["21a83f8110000a140001", "20a83f81", "08"])
def test_routes_end_where_they_make_no_sense(routes: str) -> None:
    good = "080a0a140001"
    data = good + routes
    assert parse(answer(f"f9{len(data) // 2:02x}{data}")).routes == (Route("10.0.0.0/8", "10.20.0.1"),)


def test_a_pad_is_one_byte_and_an_option_of_another_length_says_nothing() -> None:
    assert parse(answer("0000" + FABRIC)).endpoint == "168.63.129.16"
    assert parse(answer("f505a83f811000" + "0302" + "0a14")) == DhcpOffer()
    assert parse(answer("03080a1400010a140002")).gateway == "10.20.0.1"


def test_an_option_that_is_cut_off_ends_the_options() -> None:
    assert parse(answer(FABRIC + "03ff")).endpoint == "168.63.129.16"
    assert parse(answer(FABRIC + "f9")[:-1]).endpoint == "168.63.129.16"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        answer()[:245],
        answer(FABRIC, xid=b"zzzz"),
        answer(FABRIC, mac=b"zzzzzz"),
        answer(FABRIC, cookie="00000000"),
    ],
)
def test_an_answer_that_is_too_short_or_for_another_machine_is_refused(data: bytes) -> None:
    with pytest.raises(DocumentFailure, match=r"^DHCP answer: "):
        parse(data)


@given(st.binary(max_size=100))
def test_no_options_surprise(options: bytes) -> None:
    found = value_or_document_failure(parse, answer()[:-1] + options)
    assert found is None or isinstance(found, DhcpOffer)


@given(st.binary(max_size=300))
def test_any_bytes_give_an_offer_or_a_document_failure(data: bytes) -> None:
    value_or_document_failure(parse, data)
    dhcp_packet.kept(data)
