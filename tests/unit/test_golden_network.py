"""What a new host name does on each family with each of its DHCP clients, as JSON to review (``pytest --regenerate-golden``).

Each file holds the client that runs, the steps that keep the name and have the client send it, and what the client is asked.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from unit.fakes import FakeSockets, MemoryFiles, ScriptedCommands
from unit.fakes import system as fake_system
from unit.guest.test_dhcp_client import process
from unit.test_golden_plans import BSD_FILES, COMMON, IFCFG, os_release, shown
from waagent.config.paths import Paths
from waagent.config.sections import Config
from waagent.duties import hostname, net_rules
from waagent.guest import dhcp_client
from waagent.guest.detect import detect

PATHS = Paths.of(Config())
DHCLIENT_ARGV = ["/sbin/dhclient", "-4", "-pf", "/run/dhclient.eth0.pid", "-lf", "/var/lib/dhcp/dhclient.eth0.leases", "eth0"]
DHCLIENT = process(700, DHCLIENT_ARGV) | {"/etc/dhcp/dhclient.conf": "timeout 300;\n", "/run/dhclient.eth0.pid": "700"}
NETWORKD = process(320, ["/lib/systemd/systemd-networkd"]) | {"/run/systemd/netif/leases/2": "ADDRESS=10.0.0.4\n"}
NETWORKMANAGER = process(510, ["/usr/sbin/NetworkManager", "--no-daemon"])
WICKED = process(610, ["/usr/lib/wicked/bin/wickedd-dhcp4", "--systemd", "--foreground"])
NETCONFIG = {"/etc/sysconfig/network/dhcp": 'DHCLIENT_HOSTNAME_OPTION="old"\n'}
DHCPCD = process(410, ["dhcpcd: [manager] [ip4]"], name="dhcpcd") | {"/etc/dhcpcd.conf": "duid\n\n#hostname\n"}
UDHCPC = process(420, ["udhcpc", "-p", "/var/run/udhcpc-eth0.pid", "-i", "eth0"])
SUSE11 = {"/etc/SuSE-release": "SUSE Linux Enterprise Server 11 (x86_64)\nVERSION = 11\n"}

SYSTEMD = ["hostnamectl", "systemctl", "networkctl"]
CASES: dict[str, tuple[dict[str, str], list[str]]] = {
    "debian-dhclient": (os_release("debian", "12") | DHCLIENT, SYSTEMD),
    "debian-networkd": (os_release("debian", "13") | NETWORKD, SYSTEMD),
    "ubuntu14-dhclient": (os_release("ubuntu", "14.04") | DHCLIENT, []),
    "ubuntu-networkd": (os_release("ubuntu", "24.04") | NETWORKD, SYSTEMD),
    "rhel6-dhclient": ({"/etc/redhat-release": "CentOS release 6.10 (Final)\n"} | IFCFG | DHCLIENT, []),
    "rhel7-networkmanager": (os_release("centos", "7") | IFCFG | NETWORKMANAGER, [*SYSTEMD, "nmcli"]),
    "rhel9-networkmanager": (os_release("rhel", "9.4") | NETWORKMANAGER, [*SYSTEMD, "nmcli"]),
    "fedora-networkmanager": (os_release("fedora", "43") | NETWORKMANAGER, [*SYSTEMD, "nmcli"]),
    "suse11-dhcpcd": (SUSE11 | process(410, ["dhcpcd", "eth0"]), ["dhcpcd"]),
    "suse-wicked": (os_release("sles", "15.6") | NETCONFIG | WICKED, [*SYSTEMD, "ifup", "wicked"]),
    "suse-networkmanager": (os_release("opensuse-tumbleweed", "20260101") | NETWORKMANAGER, [*SYSTEMD, "nmcli"]),
    "azurelinux-networkd": (os_release("azurelinux", "3.0") | NETWORKD, SYSTEMD),
    "flatcar-networkd": (os_release("flatcar", "3815.2.0") | NETWORKD, SYSTEMD),
    "alpine-dhcpcd": (os_release("alpine", "3.19.1") | DHCPCD, ["dhcpcd"]),
    "alpine-udhcpc": (os_release("alpine", "3.19.1") | UDHCPC, []),
    "openwrt-udhcpc": (os_release("openwrt", "23.05") | UDHCPC, ["uci", "/etc/init.d/system"]),
    "freebsd-dhclient": ({"/etc/rc.conf": 'hostname="old"\n'}, ["/etc/rc.d/dhclient", "ifconfig"]),
    "openbsd-dhclient": ({}, ["/sbin/dhclient", "ifconfig"]),
    "default-no-client": (os_release("gentoo", "2.14"), []),
}
KERNELS = {"freebsd": ("FreeBSD", "14.0-RELEASE"), "openbsd": ("OpenBSD", "7.4")}


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_new_host_name_is_kept_and_told_in_the_reviewed_way(name: str, golden: Callable[[str, Any], None]) -> None:
    given, tools = CASES[name]
    kernel = KERNELS.get(name.partition("-")[0])
    files = MemoryFiles((BSD_FILES if kernel else COMMON) | given)
    guest = detect(files, *(kernel or ("Linux", "6.1")))
    commands = ScriptedCommands(["hostname", "kill", *tools, *(argv.rpartition("/")[2] for argv in tools)])
    interface = "hn0" if kernel else "eth0"
    commands.on("nmcli", "-g", ..., stdout="System eth0\n").on("ifconfig", ..., stdout=f"{interface}\n")
    for word in ("nmcli", "systemctl", "networkctl", "kill", "ifup", "wicked", "dhcpcd", *tools, DHCLIENT_ARGV[0]):
        commands.on(word, ...)
    system = fake_system(files=files, commands=commands, sockets=FakeSockets(host_name="db-9"))
    plan = hostname.plan(system, guest, "db-9", interface)
    commands.calls.clear()
    done = dhcp_client.renew(system, guest, interface, renamed=True)
    asked = [list(argv) for argv in commands.lines if argv[:2] != ("nmcli", "-g")]
    clients = [] if kernel else [str(client) for client in dhcp_client.running(system, guest)]
    value = {
        "given": {"family": guest.family, "clients": clients, "tools": tools},
        "plan": [shown(action) for action in plan],
        "asked": asked,
        "done": done,
        "rules that tie names are moved away": guest.removes_net_rules,
    }
    assert not {"ifdown", "ip"} & {argv[0] for argv in asked}, "a link is never taken down"
    golden(f"network/{name}", json.loads(json.dumps(value)))


def test_rules_that_tie_names_are_moved_away_in_the_reviewed_way(golden: Callable[[str, Any], None]) -> None:
    files = MemoryFiles({path: f"{path}\n" for path in net_rules.RULES})
    steps = net_rules.plan(PATHS, net_rules.observe(fake_system(files=files)))
    golden("network/net-rules", json.loads(json.dumps([shown(step) for step in steps])))
