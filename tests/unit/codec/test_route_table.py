"""The kernel's routing table (codec.route_table)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waagent.codec.route_table import parse
from waagent.model.network import RouteEntry

HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
LINE = "eth0\t10813FA8\t0100140A\t0007\t0\t0\t100\tFFFFFFFF\t0\t0\t0\n"


def test_addresses_are_read_from_the_lowest_byte_and_flags_as_hexadecimal() -> None:
    assert parse(HEAD + LINE) == (RouteEntry("eth0", "168.63.129.16", "10.20.0.1", "255.255.255.255", 7, 100),)


def test_columns_are_found_by_their_names() -> None:
    text = "Mask Iface Metric Flags Gateway Destination\n00000000 ib0 5 003A 0100140A 00000000\n"
    assert parse(text) == (RouteEntry("ib0", "0.0.0.0", "10.20.0.1", "0.0.0.0", 0x3A, 5),)


@pytest.mark.parametrize(
    "line", ["", "eth0", LINE.replace("10813FA8", "x"), LINE.replace("10813FA8", "1081"), LINE.replace("\t100\t", "\tx\t")]
)
def test_a_line_that_cannot_be_read_is_left_out(line: str) -> None:
    assert len(parse(HEAD + line + "\n" + LINE)) == 1


@pytest.mark.parametrize("text", ["", "\n", "Iface\n" + LINE, LINE])
def test_another_table_has_no_routes(text: str) -> None:
    assert parse(text) == ()


@given(st.text())
def test_any_text_gives_routes(text: str) -> None:
    assert isinstance(parse(text), tuple)
    assert isinstance(parse(HEAD + text), tuple)
