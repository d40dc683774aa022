"""Publishing the host name to the platform's DNS (guest.md 2.5): what is written.

The platform learns a name from the host-name option of DHCP requests: tell the client to send it, then ask the running
client to renew (``dhcp_client``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from waagent.guest.dhcp_client import connection, processes
from waagent.guest.hostname import check_name, with_line
from waagent.guest.profile import DhcpNameTool, Guest
from waagent.system.action import Plan, Run, WriteFile
from waagent.system.port import System

DHCLIENT_CONFS = ("/etc/dhcp/dhclient.conf", "/etc/dhcp3/dhclient.conf", "/etc/dhclient.conf")
NETCONFIG = "/etc/sysconfig/network/dhcp"
DHCPCD_CONF = "/etc/dhcpcd.conf"


@dataclass(frozen=True)
class DhcpFacts:
    """What the network looks like now. Texts are None, or absent from the tuple, where the file is missing."""

    interface: str | None = None
    dhclient_confs: tuple[tuple[str, str], ...] = ()
    ifcfg: str | None = None
    netconfig: str | None = None
    connection: str | None = None
    """NetworkManager's connection on the interface, None where it does not manage it."""
    dhcpcd_conf: str | None = None
    """Only where dhcpcd runs: many systems have its file and another client."""


def ifcfg_path(interface: str) -> str:
    return f"/etc/sysconfig/network-scripts/ifcfg-{interface}"


def observe(system: System, guest: Guest, interface: str | None) -> DhcpFacts:
    """Read what ``publish`` needs."""

    def text(path: str) -> str | None:
        content = system.files.read_if_there(path)
        return None if content is None else content.decode("utf-8", "surrogateescape")

    dhcpcd = text(DHCPCD_CONF)
    return DhcpFacts(
        interface=interface,
        dhclient_confs=tuple((path, found) for path in DHCLIENT_CONFS if (found := text(path)) is not None),
        ifcfg=text(ifcfg_path(interface)) if interface else None,
        netconfig=text(NETCONFIG),
        connection=connection(system, interface) if interface else None,
        dhcpcd_conf=dhcpcd if dhcpcd is not None and processes(system, "dhcpcd") else None,
    )


def publish(guest: Guest, name: str, facts: DhcpFacts) -> Plan:
    """Have the DHCP client send ``name``. A missing file is no error (trap 21): most clients send it by themselves."""
    check_name(name)
    why = "have the DHCP client send the host name"
    if guest.dhcp_name_tool is DhcpNameTool.IFCFG and facts.ifcfg is not None and facts.interface:
        content = with_line(facts.ifcfg, "DHCP_HOSTNAME", f"DHCP_HOSTNAME={name}")
        reload: Plan = ()
        if facts.connection:
            reload = (Run(("nmcli", "connection", "load", ifcfg_path(facts.interface)), optional=True, why=why),)
        return (WriteFile(ifcfg_path(facts.interface), content.encode("utf-8", "surrogateescape"), why=why), *reload)
    if guest.dhcp_name_tool is DhcpNameTool.NETCONFIG and facts.netconfig is not None:
        edited = netconfig(facts.netconfig, name)
        return (WriteFile(NETCONFIG, edited.encode("utf-8", "surrogateescape"), why=why),) if edited != facts.netconfig else ()
    if facts.connection:
        return (
            Run(
                ("nmcli", "connection", "modify", facts.connection, "ipv4.dhcp-hostname", name, "ipv6.dhcp-hostname", name),
                optional=True,
                why=why,
            ),
        )
    if facts.dhcpcd_conf is not None:
        return _dhcpcd(facts.dhcpcd_conf, why)
    return _dhclient(name, facts.dhclient_confs, why)


def _dhcpcd(text: str, why: str) -> Plan:
    """A bare ``hostname`` has dhcpcd send the name of now; without that line, which packages leave out, it sends none."""
    if re.search(r"^\s*hostname\s*$", text, re.MULTILINE):
        return ()
    kept = [line for line in text.splitlines() if not re.match(r"\s*hostname\s", line)]
    return (WriteFile(DHCPCD_CONF, "\n".join([*kept, "hostname", ""]).encode("utf-8", "surrogateescape"), why=why),)


def _dhclient(name: str, confs: tuple[tuple[str, str], ...], why: str) -> Plan:
    if any(_sends_current_name(text) for _, text in confs):
        return ()
    return tuple(
        WriteFile(
            path, with_line(text, "send host-name", f'send host-name "{name}";').encode("utf-8", "surrogateescape"), why=why
        )
        for path, text in confs
    )


def _sends_current_name(text: str) -> bool:
    return bool(re.search(r"^\s*send\s+host-name\s.*(<hostname>|gethostname\s*[(,)])", text, re.MULTILINE))


def netconfig(text: str, name: str) -> str:
    """``text`` with ``DHCLIENT_HOSTNAME_OPTION`` set to the name; AUTO, which sends the current name, is left alone."""
    line = f'DHCLIENT_HOSTNAME_OPTION="{name}"'
    found = re.search(r"^DHCLIENT_HOSTNAME_OPTION=(.*)$", text, re.MULTILINE)
    if found is None:
        return text + ("\n" if text and not text.endswith("\n") else "") + line + "\n"
    if found[1].strip().strip("\"'") == "AUTO" or found[0].strip() == line:
        return text
    return text[: found.start()] + line + text[found.end() :]
