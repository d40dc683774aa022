"""Publishing the host name: what is configured (guest.md 2.5)."""

from __future__ import annotations

import pytest

from unit.fakes import MemoryFiles, ScriptedCommands
from unit.fakes import system as fake_system
from unit.guest.test_dhcp_client import process
from waagent.guest import dhcp
from waagent.guest.dhcp import DhcpFacts
from waagent.guest.families import redhat, small, suse
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
        ("duid\n\n#hostname\n", "duid\n\n#hostname\nhostname\n"),
        ("duid\nhostname old-1", "duid\nhostname\n"),
        ("duid\n  hostname  \n", None),
        ("hostname_short\n", "hostname_short\nhostname\n"),
    ],
)
def test_dhcpcd_is_told_to_send_the_name_of_now(before: str, after: str | None) -> None:
    steps = dhcp.publish(small.ALPINE, "web-2", DhcpFacts("eth0", ((CONF, ""),), dhcpcd_conf=before))
    assert [step.content for step in steps if isinstance(step, WriteFile)] == ([] if after is None else [after.encode()])


def test_the_file_of_a_dhcpcd_that_does_not_run_is_left_alone() -> None:
    files = MemoryFiles({dhcp.DHCPCD_CONF: "duid\n"})
    assert dhcp.observe(fake_system(files=files, commands=ScriptedCommands(())), small.ALPINE, "eth0").dhcpcd_conf is None
    for path, text in process(31, ["dhcpcd: eth0 [ip4]"], name="dhcpcd").items():
        files.put(path, text)
    assert dhcp.observe(fake_system(files=files, commands=ScriptedCommands(())), small.ALPINE, "eth0").dhcpcd_conf == "duid\n"


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
