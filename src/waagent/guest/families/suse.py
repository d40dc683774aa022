"""SLES and openSUSE: System V scripts and dhcpcd before 12 (13.2), systemd with wicked after that."""

from dataclasses import replace

from waagent.guest.families.redhat import DISABLE, ENABLE
from waagent.guest.profile import (
    DHCPCD_LEASES,
    NETWORKMANAGER_LEASES,
    SBIN_SERVICE,
    DhcpNameTool,
    Guest,
    HostNameTool,
    Identity,
)

IDS = ("suse", "sles", "sle_hpc", "sle-micro", "opensuse", "opensuse-leap", "opensuse-tumbleweed", "sl-micro")

SUSE11 = Guest(
    family="suse11",
    host_name_file="/etc/HOSTNAME",
    service_control=SBIN_SERVICE,
    service_register=(("insserv", "{name}"),),
    service_unregister=(("insserv", "-r", "{name}"),),
    sshd_restart=("/sbin/service", "sshd", "restart"),
    dhcp_stop=("/sbin/service", "dhcpcd", "stop"),
    dhcp_start=("/sbin/service", "dhcpcd", "start"),
    network_start=("/sbin/service", "network", "start"),
    lease_sources=DHCPCD_LEASES,
    remote_users=True,
    boot_key="GRUB_CMDLINE_LINUX",
)
SUSE = replace(
    SUSE11,
    family="suse",
    host_name_tool=HostNameTool.HOSTNAMECTL,
    dhcp_name_tool=DhcpNameTool.NETCONFIG,
    service_control=("systemctl", "{verb}", "{name}.service"),
    service_register=ENABLE,
    service_unregister=DISABLE,
    sshd_restart=("systemctl", "restart", "sshd.service"),
    dhcp_stop=("systemctl", "stop", "wickedd-dhcp4.service"),
    dhcp_start=("systemctl", "start", "wickedd-dhcp4.service"),
    network_start=("systemctl", "start", "network.service"),
    unit_directory="/usr/lib/systemd/system",
    lease_sources=NETWORKMANAGER_LEASES,
)


def select(identity: Identity) -> Guest | None:
    if identity.id not in IDS:
        return None
    enterprise = identity.id in ("sles", "suse") and not identity.at_least("12")
    community = identity.id == "opensuse" and not identity.at_least("13.2")
    return SUSE11 if enterprise or community else SUSE
