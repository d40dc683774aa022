"""What the kernel itself tells: networks, devices and the packet filter by netlink, the host name by its file below /proc.

Nothing that is said is read for its meaning: whoever listens looks for himself. Where the kernel says nothing (no such
socket, no such file), short looks or the caller's own period take its place.
"""

from __future__ import annotations

import os
import select
import socket

from waagent.system.real.ending import Ending
from waagent.system.real.watch import Glances, Polled

LINKS = 0x1
"""RTMGRP_LINK: links that come, go, or change their state."""
ROUTES = LINKS | 0x10 | 0x40
"""Also RTMGRP_IPV4_IFADDR and RTMGRP_IPV4_ROUTE: addresses and routes."""
DEVICES = 0x1
"""The kernel's own group of events of devices; 2 would be udev's."""
RULES = 1 << 6
"""NFNLGRP_NFTABLES, the seventh group."""
HOST_NAME = "/proc/sys/kernel/hostname"

_ROUTE_FAMILY, _PACKET_FILTER_FAMILY, _DEVICE_FAMILY = 0, 12, 15
_ROOM = 16 * 1024
"""Bytes of events that may wait to be heard. What does not fit is lost, and counts as an event."""


def routes(ending: Ending, groups: int) -> Polled | Glances:
    """Links and, with ``ROUTES``, IPv4 addresses and routes."""
    return _netlink(ending, _ROUTE_FAMILY, groups)


def devices(ending: Ending) -> Polled | Glances:
    """Devices that come, go or change, as the kernel sees them: udev may still be at work on them."""
    return _netlink(ending, _DEVICE_FAMILY, DEVICES)


def packet_filter(ending: Ending) -> Polled | Glances:
    """Rules of nftables that come and go, and those that iptables keeps there; the old kind of iptables tells nothing."""
    return _netlink(ending, _PACKET_FILTER_FAMILY, RULES)


def host_name(ending: Ending, path: str = HOST_NAME) -> Polled | Glances:
    """Changes of the host name, whoever makes them.

    Such a file is always readable and only its urgent state tells of a change; an epoll of its own makes of that a
    descriptor that is readable when, and only when, the name was changed.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return Glances(ending)
    try:
        turned = select.epoll()
        turned.register(descriptor, select.EPOLLPRI)
    except (OSError, AttributeError):
        os.close(descriptor)
        return Glances(ending)

    def close() -> None:
        turned.close()
        os.close(descriptor)

    return Polled(ending, turned.fileno(), close)


def _netlink(ending: Ending, family: int, groups: int) -> Polled | Glances:
    try:
        kind = socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        channel = socket.socket(socket.AF_NETLINK, kind, family)
    except (OSError, AttributeError):
        return Glances(ending)
    try:
        channel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _ROOM)
        channel.bind((0, groups))
    except OSError:
        channel.close()
        return Glances(ending)
    return Polled(ending, channel.fileno(), channel.close)
