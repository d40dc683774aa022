"""Publishing the host name to the platform's DNS (guest.md 2.5).

The platform learns a name from the host-name option of DHCP requests: tell the client to send it, then ask the running
client to renew. A link is never taken down for it and NetworkManager never restarted: both lost addresses in the field.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from waagent.guest.hostname import check_name, with_line
from waagent.guest.profile import DhcpNameTool, Guest, filled
from waagent.model.failure import CommandFailure
from waagent.system.action import Plan, Run, WriteFile
from waagent.system.port import System

DHCLIENT_CONFS = ("/etc/dhcp/dhclient.conf", "/etc/dhcp3/dhclient.conf", "/etc/dhclient.conf")
DHCLIENT_PID = "/run/dhclient.pid"
NETCONFIG = "/etc/sysconfig/network/dhcp"


@dataclass(frozen=True)
class DhcpFacts:
    """What the network looks like now. Texts are None, or absent from the tuple, where the file is missing."""

    interface: str | None = None
    dhclient_confs: tuple[tuple[str, str], ...] = ()
    ifcfg: str | None = None
    netconfig: str | None = None
    connection: str | None = None
    """NetworkManager's connection on the interface, None where it does not manage it."""


def ifcfg_path(interface: str) -> str:
    return f"/etc/sysconfig/network-scripts/ifcfg-{interface}"


def observe(system: System, guest: Guest, interface: str | None) -> DhcpFacts:
    """Read what ``publish`` needs."""

    def text(path: str) -> str | None:
        content = system.files.read_if_there(path)
        return None if content is None else content.decode("utf-8", "surrogateescape")

    return DhcpFacts(
        interface=interface,
        dhclient_confs=tuple((path, found) for path in DHCLIENT_CONFS if (found := text(path)) is not None),
        ifcfg=text(ifcfg_path(interface)) if interface else None,
        netconfig=text(NETCONFIG),
        connection=_connection(system, interface) if interface else None,
    )


def _connection(system: System, interface: str) -> str | None:
    if not system.commands.find("nmcli"):
        return None
    try:
        answer = system.commands.run(("nmcli", "-g", "GENERAL.CONNECTION", "device", "show", interface), timeout=10.0)
    except CommandFailure:
        return None
    return answer.stdout.strip().replace("\\:", ":") or None


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
    return _dhclient(name, facts.dhclient_confs, why)


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


# -- the renew, a conversation: which client runs decides what to ask it


def renew(system: System, guest: Guest, interface: str | None, *, renamed: bool = False) -> str | None:
    """Ask the running DHCP client for a renew; what was done in a few words, or None when there was nothing to ask.

    ``renamed``: for the sake of a new host name, which some clients take up only when they start.
    Nothing here can fail provisioning: what a client answered goes to the log. The first success ends it (trap 22).
    """
    if not interface:
        system.log.warning("there is no interface with a default route yet: the host name is sent with the next lease")
        return None
    ways = (_fixed, _networkmanager, _networkd_again if renamed else _networkd, _signalled, _dhclient_again)
    for way in ways:
        done = way(system, guest, interface)
        if done:
            system.log.info(f"asked for a renewed lease on {interface}: {done}")
            return done
    system.log.info(f"no DHCP client was found that can renew on {interface}: the host name is sent with the next lease")
    return None


def _tried(system: System, *argv: str) -> str | None:
    if not argv[0].startswith("/") and not system.commands.find(argv[0]):
        return None
    try:
        system.commands.run(argv, timeout=30.0)
    except CommandFailure as failure:
        system.log.warning(f"{' '.join(argv)}: {failure.reason} {failure.stderr.strip()}".strip())
        return None
    return " ".join(argv)


def _fixed(system: System, guest: Guest, interface: str) -> str | None:
    return _tried(system, *filled(guest.renew, interface=interface)) if guest.renew else None


def _networkmanager(system: System, guest: Guest, interface: str) -> str | None:
    if not _connection(system, interface):
        return None
    return _tried(system, "nmcli", "device", "reapply", interface)


def _networkd(system: System, guest: Guest, interface: str) -> str | None:
    if not system.files.names("/run/systemd/netif/leases"):
        return None
    renewed = _tried(system, "networkctl", "renew", interface)
    # networkctl before systemd 244 has no such verb; a restart of networkd keeps links and addresses
    return renewed or _tried(system, "systemctl", "--no-block", "restart", "systemd-networkd")


def _networkd_again(system: System, guest: Guest, interface: str) -> str | None:
    """A renew of networkd's repeats the name that it started with. A restart keeps links and addresses; not to be done often,
    because systemd gives a unit up that starts too often."""
    if not system.files.names("/run/systemd/netif/leases"):
        return None
    restarted = _tried(system, "systemctl", "--no-block", "restart", "systemd-networkd")
    return restarted or _tried(system, "networkctl", "renew", interface)


def _signalled(system: System, guest: Guest, interface: str) -> str | None:
    if _processes(system, "dhcpcd"):
        return _tried(system, "dhcpcd", "-n", interface)
    for pid, argv in _processes(system, "udhcpc"):
        if interface in argv:
            return _tried(system, "kill", "-USR1", pid)
    return None


def _dhclient_again(system: System, guest: Guest, interface: str) -> str | None:
    """dhclient cannot be asked to renew: kill it, and start the very same command again, which asks for the same lease.

    Ended in any gentler way, it has its script take the address away; the new one finds the address and only confirms it.
    It would believe the pid file of a process that has not quite gone.
    """
    for pid, argv in _processes(system, "dhclient", "dhclient3"):
        if interface not in argv or any("nm-dhcp" in word for word in argv):
            continue
        if _tried(system, "kill", "-KILL", pid):
            system.files.remove(next((after for word, after in pairwise(argv) if word == "-pf"), DHCLIENT_PID))
            return _tried(system, *(word for word in argv if word != "-d"))
    return None


def _processes(system: System, *names: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """(pid, argv) of the processes with one of these program names, lowest pid first."""
    found = []
    for path in system.files.glob("/proc/[0-9]*/cmdline"):
        words = tuple(
            word.decode("utf-8", "replace") for word in (system.files.read_if_there(path) or b"").split(b"\0") if word
        )
        if words and words[0].rpartition("/")[2] in names:
            found.append((path.split("/")[2], words))
    return tuple(sorted(found, key=lambda process: int(process[0])))
