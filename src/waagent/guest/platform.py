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


def asset_tag(system: System) -> str:
    """The chassis asset tag, empty where this machine does not tell it."""
    content = system.files.read_if_there(ASSET_TAG_FILE, 4096)
    if content is not None:
        return content.decode("ascii", "replace").strip()
    for argv in ASSET_TAG_COMMANDS:
        if not system.commands.find(argv[0]):
            continue
        try:
            return system.commands.run(argv, timeout=10.0).stdout.strip()
        except CommandFailure:
            continue
    return ""


def is_azure(tag: str) -> bool:
    """Whether a chassis asset tag is Azure's."""
    return tag == ASSET_TAG
