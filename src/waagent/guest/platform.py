"""Are we on Azure? Proved before anything is sent (guest.md trap 46; promises.md, "wrong platform").

Proofs, cheapest first: the chassis asset tag that every Azure VM has; a host route to the wire server's address, which
only the platform's DHCP installs; option 245 in a lease. The provisioning medium is the daemon's to look for.
"""

from __future__ import annotations

from waagent.model.failure import CommandFailure
from waagent.system.port import System

ASSET_TAG = "7783-7084-3265-9085-8269-3286-77"
ASSET_TAG_FILE = "/sys/class/dmi/id/chassis_asset_tag"
ASSET_TAG_COMMANDS = (("kenv", "-q", "smbios.chassis.tag"), ("sysctl", "-n", "hw.chassis_asset"))
VENDOR_FILE = "/sys/class/dmi/id/sys_vendor"
VENDOR_COMMANDS = (("kenv", "-q", "smbios.system.maker"), ("sysctl", "-n", "hw.vendor"))
PRODUCT_FILE = "/sys/class/dmi/id/product_name"
PRODUCT_COMMANDS = (("kenv", "-q", "smbios.system.product"), ("sysctl", "-n", "hw.product"))
HYPER_V = ("Microsoft Corporation", "Virtual Machine")
"""Vendor and product of every machine on Hyper-V, on Azure and elsewhere."""
BOOT_ID = "/proc/sys/kernel/random/boot_id"


def asset_tag(system: System) -> str:
    """The chassis asset tag, empty where this machine does not tell it."""
    return _told(system, ASSET_TAG_FILE, ASSET_TAG_COMMANDS)


def is_azure(tag: str) -> bool:
    """Whether a chassis asset tag is Azure's."""
    return tag == ASSET_TAG


def is_hyper_v_elsewhere(system: System) -> bool:
    """Whether this is a machine on Hyper-V that tells an asset tag, and not Azure's (guest.md 6.8)."""
    tag = asset_tag(system)
    if not tag or is_azure(tag):
        return False
    return (_told(system, VENDOR_FILE, VENDOR_COMMANDS), _told(system, PRODUCT_FILE, PRODUCT_COMMANDS)) == HYPER_V


def boot_id(system: System) -> str:
    """What names this boot of the machine; empty where the kernel has no such thing."""
    return (system.files.read_if_there(BOOT_ID, 128) or b"").decode("ascii", "replace").strip()


def _told(system: System, path: str, commands: tuple[tuple[str, ...], ...]) -> str:
    content = system.files.read_if_there(path, 4096)
    if content is not None:
        return content.decode("ascii", "replace").strip()
    for argv in commands:
        if not system.commands.find(argv[0]):
            continue
        try:
            return system.commands.run(argv, timeout=10.0).stdout.strip()
        except CommandFailure:
            continue
    return ""
