"""SharedConfig: what it says about RDMA on this instance (fabric.md 3.3, guest.md 6.6). Nothing else of it is read here.

Odd: the hardware address is twelve digits without separators. Where several instances are listed, ours is the one that the
element ``Incarnation`` names.
"""

from __future__ import annotations

import ipaddress
import re

from waagent.codec.element import attribute, first, local, tree
from waagent.model.network import RdmaAddress

DOCUMENT = "SharedConfig.xml"


def rdma_address(data: bytes) -> RdmaAddress | None:
    """The address of the RDMA device, None without one. Errors: ``DocumentFailure`` when it is no XML."""
    root = tree(data, DOCUMENT)
    ours = attribute(first(root, "Incarnation"), "instance")
    instances = [each for each in root.iter() if local(each) == "Instance"]
    instance = next((each for each in instances if attribute(each, "id") == ours), instances[0] if instances else None)
    ipv4, mac = attribute(instance, "rdmaIPv4Address"), attribute(instance, "rdmaMacAddress")
    return address(ipv4, mac) if ipv4 and mac else None


def address(ipv4: str, mac: str) -> RdmaAddress | None:
    """Both in their usual form; None where one of them is none."""
    digits = re.sub(r"[:-]", "", mac).upper()
    try:
        usual = str(ipaddress.IPv4Address(ipv4))
    except ValueError:
        return None
    return RdmaAddress(usual, digits) if re.fullmatch(r"[0-9A-F]{12}", digits) else None
