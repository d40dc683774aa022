"""FreeBSD and OpenBSD."""

from dataclasses import replace

from waagent.guest.profile import AccountTool, BootLoader, DiskTool, Guest, HostNameTool, Identity, PrivilegeTool

FREEBSD = Guest(
    family="freebsd",
    account_tool=AccountTool.PW,
    remote_users=True,
    utmp="/var/run/utx.active",
    host_name_tool=HostNameTool.RC_CONF,
    host_name_file="/etc/rc.conf",
    renew=("/etc/rc.d/dhclient", "restart", "{interface}"),
    dhcp_processes=("pgrep", "-n", "dhclient"),
    dhcp_start=("/etc/rc.d/dhclient", "start", "{interface}"),
    lease_sources=(("openbsd", ("/var/db/dhclient.leases.*",)),),
    removes_net_rules=False,
    primary_interface=("ifconfig", "-l", "ether"),
    service_control=("service", "{name}", "{verb}"),
    service_register=(("sysrc", "waagent_enable=YES"),),
    service_unregister=(("sysrc", "-x", "waagent_enable"),),
    sshd_restart=("service", "sshd", "restart"),
    # one device takes one type there, and the first releases read no UDF directory (guest.md 1.3)
    mount=(("mount", "-t", "udf", "-o", "ro"), ("mount", "-t", "cd9660", "-o", "ro")),
    eject=("cdcontrol", "-f", "{device}", "eject"),
    media_modules=(),
    disk_tool=DiskTool.FREEBSD,
    pools=False,
    boot_loader=BootLoader.LOADER,
    disk_timeout=("sysctl", "kern.cam.da.default_timeout={seconds}"),
    vm_id_file=None,
    vm_id_command=("kenv", "-q", "smbios.system.uuid"),
)
OPENBSD = replace(
    FREEBSD,
    family="openbsd",
    account_tool=AccountTool.OPENBSD,
    privilege_tool=PrivilegeTool.DOAS,
    utmp=None,
    host_name_tool=HostNameTool.FILE,
    host_name_file="/etc/myname",
    renew=("/sbin/dhclient", "{interface}"),
    dhcp_start=(),
    primary_interface=("ifconfig", "hvn"),
    service_control=("rcctl", "{verb}", "{name}"),
    service_register=(("chmod", "0555", "/etc/rc.d/{name}"), ("rcctl", "enable", "{name}")),
    service_unregister=(("rcctl", "disable", "{name}"),),
    sshd_restart=("rcctl", "restart", "sshd"),
    media_patterns=("cd[0-9]c",),
    mount=(("mount", "-o", "ro", "-t", "udf"), ("mount", "-o", "ro", "-t", "cd9660")),
    eject=("cdio", "eject", "{device}"),
    disk_tool=DiskTool.OPENBSD,
    boot_loader=BootLoader.UNKNOWN,
    disk_timeout=(),
    vm_id_command=("sysctl", "-n", "hw.uuid"),
    vm_id_swapped=False,
    forget=(
        *("/etc/random.seed", "/var/db/host.random", "/etc/isakmpd/local.pub", "/etc/isakmpd/private/local.key"),
        *("/etc/iked/private/local.key", "/etc/iked/local.pub"),
    ),
)


def select(identity: Identity) -> Guest | None:
    return {"freebsd": FREEBSD, "openbsd": OPENBSD}.get(identity.id)
