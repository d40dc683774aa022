"""Gateway and classless routes in the lease files of DHCP clients."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waagent.codec import lease_routes
from waagent.model.network import DhcpOffer, Route

NOW = datetime(2026, 3, 1, tzinfo=timezone.utc)
WIRE = Route("168.63.129.16/32", "10.0.0.1")
META = Route("169.254.169.254/32", "10.0.0.1")
EVERYWHERE = Route("0.0.0.0/0", "10.0.0.1")


def block(*lines: str, expire: str = "expire never;") -> str:
    return "lease {\n  " + "\n  ".join((*lines, expire)) + "\n}\n"


@pytest.mark.parametrize(
    "lines",
    [
        ("option unknown-249 20:a8:3f:81:10:a:0:0:1:20:a9:fe:a9:fe:a:0:0:1;",),
        ("option rfc3442-classless-static-routes 32,168,63,129,16,10,0,0,1,32,169,254,169,254,10,0,0,1;",),
        ("option ms-classless-static-routes 32,168,63,129,16,10,0,0,1,32,169,254,169,254,10,0,0,1;", "option time-offset 1;"),
        ("option classless-static-routes 168.63.129.16/32 10.0.0.1, 169.254.169.254/32 10.0.0.1;",),
    ],
    ids=["no name", "numbers", "another name", "OpenBSD"],
)
def test_routes_come_in_several_spellings(lines: tuple[str, ...]) -> None:
    text = block("option routers 10.0.0.1,10.0.0.2;", *lines)
    assert lease_routes.from_dhclient([text], NOW) == DhcpOffer(None, "10.0.0.1", (WIRE, META))


def test_the_last_block_that_has_not_expired_and_names_a_way_counts() -> None:
    old = block("option routers 10.0.0.9;", expire="expire 0 2026/02/28 00:00:00;")
    first, last, empty = block("option routers 10.0.0.7;"), block("option routers 10.0.0.8;"), block("option routers x;")
    assert lease_routes.from_dhclient([first + last, empty + old], NOW) == DhcpOffer(None, "10.0.0.8")
    assert lease_routes.from_dhclient([old], NOW) is None


def test_networkd_writes_pairs() -> None:
    text = (
        "ADDRESS=10.0.0.4\nROUTER=10.0.0.1\nROUTES=168.63.129.16/32,10.0.0.1 169.254.169.254/32,10.0.0.1\nOPTION_245=a83f8110\n"
    )
    assert lease_routes.from_networkd(["ADDRESS=1.2.3.4\n", text]) == DhcpOffer(None, "10.0.0.1", (WIRE, META))
    assert lease_routes.from_networkd(["ADDRESS=10.0.0.4\n"]) is None


def test_networkmanager_prints_its_options() -> None:
    text = "DHCP4.OPTION[9]:   ms_classless_static_routes = 0.0.0.0/0 10.0.0.1 168.63.129.16/32 10.0.0.1\n"
    text += "DHCP4.OPTION[12]:  routers = 10.0.0.1\n"
    assert lease_routes.from_networkmanager([text]) == DhcpOffer(None, "10.0.0.1", (EVERYWHERE, WIRE))


@given(
    st.lists(
        st.text(
            alphabet=st.sampled_from('lease{}option routers unknown-249classless:,;./0123456789aF"\\n =ROUTES'), max_size=80
        )
    )
)
def test_any_text_gives_routes_between_addresses_or_none(lines: list[str]) -> None:
    texts = ["\n".join(lines), "lease {\n expire never;\n option " + "\n option ".join(lines) + "\n}\n"]
    for found in (
        lease_routes.from_dhclient(texts, NOW),
        lease_routes.from_networkd(texts),
        lease_routes.from_networkmanager(texts),
    ):
        for route in found.routes if found else ():
            network, bits = route.destination.split("/")
            assert int(bits) <= 32
            for address in (network, route.gateway):
                assert [0 <= int(part) < 256 for part in address.split(".")] == [True] * 4
