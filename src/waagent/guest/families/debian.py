"""Debian, Devuan and Kali."""

from dataclasses import replace

from waagent.guest.profile import DEBIAN_LEASES, NETWORKD_LEASES, SERVICE, SYSTEMCTL, Guest, Identity

RELOAD_SSH = ("systemctl", "--job-mode=ignore-dependencies", "try-reload-or-restart", "ssh")
"""A plain restart can deadlock with the boot jobs that wait for it (trap 25)."""

BASE = Guest(
    family="debian-base",
    service_control=SERVICE,
    sshd_restart=RELOAD_SSH,
    lease_sources=DEBIAN_LEASES + NETWORKD_LEASES,
    removes_net_rules=False,
)
OLD = replace(BASE, sshd_restart=("service", "ssh", "reload"))
DEBIAN = replace(
    BASE,
    family="debian",
    # compat: Debian's own package gives users bash; the distribution's default for useradd is /bin/sh
    login_shell="/bin/bash",
    service_name="walinuxagent",
    service_control=SYSTEMCTL,
    remote_users=True,
)
DEVUAN = replace(
    BASE,
    family="devuan",
    service_name="walinuxagent",
    service_control=("/usr/sbin/service", "{name}", "{verb}"),
    # compat: the reference has the arguments of this command swapped, so it never restarted sshd (guest.md 2.8)
    sshd_restart=("service", "ssh", "restart"),
)


def select(identity: Identity) -> Guest | None:
    if identity.id == "debian":
        return DEBIAN if "sid" in identity.version or identity.at_least("8") else OLD
    if identity.id == "devuan":
        return DEVUAN if identity.at_least("4") else replace(Guest(), removes_net_rules=False)
    return replace(BASE, family="kali") if identity.id == "kali" else None
