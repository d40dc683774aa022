"""Giving RDMA devices their addresses (guest.md 6.6, step 4): what is written where, and which card is meant. Pure.

Odd: InfiniBand's hardware addresses have twenty bytes. The six that the platform knows are bytes 13 to 15 and 18 to 20; the
two between are made up by the card.
"""

from __future__ import annotations

import re

from waagent.guest.profile import Argv
from waagent.model.network import RdmaAddress
from waagent.system.action import Plan, Run, WriteFile, WriteThrough

DAT_FILES = ("/etc/dat.conf", "/etc/rdma/dat.conf", "/usr/local/etc/dat.conf")
DEVICE = "/dev/hvnd_rdma"
PREFIX = 16
"""Length of the network's prefix, on every kind of device."""
SELF_NAMED = (4, 1)
"""From this version on the driver takes its address from the host by itself."""
ALREADY_THERE = 2
_DAT = re.compile(r'^(ofa-v2-ib0 u2\.0 nonthreadsafe default libdaplofa\.so\.2 dapl\.2\.0 )"[^"\n]* 0"', re.MULTILINE)


def dat(path: str, text: str, address: RdmaAddress) -> Plan:
    """The provider's entry gets the address."""
    changed = _DAT.sub(lambda match: f'{match[1]}"{address.ipv4} 0"', text)
    why = "have the provider of DAPL use the RDMA device"
    return () if changed == text else (WriteFile(path, changed.encode("utf-8", "surrogateescape"), why=why),)


def told(address: RdmaAddress) -> Plan:
    """What the driver is told through its device."""
    text = f'rdmaMacAddress="{address.mac_with_colons}" rdmaIPv4Address="{address.ipv4}"'
    return (WriteThrough(DEVICE, text.encode("ascii"), why="tell the driver its address"),)


def names_itself(version: str) -> bool:
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    return numbers >= SELF_NAMED


def up(name: str, address: RdmaAddress, *, with_ip: bool) -> Plan:
    """The card is up and has the address; ``with_ip``: by ip, else by ifconfig, which old systems have alone."""
    why, where = f"have {name} on the RDMA network", f"{address.ipv4}/{PREFIX}"
    link: Argv = ("ip", "link", "set", name, "up") if with_ip else ("ifconfig", name, "up")
    named: Argv = ("ip", "addr", "add", where, "dev", name) if with_ip else ("ifconfig", name, where)
    return Run(link, why=why), Run(named, ok=(0, ALREADY_THERE) if with_ip else (0,), why=why)


def known_as(name: str, hardware: bytes) -> str:
    """The address by which the platform knows a card, as twelve digits."""
    if name.startswith("ib") and len(hardware) == 20:
        hardware = hardware[12:15] + hardware[17:20]
    return hardware.hex().upper()


def ethernet(cards: tuple[tuple[str, bytes], ...], address: RdmaAddress) -> str | None:
    """The ``ethN`` of this hardware address."""
    return next((name for name, mac in cards if re.fullmatch(r"eth\d+", name) and known_as(name, mac) == address.mac), None)


def fitting(cards: tuple[tuple[str, bytes], ...], wanted: tuple[RdmaAddress, ...]) -> dict[str, RdmaAddress]:
    """Which card gets which address."""
    by_mac = {each.mac: each for each in wanted}
    return {name: by_mac[known] for name, mac in cards if (known := known_as(name, mac)) in by_mac}
