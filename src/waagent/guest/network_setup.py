"""The unit that sets the rules at boot, before there is a network, and its script (extensions.md 8.4, guest.md 10.2).

The unit does nothing once the script has gone, the script nothing once the agent has gone. Odd: it is enabled by the link
that ``systemctl enable`` would make, which asks systemd for no reload; and it comes after the services that load a
machine's own rules, because some of those empty the packet filter first.
"""

from __future__ import annotations

import re

from waagent.guest.profile import Guest
from waagent.guest.rules import Wanted
from waagent.system.action import MakeDirectory, Plan, Remove, Symlink, WriteFile

ADMIN_UNITS = "/etc/systemd/system"
WANTS = f"{ADMIN_UNITS}/network.target.wants"
"""Links to what network.target wants; systemd makes the directory with the first and takes it away with the last."""
SYSTEMD = "/run/systemd/system"
VERSION = "1.4"
_LOADERS = "nftables.service iptables.service netfilter-persistent.service ufw.service"
_ADDRESS = re.compile(r"setup-firewall=(\d+(?:\.\d+){3})")


def unit_name(guest: Guest) -> str:
    return f"{guest.service_name}-network-setup.service"


def unit(script: str, python: str) -> str:
    return f"""\
# Written by the Azure Linux agent, because of OS.EnableFirewall=y in its configuration. Version {VERSION}.
[Unit]
Description=Keep Azure's wire server for root before there is a network
Documentation=man:waagent(1)
DefaultDependencies=no
After=local-fs.target {_LOADERS}
Before=network-pre.target
Wants=network-pre.target
ConditionPathExists={script}

[Service]
Type=oneshot
ExecStart={python} {script}
RemainAfterExit=yes

[Install]
WantedBy=network.target
"""


def script_text(command: tuple[str, ...], address: str) -> str:
    """``command`` starts the agent: interpreter, program, and arguments that every verb takes."""
    python, program, *arguments = command
    argv = [python, program, f"-setup-firewall={address}", "-if-enabled", *arguments]
    return f'''\
"""Sets the rules that keep the wire server for root. Written anew by the Azure Linux agent at each of its starts."""

import os

AGENT = {program!r}

if os.path.exists(AGENT):
    os.execv({python!r}, {argv!r})
'''


def address_in(script: str | None) -> str | None:
    """The address that a script sets rules for, ours or the reference's."""
    match = _ADDRESS.search(script or "")
    return match[1] if match else None


def keep(guest: Guest, script: str, command: tuple[str, ...], wanted: Wanted, *, place: str) -> Plan:
    """Unit and script as they should be; ``place`` is the directory of the unit."""
    why = "set the rules at boot"
    name = unit_name(guest)
    path = f"{place}/{name}"
    others = [Remove(other, optional=True, why="one unit is enough") for other in _files(guest) if other != path]
    return (
        WriteFile(script, script_text(command, wanted.address).encode(), mode=0o600, why=why),
        WriteFile(path, unit(script, command[0]).encode(), mode=0o644, why=why),
        *others,
        MakeDirectory(WANTS, why=why),
        Symlink(_link(guest), path, why=why),
    )


def places(guest: Guest, *, ostree: bool) -> tuple[str, ...]:
    """Where the unit goes, best first: systems that own /usr themselves keep it read-only."""
    return (ADMIN_UNITS,) if ostree else tuple(dict.fromkeys((guest.unit_directory, ADMIN_UNITS)))


def forget(guest: Guest, script: str, wants: tuple[str, ...] = ()) -> Plan:
    """``wants``: what is in the directory of links; it goes too when nobody else's link is there.

    A unit that cannot be removed does nothing without link and script.
    """
    why = "set no rules at boot"
    link = WANTS if wants == (unit_name(guest),) else _link(guest)
    units = (Remove(path, optional=True, why=why) for path in _files(guest))
    return (Remove(link, why=why), *units, Remove(script, why=why))


def _files(guest: Guest) -> tuple[str, ...]:
    return tuple(f"{place}/{unit_name(guest)}" for place in dict.fromkeys((guest.unit_directory, ADMIN_UNITS)))


def traces(guest: Guest, script: str) -> tuple[str, ...]:
    return (script, _link(guest), *_files(guest))


def _link(guest: Guest) -> str:
    return f"{WANTS}/{unit_name(guest)}"
