"""Our own service and sshd's (guest.md 2.8 and 9.3)."""

from __future__ import annotations

from dataclasses import replace

from waagent.guest.profile import SERVICE, Guest, filled
from waagent.system.action import Plan, Run

NOT_INSTALLED = 5
"""systemctl's and the init scripts' status for a service that is not there; fine for ``stop``."""


def control(guest: Guest, verb: str) -> Plan:
    """start, stop or restart our service; empty where no command is known to do so.

    A stop that fails is no failure by itself: most likely nothing ran. Who needs it stopped looks whether it still runs.
    """
    if not guest.service_control:
        return ()
    argv = filled(guest.service_control, verb=verb, name=guest.service_name)
    stop = verb == "stop"
    ok = (0, NOT_INSTALLED) if stop else (0,)
    return (Run(argv, ok=ok, optional=stop, why=f"{verb} {guest.service_name}", timeout=120.0),)


def without_systemd(guest: Guest) -> Guest:
    """``guest`` where systemctl would reach nobody: in a container, or under another init. Init scripts are asked instead.

    sshd is only ever told to take its new settings if it runs; starting it is not ours.
    """
    control, restart = guest.service_control, guest.sshd_restart
    if restart[:1] == ("systemctl",):
        verb = "reload" if "try-reload-or-restart" in restart else "condrestart"
        restart = ("service", restart[-1].removesuffix(".service"), verb)
    return replace(guest, service_control=SERVICE if control[:1] == ("systemctl",) else control, sshd_restart=restart)


def register(guest: Guest) -> Plan:
    """Have our service started at boot."""
    return tuple(Run(filled(argv, name=guest.service_name), why="start at boot") for argv in guest.service_register)


def unregister(guest: Guest) -> Plan:
    return tuple(Run(filled(argv, name=guest.service_name), why="not start at boot") for argv in guest.service_unregister)


def restart_sshd(guest: Guest) -> Plan:
    """Make sshd take its new keys and settings; systems that start it per connection need nothing."""
    if not guest.sshd_restart:
        return ()
    return (Run(guest.sshd_restart, optional=True, why="have sshd take its new keys and settings"),)
