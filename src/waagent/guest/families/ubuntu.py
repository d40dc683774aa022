"""Ubuntu, by release: upstart up to 14.10, systemd with ifupdown up to 17.04, systemd-networkd after that."""

from dataclasses import replace

from waagent.guest.families.debian import DEBIAN, RELOAD_SSH
from waagent.guest.profile import NETWORKD_LEASES, SERVICE, SYSTEMCTL, Guest, Identity, ResolvConf

START_NETWORKING = ("service", "networking", "start")

U14 = replace(
    DEBIAN,
    family="ubuntu14",
    login_shell=None,
    service_control=SERVICE,
    # compat: the reference restarts nothing on Ubuntu, so its edit of sshd_config waited for a boot (guest.md 2.8)
    sshd_restart=("service", "ssh", "reload"),
    network_start=START_NETWORKING,
    resolv_conf=ResolvConf.RESOLVCONF,
    media_modules=("udf", "isofs"),
)
U12 = replace(U14, family="ubuntu12")
U16 = replace(
    U14,
    family="ubuntu16",
    sshd_restart=RELOAD_SSH,
    service_register=(("systemctl", "unmask", "{name}"),),
    service_unregister=(("systemctl", "mask", "{name}"),),
)
U18 = replace(
    U16,
    family="ubuntu18",
    service_control=SYSTEMCTL,
    network_start=("systemctl", "start", "systemd-networkd"),
    lease_sources=NETWORKD_LEASES,
    resolv_conf=ResolvConf.KEEP,
)
NEW = replace(U18, family="ubuntu", lease_sources=NETWORKD_LEASES + DEBIAN.lease_sources)
SNAPPY = replace(U14, family="snappy", sshd_restart=RELOAD_SSH)


def select(identity: Identity) -> Guest | None:
    if identity.id != "ubuntu":
        return None
    if identity.full_name == "Snappy Ubuntu Core":
        return SNAPPY
    for first, guest in (("24.10", NEW), ("17.10", U18), ("15.04", U16), ("14.04", U14)):
        if identity.at_least(first):
            return guest
    return U12
