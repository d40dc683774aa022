"""Systems of systemd-networkd: Flatcar, Azure Linux, Arch, Clear, Photon, Chainguard. Most images own their sshd_config."""

from dataclasses import replace

from waagent.guest.families.redhat import DISABLE, ENABLE
from waagent.guest.profile import NETWORKD_LEASES, SYSTEMCTL, BootLoader, Guest, Identity

ARCH = Guest(
    family="arch",
    service_control=SYSTEMCTL,
    sshd_config_edited=False,
    unit_directory="/usr/lib/systemd/system",
    dhcp_stop=("systemctl", "stop", "systemd-networkd"),
    dhcp_start=("systemctl", "start", "systemd-networkd"),
    network_start=("systemctl", "start", "systemd-networkd"),
    lease_sources=NETWORKD_LEASES,
    remote_users=True,
    forget_machine_id=True,
)
COREOS = replace(
    ARCH,
    family="coreos",
    unit_directory="/lib/systemd/system",
    ordinary_users=("core",),
    boot_loader=BootLoader.OEM,
    search_places=(("PATH", "/usr/share/oem/python/bin"), ("PYTHONPATH", "/usr/share/oem/bin/waagent")),
)
CLEAR = replace(ARCH, family="clear", forget_machine_id=False)
PHOTON = replace(CLEAR, family="photon", sshd_restart=("systemctl", "restart", "sshd"), remote_users=False)
AZURE_LINUX = replace(
    PHOTON,
    family="azurelinux",
    service_register=ENABLE,
    service_unregister=DISABLE,
    remote_users=True,
    boot_key="GRUB_CMDLINE_LINUX",
)
CHAINGUARD = replace(
    CLEAR, family="chainguard", sshd_config_edited=True, dhcp_stop=(), dhcp_start=(), network_start=ARCH.network_start
)
_BY_ID = {
    "arch": ARCH,
    "archarm": ARCH,
    "flatcar": COREOS,
    "coreos": COREOS,
    "photonos": PHOTON,
    "photon": PHOTON,
    "mariner": AZURE_LINUX,
    "azurelinux": AZURE_LINUX,
    "chainguard": CHAINGUARD,
}


def select(identity: Identity) -> Guest | None:
    if "clear linux" in identity.full_name.lower() or identity.id == "clear-linux-os":
        return CLEAR
    if identity.code_name.lower() in ("coreos", "flatcar"):
        return COREOS
    return _BY_ID.get(identity.id)
