"""Where the emulator's sockets come from: the fabric's network namespace, or this machine's loopback in tests.

A service learns the address it is reached at from its own socket, never from what it asked for.
"""

import socket
from typing import Protocol


class Binder(Protocol):
    """Opens sockets. Raises OSError when an address or a port cannot be had."""

    def tcp(self, address: str, port: int) -> socket.socket:
        """A listening socket."""
        ...

    def udp(self, address: str, port: int, device: str | None = None) -> socket.socket:
        """A bound socket that may send broadcasts, restricted to the network device if one is named."""
        ...


class LoopbackBinder:
    """Every address becomes 127.0.0.1 and every port a free one; `ports` says which one stands for (address, port).

    `streams` says so of TCP alone, for the port that has both.
    """

    def __init__(self) -> None:
        self.ports: dict[tuple[str, int], int] = {}
        self.streams: dict[tuple[str, int], int] = {}

    def tcp(self, address: str, port: int) -> socket.socket:
        made = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.ports[(address, port)] = self.streams[(address, port)] = made.getsockname()[1]
        return made

    def udp(self, address: str, port: int, device: str | None = None) -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.bind(("127.0.0.1", 0))
        self.ports[(address, port)] = made.getsockname()[1]
        return made


def authority(listening: socket.socket) -> str:
    """`address:port` of a socket."""
    address, port = listening.getsockname()[:2]
    return f"{address}:{port}"
