"""Option 245 in lease files (codec.leases)."""

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waagent.codec import leases

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
FABRIC = "168.63.129.16"


def block(value: str = "a8:3f:81:10", expire: str = "expire never;", option: str = "unknown-245") -> str:
    return f'lease {{\n  interface "eth0";\n  option {option} {value};\n  option routers 10.0.0.1;\n  {expire}\n}}\n'


def found(*texts: str) -> str | None:
    return leases.endpoint_from_dhclient(texts, NOW)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a8:3f:81:10", FABRIC),
        ("A8:3F:81:10", FABRIC),
        ("a8:3f:81:a", "168.63.129.10"),
        ("a83f8110", FABRIC),
        ('"ABCD"', "65.66.67.68"),
        ('"\\250?\\201\\020"', FABRIC),
        ('"A;}\\""', "65.59.125.34"),
        ('"\\\\BCD"', "92.66.67.68"),
        ("a8:3f:81", None),
        ("a8:3f:81:100", None),
        ("a8:3f:81:10:0", None),
        ('"ABC"', None),
        ('"\\777BCD"', None),
        ('"ABCÿ€"', None),
        ("", None),
    ],
)
def test_an_address_is_four_hex_pairs_or_four_printable_bytes(value: str, expected: str | None) -> None:
    assert found(block(value)) == expected


@pytest.mark.parametrize(
    ("expire", "valid"),
    [
        ("expire never;", True),
        ("expire 0 never;", True),
        ("expire 5 2026/01/02 03:04:06;", True),
        ("expire 5 2026/01/02 03:04:05;", False),
        ("expire 5 2025/12/31 23:59:59;", False),
        ("expire 5 2026/01/02 03:04:06 UTC;", True),
        ("expire 5 2026/01/02 03:04:06 CET;", False),
        ("expire epoch 4102444800; # Fri Jan  1 00:00:00 2100", True),
        ("expire epoch 1;", False),
        ("expire 5 2026/13/02 03:04:06;", False),
        ("expire soon;", False),
        ("renew never;", False),
    ],
)
def test_a_lease_counts_until_it_expires_and_not_without_a_time(expire: str, valid: bool) -> None:
    assert found(block(expire=expire)) == (FABRIC if valid else None)


def test_the_last_valid_block_wins_over_all_files() -> None:
    first, second = block("01:02:03:04"), block("05:06:07:08")
    expired, without = block("09:09:09:09", "expire 5 2020/01/01 00:00:00;"), block(option="domain-name")
    assert found(first + second + expired, without) == "5.6.7.8"
    assert found(second, first) == "1.2.3.4"


def test_only_a_whole_block_counts() -> None:
    assert found(block().replace("}", "")) is None
    assert found(block().replace("lease {", "")) is None
    assert found("") is found() is None


def test_openbsd_has_another_name_of_the_option_and_a_zone() -> None:
    text = block(option="option-245", expire="expire 5 2026/01/02 03:04:06 UTC;")
    assert leases.endpoint_from_openbsd([text], NOW) == FABRIC
    assert leases.endpoint_from_openbsd([block()], NOW) is None


def test_networkd_has_eight_digits_on_a_line() -> None:
    assert leases.endpoint_from_networkd(["ADDRESS=10.0.0.4\n", "# x\nOPTION_245=a83f8110\nT1=5\n"]) == FABRIC
    assert leases.endpoint_from_networkd(["OPTION_245=a83f81\nXOPTION_245=a83f8110\n"]) is None


def test_networkmanager_has_a_private_option() -> None:
    assert leases.endpoint_from_networkmanager(["DHCP4.OPTION[9]:  private_245 = a8:3f:81:10\n"]) == FABRIC
    assert leases.endpoint_from_networkmanager(["private_245 = x", "private_2450 = a8:3f:81:10"]) is None


def test_dhcpcd_keeps_the_packet() -> None:
    packet = bytes(236) + bytes.fromhex("63825363" + "350105" + "f504a83f8110" + "ff")
    assert leases.endpoint_from_dhcpcd(packet) == FABRIC
    assert leases.endpoint_from_dhcpcd(packet[:100]) is None


@given(st.text() | st.text(alphabet='lease {}\n"\\;option unkw-245:0af'))
def test_any_text_gives_an_address_or_none(text: str) -> None:
    for read in (leases.endpoint_from_networkd, leases.endpoint_from_networkmanager):
        read([text])
    for read_until in (leases.endpoint_from_dhclient, leases.endpoint_from_openbsd):
        read_until([text, block(text.replace("\n", ""))], NOW)
