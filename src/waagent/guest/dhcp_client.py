"""The DHCP client that runs: finding it, telling whether it is the same as before, and asking it to renew (guest.md 2.5, 9.3).

Which client runs is looked up, not concluded from the system's name. A link is never taken down and NetworkManager never
restarted: both lost addresses in the field. Odd: dhcpcd writes over its own command line, so that a process goes by the
name that the kernel keeps, of 15 letters at most.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from waagent.guest.profile import Guest, filled
from waagent.model.failure import CommandFailure, SystemFailure
from waagent.system.port import System

CLIENTS = ("dhclient", "dhclient3", "dhcpcd", "udhcpc", "systemd-networkd", "NetworkManager", "wickedd-dhcp4")
NETWORKD_LEASES = "/run/systemd/netif/leases"
DHCLIENT_PID = "/run/dhclient.pid"
_KERNEL_NAME = 15
_START = 19
"""Place of a process's start among the fields behind its name in /proc/PID/stat."""


@dataclass(frozen=True)
class Process:
    """``started``: in the kernel's ticks since the boot; a number is not given twice with the same start."""

    pid: int
    name: str
    started: str = ""

    def __str__(self) -> str:
        full = next((client for client in CLIENTS if client[:_KERNEL_NAME] == self.name), self.name)
        return f"{full} (process {self.pid})"


def running(system: System, guest: Guest) -> tuple[Process, ...]:
    """The DHCP clients of this machine, lowest pid first."""
    if guest.dhcp_processes:
        numbers = system.commands.run(guest.dhcp_processes, ok=None).stdout.split()
        return tuple(Process(int(number), "dhclient") for number in sorted(numbers, key=int) if number.isdigit())
    return processes(system, *CLIENTS)


def is_running(system: System, guest: Guest, process: Process) -> bool:
    """Whether that very process is still there; costs one small file."""
    if guest.dhcp_processes:
        return process in running(system, guest)
    return _process(system, process.pid) == process


def processes(system: System, *names: str) -> tuple[Process, ...]:
    """The processes with one of these program names, lowest pid first."""
    wanted = {name[:_KERNEL_NAME] for name in names}
    numbers = sorted(int(entry) for entry in system.files.names("/proc") if entry.isdigit())
    found = (_process(system, number) for number in numbers)
    return tuple(process for process in found if process is not None and process.name in wanted)


def _process(system: System, pid: int) -> Process | None:
    """``PID (NAME) STATE …``; the name may hold anything, so its last parenthesis ends it."""
    head, _, rest = _read(system, f"/proc/{pid}/stat").rpartition(")")
    fields = rest.split()
    return Process(pid, head.partition("(")[2], fields[_START]) if len(fields) > _START else None


def _arguments(system: System, process: Process) -> tuple[str, ...]:
    return tuple(word for word in _read(system, f"/proc/{process.pid}/cmdline").split("\0") if word)


def _read(system: System, path: str) -> str:
    try:
        return (system.files.read_if_there(path, 64 * 1024) or b"").decode("utf-8", "replace")
    except SystemFailure:
        return ""  # it has ended between two looks


def connection(system: System, interface: str) -> str | None:
    """NetworkManager's connection on an interface; None where it does not manage it."""
    if not system.commands.find("nmcli"):
        return None
    try:
        answer = system.commands.run(("nmcli", "-g", "GENERAL.CONNECTION", "device", "show", interface), timeout=10.0)
    except CommandFailure:
        return None
    return answer.stdout.strip().replace("\\:", ":") or None


# -- the renew, a conversation: which client runs decides what to ask it


def renew(system: System, guest: Guest, interface: str | None, *, renamed: bool = False) -> str | None:
    """Ask the running DHCP client for a renew; what was done in a few words, or None when there was nothing to ask.

    ``renamed``: for the sake of a new host name, which some clients take up only when they start.
    Nothing here can fail provisioning: what a client answered goes to the log. The first success ends it (trap 22).
    """
    if not interface:
        system.log.warning("there is no interface with a default route yet: the host name is sent with the next lease")
        return None
    networkd = _networkd_again if renamed else _networkd
    ways = (_fixed, _networkmanager, networkd, _wicked, _signalled, _dhclient_again)
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
    if not connection(system, interface):
        return None
    return _tried(system, "nmcli", "device", "reapply", interface)


def _networkd(system: System, guest: Guest, interface: str) -> str | None:
    if not system.files.names(NETWORKD_LEASES):
        return None
    renewed = _tried(system, "networkctl", "renew", interface)
    # networkctl before systemd 244 has no such verb; a restart of networkd keeps links and addresses
    return renewed or _tried(system, "systemctl", "--no-block", "restart", "systemd-networkd")


def _networkd_again(system: System, guest: Guest, interface: str) -> str | None:
    """A renew of networkd's repeats the name that it started with. A restart keeps links and addresses; not to be done often,
    because systemd gives a unit up that starts too often."""
    if not system.files.names(NETWORKD_LEASES):
        return None
    restarted = _tried(system, "systemctl", "--no-block", "restart", "systemd-networkd")
    return restarted or _tried(system, "networkctl", "renew", interface)


def _wicked(system: System, guest: Guest, interface: str) -> str | None:
    """An ``ifup`` of a link that is up takes nothing down: wicked asks for the lease again, with the name of now."""
    if not processes(system, "wickedd-dhcp4"):
        return None
    return _tried(system, "ifup", interface) or _tried(system, "wicked", "ifup", interface)


def _signalled(system: System, guest: Guest, interface: str) -> str | None:
    if processes(system, "dhcpcd"):
        return _tried(system, "dhcpcd", "-n", interface)
    for process in processes(system, "udhcpc"):
        if interface in _arguments(system, process):
            return _tried(system, "kill", "-USR1", str(process.pid))
    return None


def _dhclient_again(system: System, guest: Guest, interface: str) -> str | None:
    """dhclient cannot be asked to renew: kill it, and start the very same command again, which asks for the same lease.

    Ended in any gentler way, it has its script take the address away; the new one finds the address and only confirms it.
    It would believe the pid file of a process that has not quite gone.
    """
    for process in processes(system, "dhclient", "dhclient3"):
        argv = _arguments(system, process)
        if interface not in argv or any("nm-dhcp" in word for word in argv):
            continue
        if _tried(system, "kill", "-KILL", str(process.pid)):
            system.files.remove(next((after for word, after in pairwise(argv) if word == "-pf"), DHCLIENT_PID))
            return _tried(system, *(word for word in argv if word != "-d"))
    return None
