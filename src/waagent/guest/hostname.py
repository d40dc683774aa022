"""Setting the host name so that it survives a boot (guest.md 2.4). /etc/hosts is never touched."""

from __future__ import annotations

import re

from waagent.guest.profile import Guest, HostNameTool
from waagent.model.failure import ProvisionFailure
from waagent.system.action import Plan, Run, WriteFile

SYSCONFIG = "/etc/sysconfig/network"


def check_name(name: str) -> str:
    """``name`` if it can be a host name, quoted in no file and taken for no option; ``ProvisionFailure`` else."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}", name):
        raise ProvisionFailure(f"the host name {name!r} is not one")
    return name


def persistent_file(guest: Guest) -> str | None:
    """The file whose present text ``set_name`` needs, or None."""
    if guest.host_name_tool is HostNameTool.SYSCONFIG_NETWORK:
        return SYSCONFIG
    return guest.host_name_file if guest.host_name_tool is HostNameTool.RC_CONF else None


def set_name(guest: Guest, name: str, *, text: str | None = None, tools: frozenset[str] = frozenset({"hostnamectl"})) -> Plan:
    """Set the name now and for every boot. ``text`` is what ``persistent_file`` holds, None when it is missing.

    hostnamectl needs its bus service; the file is written as well, so that a failure of it changes nothing.
    """
    check_name(name)
    now = Run(("hostname", name), optional=True, why="set the host name")
    why = "keep the host name"
    tool = guest.host_name_tool
    if tool is HostNameTool.SYSCONFIG_NETWORK:
        return WriteFile(
            SYSCONFIG, with_line(text, "HOSTNAME", f"HOSTNAME={name}").encode("utf-8", "surrogateescape"), why=why
        ), now
    if tool is HostNameTool.RC_CONF:
        return WriteFile(guest.host_name_file, rc_conf(text, name).encode("utf-8", "surrogateescape"), why=why), now
    write = WriteFile(guest.host_name_file, f"{name}\n".encode(), mode=0o644, why=why)
    if tool is HostNameTool.UCI:
        return (
            write,
            Run(("uci", "set", f"system.@system[0].hostname={name}"), why=why),
            Run(("uci", "commit", "system"), why=why),
            Run(("/etc/init.d/system", "reload"), why="set the host name"),
        )
    if tool in (HostNameTool.HOSTNAMECTL, HostNameTool.HOSTNAMECTL_STATIC) and "hostnamectl" in tools:
        static = ("--static",) if tool is HostNameTool.HOSTNAMECTL_STATIC else ()
        return write, now, Run(("hostnamectl", "set-hostname", name, *static), optional=True, timeout=20.0, why=why)
    return write, now


def with_line(text: str | None, prefix: str, line: str) -> str:
    """``text`` without the lines that start with ``prefix`` and with ``line`` at its end; empty lines stay (trap 56)."""
    kept = [old for old in (text or "").splitlines() if not old.startswith(prefix)]
    return "\n".join([*kept, line]) + "\n"


def rc_conf(text: str | None, name: str) -> str:
    """``text`` with its last ``hostname=`` line replaced, or with one before its last line."""
    line = f'hostname="{name}"'
    lines = (text or "").splitlines()
    places = [number for number, old in enumerate(lines) if old.startswith("hostname=")]
    if places:
        lines[places[-1]] = line
    else:
        lines.insert(max(len(lines) - 1, 0), line)
    return "\n".join(lines) + "\n"
