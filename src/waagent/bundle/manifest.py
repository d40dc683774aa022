"""What goes into the bundle, as data (extensions.md 9.6): two lists, and what comes first when there is not room for all."""

from __future__ import annotations

from dataclasses import dataclass

from waagent.config.paths import Paths


@dataclass(frozen=True)
class Manifest:
    """``listings`` are directories whose entries are told, ``files`` are patterns; ``first`` are those gathered first."""

    listings: tuple[str, ...]
    files: tuple[str, ...]
    first: tuple[str, ...]


_SYSTEM = ("/etc/*-release", "/etc/HOSTNAME", "/etc/hostname")
_LOGS = ("/var/log/dmesg*", "/var/log/syslog*", "/var/log/auth*")
_LIBRARY = (
    "ovf-env.xml",
    "waagent_status.json",
    "*/status/*.status",
    "*/config/*.settings",
    "*/config/HandlerState",
    "*/config/HandlerStatus",
    "history/*.zip",
)
_FULL_LIBRARY = ("provisioned", "SharedConfig.xml", "ManagedIdentity-*.json", "*/error.json")
_FULL_SYSTEM = (
    "/etc/fstab",
    "/etc/ssh/sshd_config",
    "/boot/grub*/grub.c*",
    "/boot/grub*/menu.lst",
    "/etc/network/interfaces",
    "/etc/network/interfaces.d/*.cfg",
    "/etc/netplan/50-cloud-init.yaml",
    "/etc/nsswitch.conf",
    "/etc/resolv.conf",
    "/run/systemd/resolve/stub-resolv.conf",
    "/run/resolvconf/resolv.conf",
    "/etc/sysconfig/iptables",
    "/etc/sysconfig/network",
    "/etc/sysconfig/network/ifcfg-eth*",
    "/etc/sysconfig/network/routes",
    "/etc/sysconfig/network-scripts/ifcfg-eth*",
    "/etc/sysconfig/network-scripts/route-eth*",
    "/etc/sysconfig/SuSEfirewall2",
    "/etc/ufw/ufw.conf",
    "/var/lib/dhcp/dhclient.eth0.leases",
    "/var/lib/dhclient/dhclient-eth0.leases",
    "/var/lib/wicked/lease-eth0-dhcp-ipv4.xml",
    "/run/systemd/netif/leases/2",
)
_FULL_LOGS = ("rsyslog*", "messages*", "kern*", "dpkg*", "yum*", "cloud-init*", "boot*", "secure*", "azure-proxy-agent/*")


def manifest(paths: Paths, configuration: str, *, full: bool) -> Manifest:
    """The list for support's usual questions, or the ``full`` one. ``configuration`` is the agent's own file."""
    logs = paths.extension_logs
    common = (*_SYSTEM, configuration, f"{paths.log}*", *_LOGS, f"{logs}/*/*", f"{logs}/*/*/*")
    own = tuple(f"{paths.lib}/{name}" for name in _LIBRARY)
    status = f"{paths.lib}/waagent_status.json"
    first = (paths.log, status, f"{paths.history}/*.zip", f"{logs}/*/*", f"{logs}/*/*/*", f"{paths.log}*")
    listings: tuple[str, ...] = ("/var/log", paths.lib)
    if not full:
        return Manifest(listings, (*common, *own, f"{paths.lib}/error.json"), first)
    more = tuple(f"{paths.lib}/{name}" for name in _FULL_LIBRARY)
    more += (*_FULL_SYSTEM, *(f"/var/log/{name}" for name in _FULL_LOGS), f"{logs}/run-command/handler.log")
    return Manifest((*listings, "/etc/udev/rules.d"), (*common, *own, *more), first)
