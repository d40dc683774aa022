"""Small Linux systems without systemd: Alpine (OpenRC) and OpenWrt (procd)."""

from dataclasses import replace

from waagent.guest.profile import DHCPCD_LEASES, Guest, HostNameTool, Identity

ALPINE = Guest(
    family="alpine",
    service_control=("rc-service", "{name}", "{verb}"),
    service_register=(("rc-update", "add", "{name}", "default"),),
    service_unregister=(("rc-update", "del", "{name}", "default"),),
    sshd_config_edited=False,
    lease_sources=DHCPCD_LEASES,
    remote_users=True,
)
OPENWRT = replace(
    ALPINE,
    family="openwrt",
    login_shell="/bin/ash",
    host_name_tool=HostNameTool.UCI,
    service_control=("/etc/init.d/{name}", "{verb}"),
    service_register=(("/etc/init.d/{name}", "enable"),),
    service_unregister=(("/etc/init.d/{name}", "disable"),),
    sshd_config_edited=True,
    sshd_restart=("/etc/init.d/sshd", "restart"),
    network_start=("/etc/init.d/network", "start"),
    lease_sources=(),
    removes_net_rules=False,
    eject=(),
)


def select(identity: Identity) -> Guest | None:
    if identity.id in ("alpine", "alpaquita"):
        return ALPINE
    return OPENWRT if identity.id == "openwrt" else None
