"""The machine's own network under the agent: its cards, its DHCP client, its name, each with the real programs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fabriclab.guests.root import RootUnavailable
from fabriclab.journal.journal import Journal
from fabriclab.scenario import document
from fabriclab.scenario.document import Scenario
from fabriclab.scenario.execution import execute
from fabriclab.scenario.outcome import Result
from scenarios import labs, systemd_labs

LIBRARY = labs.PROJECT / "src/fabriclab/scenario/library"

in_a_debian_root = [*labs.in_a_guest, pytest.mark.registry, pytest.mark.timeout(600), pytest.mark.slow]
on_systemd = [*systemd_labs.on_systemd, pytest.mark.timeout(600), pytest.mark.slow]


def played(scenario: Scenario, *, systemd: bool = False) -> Result:
    used = systemd_labs.adapter_of() if systemd else labs.adapter.find("ours")
    try:
        return execute(scenario, used, Journal(), lambda event: None, lambda text: None)
    except RootUnavailable as problem:
        pytest.skip(f"no root with this client: {problem}")


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=labs.in_a_guest) for name in ("two-nics", "net-rules")]
    + [pytest.param("dhcp-client-restart", marks=[*labs.in_a_guest, pytest.mark.timeout(240)])]
    + [pytest.param("host-name-renamed", marks=in_a_debian_root)],
)
def test_a_scenario_of_the_library_holds(name: str) -> None:
    assert labs.not_held(played(document.find(name))) == []


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=on_systemd) for name in ("host-name-renamed", "dhcp-discovery", "not-azure", "pool-running")],
)
def test_a_scenario_holds_where_networkd_runs_the_network(name: str) -> None:
    assert labs.not_held(played(document.find(name), systemd=True)) == []


# -- the other clients, each asked in its own way

DHCPCD = "dhcpcd -q -w eth0"
NETWORKMANAGER = (
    "nmcli connection add type ethernet ifname eth0 con-name lab ipv4.method auto ipv6.method disabled && "
    "nmcli --wait 20 connection up lab && systemctl show -p ActiveEnterTimestampMonotonic NetworkManager >/run/manager"
)
UNMANAGED = r"""
[machine.files]
"/etc/systemd/network/05-leave-it-alone.network" = "[Match]\nName=eth0\n\n[Link]\nUnmanaged=yes\n"
"/etc/systemd/system/systemd-networkd-wait-online.service.d/lab.conf" = "[Service]\nExecStart=\nExecStart=/bin/true\n"
"""
NOT_RESTARTED = """
[[expect]]
at = "later"
about = "NetworkManager was not restarted"
command = "systemctl show -p ActiveEnterTimestampMonotonic NetworkManager | diff - /run/manager"
"""


def renamed(place: Path, package: str, begin: str, machine: str = "", more: str = "") -> Scenario:
    """The library's scenario with another client, which a command begins."""
    text = (LIBRARY / "host-name-renamed.toml").read_text().replace("isc-dhcp-client", package)
    text, count = re.subn(r'command = "\[ -d /run/systemd/system \].*"', lambda match: f"command = '''{begin}'''", text)
    assert count == 1
    return labs.scenario_of(place, text.replace("[ovf]", f"{machine}\n[ovf]", 1) + more)


CLIENTS = [
    pytest.param("dhcpcd5", DHCPCD, "", "", False, marks=in_a_debian_root, id="dhcpcd"),
    pytest.param("network-manager", NETWORKMANAGER, UNMANAGED, NOT_RESTARTED, True, marks=on_systemd, id="NetworkManager"),
]


@pytest.mark.parametrize(("package", "begin", "machine", "more", "systemd"), CLIENTS)
def test_a_new_name_is_told_by_other_clients(
    tmp_path: Path, package: str, begin: str, machine: str, more: str, systemd: bool
) -> None:
    assert labs.not_held(played(renamed(tmp_path, package, begin, machine, more), systemd=systemd)) == []
