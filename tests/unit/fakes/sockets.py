"""Prepared answers of the network; packets sent are kept."""

from __future__ import annotations

from collections.abc import Callable


class FakeSockets:
    def __init__(
        self,
        replies: tuple[bytes, ...] = (),
        interfaces: tuple[tuple[str, bytes], ...] = (("eth0", bytes.fromhex("000d3a123456")),),
        host_name: str = "host",
        local_address: str | None = "10.0.0.4",
    ) -> None:
        self.replies = list(replies)
        self.sent: list[tuple[str, bytes]] = []
        self._interfaces = interfaces
        self._host_name = host_name
        self._local_address = local_address

    def broadcast(self, packet: bytes, *, interface: str, timeout: float, accept: Callable[[bytes], bool]) -> bytes | None:
        self.sent.append((interface, packet))
        while self.replies:
            reply = self.replies.pop(0)
            if accept(reply):
                return reply
        return None

    def interfaces(self) -> tuple[tuple[str, bytes], ...]:
        return self._interfaces

    def host_name(self) -> str:
        return self._host_name

    def local_address(self, towards: str) -> str | None:
        return self._local_address
