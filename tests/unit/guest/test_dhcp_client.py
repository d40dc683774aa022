"""The DHCP client that runs: finding it, knowing it again, and asking it to renew (guest.md 2.5, 9.3)."""

from __future__ import annotations

from typing import Any

import pytest

from unit.fakes import MemoryFiles, ScriptedCommands
from unit.fakes import system as fake_system
from waagent.guest import dhcp_client
from waagent.guest.dhcp_client import Process
from waagent.guest.families import bsd, redhat, suse
from waagent.guest.profile import Guest


def process(pid: int, argv: list[str], started: int = 4711, name: str | None = None) -> dict[str, str]:
    """The files of one process below /proc; ``name``: what the kernel calls it, else by its program."""
    kept = (name or argv[0].rpartition("/")[2])[:15]
    fields = " ".join(["S", *(str(number) for number in range(1, 19)), str(started), "0", "0"])
    return {f"/proc/{pid}/stat": f"{pid} ({kept}) {fields}\n", f"/proc/{pid}/cmdline": "\0".join(argv) + "\0"}


def machine(files: dict[str, str], installed: list[str]) -> tuple[Any, ScriptedCommands]:
    commands = ScriptedCommands(installed)
    return fake_system(files=MemoryFiles(files), commands=commands), commands


LEASE = {"/run/systemd/netif/leases/2": "ADDRESS=10.0.0.4\n"}


def test_networkd_is_asked_to_renew_and_one_success_is_enough() -> None:
    system, commands = machine(LEASE, ["networkctl", "systemctl"])
    commands.on("networkctl", "renew", "eth0")
    assert dhcp_client.renew(system, Guest(), "eth0") == "networkctl renew eth0"
    assert len(commands.lines) == 1


def test_networkd_is_restarted_for_a_new_name_because_a_renew_repeats_the_old_one() -> None:
    system, commands = machine(LEASE, ["networkctl", "systemctl"])
    commands.on("systemctl", ...)
    dhcp_client.renew(system, Guest(), "eth0", renamed=True)
    assert commands.lines == [("systemctl", "--no-block", "restart", "systemd-networkd")]


def test_an_old_networkd_is_restarted_without_waiting() -> None:
    system, commands = machine(LEASE, ["networkctl", "systemctl"])
    commands.on("networkctl", ..., exit_code=1, stderr="Unknown operation renew.").on("systemctl", ...)
    dhcp_client.renew(system, Guest(), "eth0")
    assert commands.lines[-1] == ("systemctl", "--no-block", "restart", "systemd-networkd")


def test_networkmanager_reapplies_what_it_manages() -> None:
    system, commands = machine({}, ["nmcli"])
    commands.on("nmcli", "-g", ..., stdout="System eth0\n").on("nmcli", "device", ...)
    assert dhcp_client.renew(system, redhat.RHEL86, "eth0") == "nmcli device reapply eth0"


def test_dhclient_is_killed_so_that_its_script_leaves_the_address_and_started_the_same_way() -> None:
    argv = ["/sbin/dhclient", "-4", "-d", "-pf", "/run/dhclient.eth0.pid", "-lf", "/var/lib/dhcp/dhclient.eth0.leases", "eth0"]
    tree = {**process(700, argv), "/proc/12/cmdline": "", "/run/dhclient.eth0.pid": "700"}
    system, commands = machine(tree, ["kill"])
    commands.on("kill", ...).on("/sbin/dhclient", ...)
    dhcp_client.renew(system, Guest(), "eth0")
    assert commands.lines == [("kill", "-KILL", "700"), tuple(word for word in argv if word != "-d")]
    assert not system.files.exists("/run/dhclient.eth0.pid"), "a new dhclient would take the dead one for alive"


def test_a_dhclient_that_networkmanager_owns_is_left_alone() -> None:
    argv = ["/sbin/dhclient", "-d", "-sf", "/usr/libexec/nm-dhcp-helper", "eth0"]
    system, commands = machine(process(700, argv), [])
    assert dhcp_client.renew(system, Guest(), "eth0") is None and commands.lines == []


@pytest.mark.parametrize(
    ("argv", "expected"),
    [(["dhcpcd", "-b"], ("dhcpcd", "-n", "eth0")), (["/sbin/udhcpc", "-i", "eth0"], ("kill", "-USR1", "31"))],
)
def test_small_clients_are_signalled(argv: list[str], expected: tuple[str, ...]) -> None:
    system, commands = machine(process(31, argv), ["dhcpcd", "kill"])
    commands.on("dhcpcd", ...).on("kill", ...)
    dhcp_client.renew(system, Guest(), "eth0")
    assert commands.lines == [expected]


@pytest.mark.parametrize(
    ("guest", "expected"),
    [
        (bsd.FREEBSD, ("/etc/rc.d/dhclient", "restart", "eth0")),
        (bsd.OPENBSD, ("/sbin/dhclient", "eth0")),
    ],
)
def test_some_systems_have_a_way_of_their_own(guest: Guest, expected: tuple[str, ...]) -> None:
    system, commands = machine({}, ["ifup"])
    commands.on(*expected)
    dhcp_client.renew(system, guest, "eth0")
    assert commands.lines == [expected]


@pytest.mark.parametrize(("installed", "expected"), [("ifup", ("ifup", "eth0")), ("wicked", ("wicked", "ifup", "eth0"))])
def test_wicked_is_asked_where_it_runs_and_nowhere_else(installed: str, expected: tuple[str, ...]) -> None:
    system, commands = machine(process(31, ["/usr/lib/wicked/bin/wickedd-dhcp4", "--systemd"]), [installed])
    commands.on(*expected)
    dhcp_client.renew(system, suse.SUSE, "eth0")
    assert commands.lines == [expected]
    system, commands = machine({}, ["ifup", "wicked"])
    assert dhcp_client.renew(system, suse.SUSE, "eth0") is None
    assert commands.lines == []


def test_a_client_goes_by_the_name_that_the_kernel_keeps_of_it() -> None:
    tree = {
        **process(31, ["dhcpcd: eth0 [ip4]"], name="dhcpcd"),
        **process(7, ["/lib/systemd/systemd-networkd"], started=12),
        **process(9, ["/usr/bin/python3", "dhclient"]),
        **process(8, ["(x) y)"], name="a (b) c"),
        "/proc/5/cmdline": "dhclient\0",
        "/proc/self/stat": "1 (dhclient) S",
    }
    system, _ = machine(tree, [])
    assert dhcp_client.running(system, Guest()) == (Process(7, "systemd-network", "12"), Process(31, "dhcpcd", "4711"))


def test_a_process_that_has_the_number_of_another_is_not_the_same() -> None:
    before = Process(31, "dhclient", "4711")
    assert dhcp_client.is_running(machine(process(31, ["dhclient"]), [])[0], Guest(), before)
    assert not dhcp_client.is_running(machine(process(31, ["dhclient"], started=5000), [])[0], Guest(), before)
    assert not dhcp_client.is_running(machine(process(31, ["sshd"]), [])[0], Guest(), before)
    assert not dhcp_client.is_running(machine({}, [])[0], Guest(), before)


def test_a_process_that_ends_while_it_is_looked_at_is_no_failure() -> None:
    files = MemoryFiles(process(31, ["dhclient"]))
    files.break_at("/proc/31/stat", "No such process")
    assert dhcp_client.running(fake_system(files=files), Guest()) == ()


def test_a_system_without_such_files_is_asked_by_command() -> None:
    system, commands = machine({}, ["pgrep"])
    commands.on("pgrep", "-n", "dhclient", stdout="90\n")
    commands.on("pgrep", "-n", "dhclient", stdout="91\n")
    (found,) = dhcp_client.running(system, bsd.FREEBSD)
    assert found.pid == 90
    assert not dhcp_client.is_running(system, bsd.FREEBSD, found)


def test_no_link_is_ever_taken_down_and_nothing_fails() -> None:
    system, commands = machine(LEASE, ["networkctl", "systemctl", "ip", "ifdown", "ifup"])
    commands.on("networkctl", ..., exit_code=1).on("systemctl", ..., exit_code=1)
    assert dhcp_client.renew(system, Guest(), "eth0") is None
    assert dhcp_client.renew(system, Guest(), None) is None
    assert not {"ip", "ifdown", "ifup"} & {line[0] for line in commands.lines}
