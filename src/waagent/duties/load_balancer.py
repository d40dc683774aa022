"""Answering the probes of a load balancer, on the port that the goal state names (guest.md 6.7).

Classic input endpoints used it; a fabric of today names no port, and then nothing listens. Odd: only the last of several ports
counts, and a port that cannot be had is not tried again until the fabric names another one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from email.utils import format_datetime

from waagent.model.failure import Failure
from waagent.system.port import Listener, System

TRIES = 5
PERIOD = 10.0
"""Seconds between two looks for an address, unless the kernel tells of a change before."""


class Responder:
    """``errand`` does a piece of work in a lane of its own, which is busy as long as a port is answered.

    ``towards`` gives the address whose side of the machine is the primary one: the wire server's.
    """

    def __init__(self, system: System, towards: Callable[[], str], errand: Callable[[Callable[[], object]], object]) -> None:
        self._system = system
        self._towards = towards
        self._errand = errand
        self._lock = threading.Lock()
        self._port: int | None = None
        self._listener: Listener | None = None
        self._probes = 0

    def want(self, ports: tuple[int, ...]) -> None:
        """Answer on the last of these ports from now on, and on no other one."""
        port = ports[-1] if ports else None
        with self._lock:
            if port == self._port:
                return
            self._port = port
            if self._listener is not None:
                self._listener.close()
        if port is not None:
            self._errand(lambda: self._serve(port))

    def _serve(self, port: int) -> None:
        log = self._system.log
        address = self._address(port)
        try:
            with self._lock:
                if self._port != port:
                    return
                if address is None:
                    log.error(f"the load balancer's probes of port {port} are not answered: there is no IPv4 address")
                    return
                listener = self._listener = self._system.sockets.listen(address, port)
            self._probes = 0
            log.info(f"probes of a load balancer are answered on {address}:{port}")
            listener.serve(self._answer)
            log.info(f"probes of a load balancer are no longer answered on {address}:{port}")
        except Failure as failure:
            log.error(f"the load balancer's probes of port {port} are not answered: {failure.reason}")
        finally:
            with self._lock:
                self._listener = None

    def _address(self, port: int) -> str | None:
        sockets = self._system.sockets
        with closing(sockets.watch_routes()) as watch:
            for left in reversed(range(TRIES)):
                address = sockets.local_address(self._towards())
                if address is not None or not left or self._port != port or not watch.wait(PERIOD):
                    return address
        return None

    def _answer(self) -> bytes:
        self._probes += 1
        tell = self._system.log.info if self._probes == 1 else self._system.log.verbose
        tell("a load balancer has probed this machine")
        return answer(format_datetime(self._system.clock.now(), usegmt=True))


def answer(date: str) -> bytes:
    """The one answer to every probe."""
    lines = ("HTTP/1.1 200 OK", "Content-Length: 2", "Content-Type: text/html", f"Date: {date}", "", "OK")
    return "\r\n".join(lines).encode("ascii")
