"""The ``Sockets`` port: what DHCP and address discovery need (guest.md 5.1 to 5.3).

Bound to a device, a limited broadcast leaves it even when it has neither address nor route; where the kernel cannot bind
to a device (FreeBSD), the caller's host route for 255.255.255.255 decides.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable

from waagent.model.failure import SystemFailure
from waagent.system.port import Listener, Watch
from waagent.system.real.ending import Ending

_SERVER = ("255.255.255.255", 67)
_CLIENT_PORT = 68
_SYS = "/sys/class/net"
_LOOPBACK_TYPE = "772"
_REPLY_LIMIT = 4096


class RealSockets:
    """``ending`` ends every watch."""

    def __init__(self, ending: Ending | None = None) -> None:
        self._ending = ending or Ending()

    def broadcast(self, packet: bytes, *, interface: str, timeout: float, accept: Callable[[bytes], bool]) -> bytes | None:
        """Errors: ``SystemFailure`` when the packet cannot be sent (port 68 busy, no such interface, network down)."""
        end = time.monotonic() + timeout
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
                channel.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                channel.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
                if interface and hasattr(socket, "SO_BINDTODEVICE"):
                    channel.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode() + b"\0")
                channel.bind(("0.0.0.0", _CLIENT_PORT))
                channel.sendto(packet, _SERVER)
                return _first_accepted(channel, end, accept)
        except OSError as error:
            raise SystemFailure(f"cannot ask for an address on {interface}: {error.strerror or error}") from error

    def interfaces(self) -> tuple[tuple[str, bytes], ...]:
        return tuple((name, mac) for name in _names() if (mac := _hardware_address(name)) is not None)

    def watch_links(self) -> Watch:
        from waagent.system.real import kernel_news

        return kernel_news.routes(self._ending, kernel_news.LINKS)

    def watch_routes(self) -> Watch:
        from waagent.system.real import kernel_news

        return kernel_news.routes(self._ending, kernel_news.ROUTES)

    def watch_devices(self) -> Watch:
        from waagent.system.real import kernel_news

        return kernel_news.devices(self._ending)

    def watch_packet_filter(self) -> Watch:
        from waagent.system.real import kernel_news

        return kernel_news.packet_filter(self._ending)

    def watch_host_name(self) -> Watch:
        from waagent.system.real import kernel_news

        return kernel_news.host_name(self._ending)

    def listen(self, address: str, port: int) -> Listener:
        from waagent.system.real.listener import RealListener  # nearly no fabric asks for it

        return RealListener(address, port, self._ending)

    def host_name(self) -> str:
        return socket.gethostname()

    def local_address(self, towards: str) -> str | None:
        family = socket.AF_INET6 if ":" in towards else socket.AF_INET
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as channel:
                channel.connect((towards, 9))  # chooses the route; a datagram socket sends nothing here
                return str(channel.getsockname()[0])
        except OSError:
            return None


def _first_accepted(channel: socket.socket, end: float, accept: Callable[[bytes], bool]) -> bytes | None:
    while (left := end - time.monotonic()) > 0:
        channel.settimeout(left)
        try:
            reply = channel.recv(_REPLY_LIMIT)
        except TimeoutError:
            return None
        if accept(reply):
            return reply
    return None


def _names() -> list[str]:
    try:
        return sorted(os.listdir(_SYS))
    except OSError:
        return [name for _, name in socket.if_nameindex()]


def _hardware_address(name: str) -> bytes | None:
    """The address of an Ethernet-like interface, or None for the loopback one and for tunnels."""
    kind = _attribute(name, "type")
    if kind == _LOOPBACK_TYPE or name.startswith("lo"):
        return None
    if kind is None:
        return _address_from_ioctl(name)
    try:
        return bytes.fromhex((_attribute(name, "address") or "").replace(":", "")) or None
    except ValueError:
        return None


def _attribute(name: str, what: str) -> str | None:
    try:
        with open(f"{_SYS}/{name}/{what}", encoding="ascii", errors="replace") as stream:
            return stream.read().strip()
    except OSError:
        return None


def _address_from_ioctl(name: str) -> bytes | None:
    """SIOCGIFHWADDR; systems without it (FreeBSD) are asked by the caller through ``ifconfig``."""
    import fcntl
    import struct

    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
            answer = fcntl.ioctl(channel.fileno(), 0x8927, struct.pack("256s", name.encode()[:15]))
    except OSError:
        return None
    return answer[18:24]
