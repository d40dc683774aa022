"""The second network card of a virtual machine: a plug on a bridge of its own, where nobody but the gateway is.

It is called as in the other guests, by a rule of the machine's udev, and comes when the machine has that rule: its slot lies
behind the first card's, so that eth0 stays what it is. A machine on somebody's own disk calls it as it likes.
"""

from pathlib import Path

from fabriclab.guests import machine, vm_disk
from fabriclab.guests.fabric_init import SECOND_GATEWAY, SECOND_MAC
from fabriclab.guests.guest_init import SECOND_CARD
from fabriclab.guests.namespace import FabricNamespace
from fabriclab.guests.qmp import Monitor

BRIDGE, TAP = "fab1", "vm1"
_MADE = (
    'ip link show "$1" >/dev/null 2>&1 || { '
    'ip link add "$1" type bridge && ip address add "$2" dev "$1" && ip link set "$1" up '
    '&& ip tuntap add dev "$3" mode tap && ip link set "$3" master "$1" && ip link set "$3" up; }'
)
SETTLED = (
    f"udevadm control --reload; udevadm trigger --action=add --settle /sys/class/net/*; networkctl reload; "
    f"/lib/systemd/systemd-networkd-wait-online --interface={SECOND_CARD} --timeout=60"
)
"""What a machine that is up does to have the card that was just plugged in."""


def write(layer: Path, address: str) -> None:
    """The machine's own files for it."""
    name = f"[Match]\nMACAddress={SECOND_MAC}\nType=ether\n\n[Link]\nName={SECOND_CARD}\n"
    lines = [
        "[Match]",
        f"Name={SECOND_CARD}",
        "",
        "[Network]",
        f"Address={address}",
        "LinkLocalAddressing=no",
        "IPv6AcceptRA=no",
    ]
    machine.write(layer / "etc/systemd/network/05-second.link", name, 0o644)
    machine.write(layer / "etc/systemd/network/20-second.network", "\n".join(lines) + "\n", 0o644)


def plug(namespace: FabricNamespace, monitor: Monitor) -> None:
    """Into a machine that has none yet in this run of its."""
    vm_disk.do(namespace, "sh", "-c", _MADE, "sh", BRIDGE, f"{SECOND_GATEWAY}/24", TAP)
    monitor.ask("netdev_add", type="tap", id="net1", ifname=TAP, script="no", downscript="no")
    monitor.ask("device_add", driver="virtio-net-pci", id="second", netdev="net1", mac=SECOND_MAC, addr="0xb", romfile="")
