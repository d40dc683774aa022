"""Publishing the host name: what is configured (guest.md 2.5)."""

from __future__ import annotations

from typing import Any

import pytest

from unit.fakes import MemoryFiles, ScriptedCommands
from unit.fakes import system as fake_system
from waagent.guest import dhcp
from waagent.guest.dhcp import DhcpFacts
from waagent.guest.families import bsd, redhat, suse
from waagent.guest.profile import Guest
from waagent.system.action import Run, WriteFile

CONF = "/etc/dhcp/dhclient.conf"


def test_dhclient_is_told_the_name_in_each_file_there_is() -> None:
    facts = DhcpFacts("eth0", ((CONF, 'timeout 300;\n\nsend host-name "old";\n'), ("/etc/dhclient.conf", "")))
    first, second = dhcp.publish(Guest(), "web-2", facts)
    assert isinstance(first, WriteFile) and first.content == b'timeout 300;\n\nsend host-name "web-2";\n'
    assert isinstance(second, WriteFile) and second.content == b'send host-name "web-2";\n'


@pytest.mark.parametrize(
    "line", ["send host-name = gethostname();", 'send host-name "<hostname>";', "send host-name gethostname ( );"]
)
def test_a_client_that_sends_the_current_name_is_left_alone(line: str) -> None:
    assert dhcp.publish(Guest(), "web-2", DhcpFacts("eth0", ((CONF, line + "\n"), ("/etc/dhclient.conf", "")))) == ()


def test_a_comment_does_not_send_anything() -> None:
    assert dhcp.publish(Guest(), "web-2", DhcpFacts("eth0", ((CONF, "# send host-name = gethostname();\n"),))) != ()


def test_no_file_is_no_error() -> None:
    assert dhcp.publish(Guest(), "web-2", DhcpFacts()) == ()
    assert dhcp.publish(redhat.RHEL7, "web-2", DhcpFacts("eth0")) == ()
    assert dhcp.publish(suse.SUSE, "web-2", DhcpFacts("eth0")) == ()


def test_an_ifcfg_file_gets_the_name() -> None:
    (write,) = dhcp.publish(redhat.RHEL7, "web-2", DhcpFacts("eth0", ifcfg="DEVICE=eth0\nDHCP_HOSTNAME=x\nBOOTPROTO=dhcp\n"))
    assert isinstance(write, WriteFile) and write.path == "/etc/sysconfig/network-scripts/ifcfg-eth0"
    assert write.content == b"DEVICE=eth0\nBOOTPROTO=dhcp\nDHCP_HOSTNAME=web-2\n"


def test_networkmanager_without_ifcfg_gets_it_on_the_connection_and_is_not_restarted() -> None:
    (run,) = dhcp.publish(redhat.RHEL86, "web-2", DhcpFacts("eth0", connection="System eth0"))
    assert isinstance(run, Run) and run.argv[:4] == ("nmcli", "connection", "modify", "System eth0")
    assert run.argv[-1] == "web-2" and run.optional


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('A="1"\nDHCLIENT_HOSTNAME_OPTION="AUTO"\n', 'A="1"\nDHCLIENT_HOSTNAME_OPTION="AUTO"\n'),
        ("DHCLIENT_HOSTNAME_OPTION=AUTO\n", "DHCLIENT_HOSTNAME_OPTION=AUTO\n"),
        ('DHCLIENT_HOSTNAME_OPTION="x"\nB=2\n', 'DHCLIENT_HOSTNAME_OPTION="web-2"\nB=2\n'),
        ("B=2", 'B=2\nDHCLIENT_HOSTNAME_OPTION="web-2"\n'),
    ],
)
def test_netconfig_is_changed_in_place(before: str, after: str) -> None:
    assert dhcp.netconfig(before, "web-2") == after


# -- the renew


def machine(files: dict[str, str], installed: list[str]) -> tuple[Any, ScriptedCommands]:
    commands = ScriptedCommands(installed)
    return fake_system(files=MemoryFiles(files), commands=commands), commands


LEASE = {"/run/systemd/netif/leases/2": "ADDRESS=10.0.0.4\n"}


def test_networkd_is_asked_to_renew_and_one_success_is_enough() -> None:
    system, commands = machine(LEASE, ["networkctl", "systemctl"])
    commands.on("networkctl", "renew", "eth0")
    assert dhcp.renew(system, Guest(), "eth0") == "networkctl renew eth0"
    assert len(commands.lines) == 1


def test_networkd_is_restarted_for_a_new_name_because_a_renew_repeats_the_old_one() -> None:
    system, commands = machine(LEASE, ["networkctl", "systemctl"])
    commands.on("systemctl", ...)
    dhcp.renew(system, Guest(), "eth0", renamed=True)
    assert commands.lines == [("systemctl", "--no-block", "restart", "systemd-networkd")]


def test_an_old_networkd_is_restarted_without_waiting() -> None:
    system, commands = machine(LEASE, ["networkctl", "systemctl"])
    commands.on("networkctl", ..., exit_code=1, stderr="Unknown operation renew.").on("systemctl", ...)
    dhcp.renew(system, Guest(), "eth0")
    assert commands.lines[-1] == ("systemctl", "--no-block", "restart", "systemd-networkd")


def test_networkmanager_reapplies_what_it_manages() -> None:
    system, commands = machine({}, ["nmcli"])
    commands.on("nmcli", "-g", ..., stdout="System eth0\n").on("nmcli", "device", ...)
    assert dhcp.renew(system, redhat.RHEL86, "eth0") == "nmcli device reapply eth0"


def test_dhclient_is_killed_so_that_its_script_leaves_the_address_and_started_the_same_way() -> None:
    argv = ["/sbin/dhclient", "-4", "-d", "-pf", "/run/dhclient.eth0.pid", "-lf", "/var/lib/dhcp/dhclient.eth0.leases", "eth0"]
    tree = {"/proc/700/cmdline": "\0".join(argv) + "\0", "/proc/12/cmdline": "", "/run/dhclient.eth0.pid": "700"}
    system, commands = machine(tree, ["kill"])
    commands.on("kill", ...).on("/sbin/dhclient", ...)
    dhcp.renew(system, Guest(), "eth0")
    assert commands.lines == [("kill", "-KILL", "700"), tuple(word for word in argv if word != "-d")]
    assert not system.files.exists("/run/dhclient.eth0.pid"), "a new dhclient would take the dead one for alive"


def test_a_dhclient_that_networkmanager_owns_is_left_alone() -> None:
    argv = ["/sbin/dhclient", "-d", "-sf", "/usr/libexec/nm-dhcp-helper", "eth0"]
    system, commands = machine({"/proc/700/cmdline": "\0".join(argv)}, [])
    assert dhcp.renew(system, Guest(), "eth0") is None and commands.lines == []


@pytest.mark.parametrize(
    ("argv", "expected"),
    [(["dhcpcd", "-b"], ("dhcpcd", "-n", "eth0")), (["/sbin/udhcpc", "-i", "eth0"], ("kill", "-USR1", "31"))],
)
def test_small_clients_are_signalled(argv: list[str], expected: tuple[str, ...]) -> None:
    system, commands = machine({"/proc/31/cmdline": "\0".join(argv)}, ["dhcpcd", "kill"])
    commands.on("dhcpcd", ...).on("kill", ...)
    dhcp.renew(system, Guest(), "eth0")
    assert commands.lines == [expected]


@pytest.mark.parametrize(
    ("guest", "expected"),
    [
        (suse.SUSE, ("ifup", "eth0")),
        (bsd.FREEBSD, ("/etc/rc.d/dhclient", "restart", "eth0")),
        (bsd.OPENBSD, ("/sbin/dhclient", "eth0")),
    ],
)
def test_some_systems_have_a_way_of_their_own(guest: Guest, expected: tuple[str, ...]) -> None:
    system, commands = machine({}, ["ifup"])
    commands.on(*expected)
    dhcp.renew(system, guest, "eth0")
    assert commands.lines == [expected]


def test_no_link_is_ever_taken_down_and_nothing_fails() -> None:
    system, commands = machine(LEASE, ["networkctl", "systemctl", "ip", "ifdown", "ifup"])
    commands.on("networkctl", ..., exit_code=1).on("systemctl", ..., exit_code=1)
    assert dhcp.renew(system, Guest(), "eth0") is None
    assert dhcp.renew(system, Guest(), None) is None
    assert not {"ip", "ifdown", "ifup"} & {line[0] for line in commands.lines}
