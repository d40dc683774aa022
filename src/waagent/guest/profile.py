"""The guest: one frozen value that names how this operating system does things (guest.md 9).

The defaults of ``Guest`` are the *default* family: a Linux system with systemd and shadow. A family module replaces what
differs there. Commands are argument lists in which ``{verb}``, ``{name}`` and ``{interface}`` are placeholders.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass, replace

Argv = tuple[str, ...]

SYSTEMCTL: Argv = ("systemctl", "{verb}", "{name}")
SBIN_SERVICE: Argv = ("/sbin/service", "{name}", "{verb}")
SERVICE: Argv = ("service", "{name}", "{verb}")

LeaseSources = tuple[tuple[str, tuple[str, ...]], ...]
"""(format, path globs) pairs in the order to look; formats: dhclient, networkd, openbsd, dhcpcd, networkmanager."""

DEBIAN_LEASES: LeaseSources = (("dhclient", ("/var/lib/dhcp/dhclient.*.leases", "/var/lib/dhcp/dhclient.leases")),)
NETWORKD_LEASES: LeaseSources = (("networkd", ("/run/systemd/netif/leases/*",)),)
DHCPCD_LEASES: LeaseSources = (("dhcpcd", ("/var/lib/dhcpcd/*.lease",)),)
NETWORKMANAGER_LEASES: LeaseSources = (
    ("dhclient", ("/var/lib/NetworkManager/dhclient-*.lease",)),
    ("networkmanager", ("/var/lib/NetworkManager/internal-*.lease", "/run/NetworkManager/devices/*")),
)


class AccountTool(enum.Enum):
    SHADOW = "shadow"
    PW = "pw"
    OPENBSD = "openbsd"


class PrivilegeTool(enum.Enum):
    SUDO = "sudo"
    DOAS = "doas"


class HostNameTool(enum.Enum):
    """How the name is made to survive a boot (guest.md 2.4)."""

    FILE = "file"
    HOSTNAMECTL = "hostnamectl"
    HOSTNAMECTL_STATIC = "hostnamectl-static"
    SYSCONFIG_NETWORK = "sysconfig-network"
    RC_CONF = "rc.conf"
    UCI = "uci"


class DhcpNameTool(enum.Enum):
    """Where the DHCP client is told which name to send (guest.md 2.5)."""

    DHCLIENT_CONF = "dhclient.conf"
    IFCFG = "ifcfg"
    NETCONFIG = "netconfig"


class BootLoader(enum.Enum):
    """Whose files tell the kernel's options (guest.md 6.4)."""

    GRUB = "grub"
    """GRUB 2, GRUB legacy or boot loader entries: what is there decides."""
    OEM = "oem"
    """A grub.cfg of the image that reads another one."""
    LOADER = "loader"
    """FreeBSD's loader."""
    UNKNOWN = "unknown"


class DiskTool(enum.Enum):
    """Who makes partitions and file systems, and where the temporary disk is looked for (guest.md 4)."""

    LINUX = "linux"
    FREEBSD = "freebsd"
    OPENBSD = "openbsd"


class ResolvConf(enum.Enum):
    """What deprovisioning does with /etc/resolv.conf (guest.md 3.3)."""

    REMOVE = "remove"
    KEEP = "keep"
    RESOLVCONF = "resolvconf"


@dataclass(frozen=True)
class Guest:
    """Names of tools and places of one system. ``id`` to ``full_name`` are the quadruple of guest.md 9.1."""

    family: str = "default"
    id: str = "unknown"
    version: str = ""
    code_name: str = ""
    full_name: str = ""
    known: bool = True
    """False for an id we only guessed a family for: the log says so once."""

    # accounts and privileges
    account_tool: AccountTool = AccountTool.SHADOW
    login_shell: str | None = None
    ordinary_users: tuple[str, ...] = ()
    """Never taken for system users, whatever their UID (``core`` on CoreOS)."""
    privilege_tool: PrivilegeTool = PrivilegeTool.SUDO
    remote_users: bool = False
    """Just-in-time accounts are supported (guest.md 9.3, last line)."""
    utmp: str | None = "/var/run/utmp"

    # name and network
    host_name_tool: HostNameTool = HostNameTool.FILE
    host_name_file: str = "/etc/hostname"
    dhcp_name_tool: DhcpNameTool = DhcpNameTool.DHCLIENT_CONF
    renew: Argv = ()
    """A renew that is right for this system whatever client runs; empty: ask the client that is found running."""
    dhcp_processes: Argv = ()
    """A command that prints the pids of the DHCP client where there is no /proc to find it in."""
    dhcp_stop: Argv = ()
    dhcp_start: Argv = ()
    dhcp_available: bool = True
    network_start: Argv = ()
    lease_sources: LeaseSources = NETWORKD_LEASES + DEBIAN_LEASES + DHCPCD_LEASES
    removes_net_rules: bool = True
    primary_interface: Argv = ()
    """A command that prints the first interface where there is no /proc/net/route."""

    # services
    service_name: str = "waagent"
    service_control: Argv = ()
    """Start, stop and restart of ``service_name``; empty: no such verb is known here."""
    service_register: tuple[Argv, ...] = ()
    service_unregister: tuple[Argv, ...] = ()
    unit_directory: str = "/lib/systemd/system"

    # the SSH daemon
    sshd_restart: Argv = ()
    sshd_config_edited: bool = True
    """False where images own sshd_config; a drop-in is still written when the file includes some (guest.md 12, 23)."""

    # the provisioning medium
    media_patterns: tuple[str, ...] = ("sr[0-9]", "cdrom[0-9]", "cd[0-9]", "hd[c-z]", "vd[b-z]")
    mount: tuple[Argv, ...] = (("mount", "-o", "ro", "-t", "udf,iso9660,vfat"),)
    """Mount commands to try in order; device and mount point are appended."""
    eject: Argv = ("eject", "{device}")
    pools: bool = True
    """VMs of a pool are supported: they wait under a placeholder for their customer (guest.md 1.7)."""
    media_modules: tuple[str, ...] = ("udf", "isofs")
    """Kernel modules to load when no mount succeeds."""

    # the kernel
    boot_loader: BootLoader = BootLoader.GRUB
    boot_key: str = "GRUB_CMDLINE_LINUX_DEFAULT"
    """Where /etc/default/grub has the options of ordinary entries."""
    disk_timeout: Argv = ()
    """Sets the timeout of all SCSI disks, in ``{seconds}``; empty: each disk has an attribute of its own in /sys."""

    # the agent's own process
    search_places: tuple[tuple[str, str], ...] = ()
    """(variable, directory) pairs to append to lists of places in the environment."""

    disk_tool: DiskTool = DiskTool.LINUX

    # identity and deprovisioning
    vm_id_command: Argv = ("dmidecode", "--string", "system-uuid")
    vm_id_file: str | None = "/sys/class/dmi/id/product_uuid"
    vm_id_swapped: bool = True
    resolv_conf: ResolvConf = ResolvConf.REMOVE
    forget_machine_id: bool = False
    forget: tuple[str, ...] = ()
    """Files with secrets or seeds that deprovisioning deletes besides the common ones."""

    refusal: str = ""
    """Why provisioning is refused here, as a sentence; empty where it works."""


@dataclass(frozen=True)
class Identity:
    """Which system this is, before a family is chosen (guest.md 9.1)."""

    id: str = "unknown"
    version: str = ""
    code_name: str = ""
    full_name: str = ""
    like: tuple[str, ...] = ()

    def at_least(self, version: str) -> bool:
        """Whether the version is ``version`` or newer; a system without version (testing, rolling) is the newest."""
        return not self.version or order(self.version) >= order(version)

    def named(self, guest: Guest) -> Guest:
        """``guest`` with this identity written into it."""
        return replace(guest, id=self.id, version=self.version, code_name=self.code_name, full_name=self.full_name)


def order(version: str) -> tuple[tuple[int, int, str], ...]:
    """A sort key: runs of digits as numbers, anything else as text that is newer than any number (``9.10 > 9.9``)."""
    pieces: list[str] = re.findall(r"\d+|[A-Za-z]+|[^\dA-Za-z.\s]+", version)
    return tuple((0, int(piece), "") if piece.isdigit() else (1, 0, piece) for piece in pieces)


def filled(argv: Argv, **words: str) -> Argv:
    """``argv`` with its placeholders replaced; each stays one argument."""
    return tuple(argument.format(**words) if "{" in argument else argument for argument in argv)
