"""Prepared answers of the network; packets sent are kept."""

from __future__ import annotations

import threading
from collections.abc import Callable

from unit.fakes.watch import FakeWatch
from waagent.model.failure import SystemFailure
from waagent.system.port import Listener, Watch


class FakeListener:
    """A port that is served until it is closed. ``probes`` happen as soon as it is served: each keeps its answer."""

    def __init__(self, address: str, port: int, probes: int) -> None:
        self.address, self.port = address, port
        self.answers: list[bytes] = []
        self.closed = threading.Event()
        self._probes = probes

    def serve(self, answer: Callable[[], bytes]) -> None:
        self.answers += [answer() for _ in range(self._probes)]
        self.closed.wait(10.0)

    def close(self) -> None:
        self.closed.set()


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
        self._later: list[tuple[float, Callable[[], object]]] = []
        self.pause: Callable[[float], bool] = lambda seconds: True
        self.routes: Watch | None = None
        self.devices: Watch | None = None
        self.names: Watch | None = None
        """Prepared watches; without one, nothing tells of such news."""
        self.busy_ports: set[int] = set()
        self.probes = 0
        self.listeners: list[FakeListener] = []
        self.listened = threading.Event()

    def later(self, seconds: float, change: Callable[[], object]) -> FakeSockets:
        """Something happens to the links after so many seconds of waiting for it; it ends the wait."""
        self._later.append((seconds, change))
        self._later.sort(key=lambda one: one[0])
        return self

    def set_interfaces(self, *names: str) -> None:
        self._interfaces = tuple((name, bytes.fromhex("000d3a123456")) for name in names)

    def watch_links(self) -> FakeWatch:
        return FakeWatch(self._later, lambda seconds: self.pause(seconds))

    def watch_routes(self) -> Watch:
        return self.routes or self.watch_links()

    def watch_devices(self) -> Watch:
        return self.devices or self.watch_links()

    def watch_packet_filter(self) -> Watch:
        return self.watch_links()

    def watch_host_name(self) -> Watch:
        return self.names or self.watch_links()

    def set_local_address(self, address: str | None) -> None:
        self._local_address = address

    def set_host_name(self, name: str) -> None:
        self._host_name = name

    def broadcast(self, packet: bytes, *, interface: str, timeout: float, accept: Callable[[bytes], bool]) -> bytes | None:
        self.sent.append((interface, packet))
        while self.replies:
            reply = self.replies.pop(0)
            if accept(reply):
                return reply
        return None

    def interfaces(self) -> tuple[tuple[str, bytes], ...]:
        return self._interfaces

    def listen(self, address: str, port: int) -> Listener:
        if port in self.busy_ports:
            raise SystemFailure(f"cannot listen on {address}:{port}: Address already in use")
        self.listeners.append(FakeListener(address, port, self.probes))
        self.listened.set()
        return self.listeners[-1]

    def host_name(self) -> str:
        return self._host_name

    def local_address(self, towards: str) -> str | None:
        return self._local_address
