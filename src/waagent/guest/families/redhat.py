"""RHEL and its rebuilds by release, Fedora, EulerOS, UOS and IOS-XE."""

from dataclasses import replace

from waagent.guest.profile import (
    NETWORKD_LEASES,
    NETWORKMANAGER_LEASES,
    SBIN_SERVICE,
    SYSTEMCTL,
    DhcpNameTool,
    Guest,
    HostNameTool,
    Identity,
)

IDS = ("redhat", "rhel", "centos", "oracle", "ol", "almalinux", "cloudlinux", "rocky")
ENABLE = (("systemctl", "enable", "{name}"),)
DISABLE = (("systemctl", "disable", "{name}"),)

RHEL6 = Guest(
    family="rhel6",
    host_name_tool=HostNameTool.SYSCONFIG_NETWORK,
    dhcp_name_tool=DhcpNameTool.IFCFG,
    service_control=SBIN_SERVICE,
    service_register=(("chkconfig", "--add", "{name}"),),
    service_unregister=(("chkconfig", "--del", "{name}"),),
    sshd_restart=("/sbin/service", "sshd", "condrestart"),
    network_start=("/sbin/service", "network", "start"),
    lease_sources=(("dhclient", ("/var/lib/dhclient/dhclient-*.leases",)),),
    remote_users=True,
    boot_key="GRUB_CMDLINE_LINUX",
)
RHEL7 = replace(
    RHEL6,
    family="rhel7",
    host_name_tool=HostNameTool.HOSTNAMECTL_STATIC,
    service_register=ENABLE,
    service_unregister=DISABLE,
    unit_directory="/usr/lib/systemd/system",
    lease_sources=(("dhclient", ("/var/lib/dhclient/dhclient-*.lease",)), *NETWORKMANAGER_LEASES),
)
RHEL86 = replace(RHEL7, family="rhel8.6", service_control=SYSTEMCTL, sshd_restart=("systemctl", "condrestart", "sshd"))
FEDORA = replace(
    RHEL86,
    family="fedora",
    host_name_tool=HostNameTool.FILE,
    dhcp_name_tool=DhcpNameTool.DHCLIENT_CONF,
    sshd_restart=("systemctl", "restart", "sshd"),
    sshd_config_edited=False,
    network_start=(),
    remote_users=False,
    lease_sources=NETWORKMANAGER_LEASES + NETWORKD_LEASES,
)
IOSXE = replace(RHEL7, family="iosxe", service_control=(), sshd_restart=(), dhcp_available=False, remote_users=False)


def select(identity: Identity) -> Guest | None:
    if identity.id in IDS:
        return RHEL86 if identity.at_least("8.6") else RHEL7 if identity.at_least("7") else RHEL6
    if identity.id in ("euleros", "uos"):
        return replace(RHEL7, family=identity.id, remote_users=False)
    return {"fedora": FEDORA, "iosxe": IOSXE}.get(identity.id)
